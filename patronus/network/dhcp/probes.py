# SPDX-License-Identifier: GPL-2.0-or-later
"""Offers that wait until somebody had time to say that the address is in use. Pure; time is handed in.

Nobody waits for another's offer, and in a flood new ones do not wait at all.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

WAIT_S = 0.4
"""How long an address is asked for: a host on the link answers within milliseconds, one that sleeps later."""
UNDER_WAY = 64
"""Offers that wait at one time."""
AGAIN = 4
"""Addresses that are tried for one question."""


class Timer(Protocol):
    """A callback that is due."""

    def close(self) -> None:
        """Forget it."""


Later = Callable[[float, Callable[[], None]], Timer]


@dataclass
class Waiting:
    """An offer to a host that is known by its hardware address; ``again`` finds another address for it."""

    mac: bytes
    give: Callable[[], None]
    again: Callable[[], None]
    timer: Timer | None = None


class Probes:
    """The offers that wait, by device and address."""

    def __init__(self, later: Later) -> None:
        self._later = later
        self._waiting: dict[tuple[str, int], Waiting] = {}

    def begin(self, device: str, address: int, offer: Waiting) -> bool:
        """Give the offer in a while; False where it must be given at once, as too many wait.

        A host that asks again meanwhile gets one answer, at the time of the first.
        """
        key = device, address
        known = self._waiting.get(key)
        if known is None and len(self._waiting) >= UNDER_WAY:
            return False
        offer.timer = known.timer if known is not None else self._later(WAIT_S, lambda: self._give(key))
        self._waiting[key] = offer
        return True

    def _give(self, key: tuple[str, int]) -> None:
        self._waiting.pop(key).give()

    def heard(self, device: str, address: int, mac: bytes) -> Waiting | None:
        """Take in who has an address; return the offer of it that still stands, and is another's."""
        offer = self._waiting.get((device, address))
        return offer if offer is not None and offer.mac != mac else None

    def end(self, device: str, address: int) -> None:
        """Forget an offer that waits."""
        offer = self._waiting.pop((device, address))
        if offer.timer is not None:
            offer.timer.close()

    def clear(self) -> None:
        """Forget all: hosts ask again."""
        for device, address in list(self._waiting):
            self.end(device, address)
