# SPDX-License-Identifier: GPL-2.0-or-later
"""What happens to lists, as events."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from patronus.core.bus import Event


@dataclass(frozen=True)
class ListChanged(Event):
    """A list was brought in and is another than before; ``used_by`` are the parts of the configuration."""

    kind: ClassVar[str] = "list-changed"
    url: str
    entries: int
    used_by: tuple[str, ...]


@dataclass(frozen=True)
class ListFailed(Event):
    """A list could not be brought in; the one of before, of ``entries``, stays. Said once."""

    kind: ClassVar[str] = "list-failed"
    url: str
    reason: str
    entries: int
    used_by: tuple[str, ...]
