# SPDX-License-Identifier: GPL-2.0-or-later
"""What counters have seen, of the kernel's and of both planes together. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


class Counted(Protocol):
    """What a counter has seen."""

    @property
    def packets(self) -> int:
        """Packets."""

    @property
    def bytes(self) -> int:
        """Bytes."""


@dataclass(frozen=True)
class Seen:
    """What both planes have counted; ``early`` packets of them were dropped by XDP."""

    packets: int
    bytes: int
    early: int = 0


UNSEEN = Seen(0, 0)
