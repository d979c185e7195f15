# SPDX-License-Identifier: GPL-2.0-or-later
"""The events of the engine, for observers: audit, the stream of the faces, detection."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from patronus.core.bus import Event


@dataclass(frozen=True)
class ConfigChanged(Event):
    """Generation ``new`` runs in place of ``old``; with ``confirm_within_s``, it goes unless confirmed."""

    kind: ClassVar[str] = "config-changed"
    actor: str
    old: int
    new: int
    changes: tuple[str, ...] = ()
    confirm_within_s: float | None = None


@dataclass(frozen=True)
class ConfigConfirmed(Event):
    """The generation stays."""

    kind: ClassVar[str] = "config-confirmed"
    actor: str
    generation: int


@dataclass(frozen=True)
class ConfigReverted(Event):
    """Generation ``old`` was not confirmed in time; ``new`` runs again."""

    kind: ClassVar[str] = "config-reverted"
    old: int
    new: int
    reason: str


@dataclass(frozen=True)
class Drift(Event):
    """The kernel is not as planned, and nobody said so yet; ``what`` is a stable name."""

    kind: ClassVar[str] = "drift"
    what: str
    wanted: str
    found: str


@dataclass(frozen=True)
class DriftEnded(Event):
    """What was not as planned is so again."""

    kind: ClassVar[str] = "drift-ended"
    what: str


@dataclass(frozen=True)
class HandEditsRefused(Event):
    """Edits of /etc/patronus cannot be taken; they are kept as the draft of ``owner``."""

    kind: ClassVar[str] = "hand-edits-refused"
    owner: str
    problems: tuple[str, ...]


@dataclass(frozen=True)
class ApplyFailed(Event):
    """A change did not reach the kernel; ``generation`` runs as before unless ``restored`` is false."""

    kind: ClassVar[str] = "apply-failed"
    generation: int
    reason: str
    restored: bool
