# SPDX-License-Identifier: GPL-2.0-or-later
"""What happens to outside names, as events. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from patronus.core.bus import Event
from patronus.network.dyndns.plan import Standing
from patronus.network.dyndns.record import GOOD, Record


@dataclass(frozen=True)
class OutsideNameTold(Event):
    """The provider of an entry has these addresses of this router now."""

    kind: ClassVar[str] = "outside-name-told"
    id: str
    hostnames: tuple[str, ...]
    addresses: tuple[str, ...]


@dataclass(frozen=True)
class OutsideNameFailed(Event):
    """The provider of an entry could not be told, or refused; ``stopped``: until somebody changes something.

    Said once, until the reason is another or it goes well.
    """

    kind: ClassVar[str] = "outside-name-failed"
    id: str
    hostnames: tuple[str, ...]
    reason: str
    stopped: bool


def event_of(standing: Standing, record: Record) -> OutsideNameTold | OutsideNameFailed:
    """Return what is said of a try that is news."""
    name, hostnames = standing.entry.id, standing.entry.hostnames
    if record.verdict in GOOD:
        return OutsideNameTold(name, hostnames, tuple(str(one) for one in record.known if one is not None))
    reason = record.words + (f" ({record.answer})" if record.answer else "")
    return OutsideNameFailed(name, hostnames, reason, record.verdict == "stop")
