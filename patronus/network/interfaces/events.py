# SPDX-License-Identifier: GPL-2.0-or-later
"""What the interfaces tell the bus. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from patronus.core.bus import Event


@dataclass(frozen=True)
class LinkChanged(Event):
    """A link appeared (``present``), went, came up or lost its carrier; ``role`` None: it plays none."""

    kind: ClassVar[str] = "link-changed"
    device: str
    role: str | None
    present: bool
    up: bool
    carrier: bool
