# SPDX-License-Identifier: GPL-2.0-or-later
"""What the uplinks that dial in tell the bus. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar

from patronus.core.bus import Event
from patronus.network.pppoe.report import Report


@dataclass(frozen=True)
class SessionChanged(Event):
    """A session with a provider came up, or went: ``error`` says why. ``device`` is named as the role."""

    kind: ClassVar[str] = "pppoe-changed"
    device: str
    up: bool
    address: str | None
    peer: str | None
    error: str | None


def sessions_changed(before: Mapping[str, Report], now: Mapping[str, Report]) -> Iterator[SessionChanged]:
    """Yield the sessions that stand otherwise than before, or do not stand for another reason."""
    for device in sorted(before.keys() | now.keys()):
        old, new = before.get(device, Report()), now.get(device, Report())
        if (old.since_s, old.address, old.error) != (new.since_s, new.address, new.error):
            address, peer = (str(one) if one else None for one in (new.address, new.peer))
            yield SessionChanged(device, new.up, address, peer, new.error)
