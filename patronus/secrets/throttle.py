# SPDX-License-Identifier: GPL-2.0-or-later
"""Back-off after wrong tries, per account and per source. Pure: told the time, in seconds since boot."""

from __future__ import annotations

import ipaddress
import math
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass

from patronus.core.errors import TooManyRequests

KEYS = 4096
"""Keys remembered; past that the one longest untouched is forgotten."""
FORGET_S = 3600.0
"""A key without a wrong try for so long starts anew."""


@dataclass(frozen=True)
class Limit:
    """``free`` tries cost nothing; each one more doubles the wait from 1 s up to ``longest_s``."""

    free: int
    longest_s: float

    def wait(self, failures: int) -> float:
        """Return seconds to wait after so many wrong tries."""
        if failures < self.free:
            return 0.0
        return min(self.longest_s, 2.0 ** min(failures - self.free, 30))


ACCOUNT = Limit(free=5, longest_s=30.0)
"""Short: whoever knows an account's name must not be able to lock its owner out."""
SOURCE = Limit(free=5, longest_s=900.0)
CODE = Limit(free=5, longest_s=900.0)
"""Whoever gets so far has the password: the owner is not kept out by strangers."""


@dataclass
class _Record:
    failures: int
    last: float


class Throttle:
    """Counts tries by key. A try counts as wrong from its start, so that parallel ones cannot slip by."""

    def __init__(self) -> None:
        self._records: OrderedDict[str, _Record] = OrderedDict()

    def begin(self, limits: Mapping[str, Limit], now: float) -> None:
        """Enter a try against each key. Raises TooManyRequests, without counting, while one must wait."""
        remaining = max(self._remaining(key, limit, now) for key, limit in limits.items())
        if remaining > 0:
            raise TooManyRequests(f"wait {math.ceil(remaining)} s before the next try", round(remaining, 1))
        for key in limits:
            self._records[key] = _Record(self._failures(key, now) + 1, now)
            self._records.move_to_end(key)
        while len(self._records) > KEYS:
            self._records.popitem(last=False)

    def _failures(self, key: str, now: float) -> int:
        record = self._records.get(key)
        return 0 if record is None or now - record.last > FORGET_S else record.failures

    def _remaining(self, key: str, limit: Limit, now: float) -> float:
        record = self._records.get(key)
        return 0.0 if record is None else record.last + limit.wait(self._failures(key, now)) - now

    def withdraw(self, key: str) -> None:
        """Take back one try that was neither right nor wrong: the check itself did not happen."""
        record = self._records.get(key)
        if record is not None:
            record.failures = max(0, record.failures - 1)

    def succeed(self, key: str) -> None:
        """Forget the wrong tries of a key after a right one."""
        self._records.pop(key, None)


def account_key(name: str, source: str, *, known: bool) -> str:
    """Return what a try against an account is held against.

    A source from which its owner came in before counts for itself: with many addresses one can slow down
    all others, and not the owner where they usually are.
    """
    return f"account {name} from {source}" if known else f"account {name}"


def source_key(origin: str) -> str:
    """Return whom to hold a try against: the address in the origin, an IPv6 one by its /64 (RFC 4291)."""
    last = origin.rpartition(" ")[2]
    try:
        address = ipaddress.ip_address(last)
    except ValueError:
        return f"source {origin}"
    if address.version == 4:
        return f"source {address}"
    return f"source {ipaddress.ip_network((address, 64), strict=False)}"
