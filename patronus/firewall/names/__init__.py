# SPDX-License-Identifier: GPL-2.0-or-later
"""The addresses of a host by its name, as they were answered and as long as they count. Pure.

An address stays for an hour after the last answer that had it: servers behind one name take turns in answers,
and who has just been let through to one of them must not be cut off by the next. So a name is asked for again
when an address ends that the last answer did not have, if its TTL is longer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from patronus.firewall.addresses import IpAddress, Version

LEAST_S, MOST_S = 60.0, 3600.0
"""How soon and how late a name is asked for again, whatever its TTL says."""
GRACE_S = 3600.0
FIRST_S, LONGEST_S = 5.0, 300.0
"""Pauses after nobody answered: the first, doubled each time, up to the longest."""
MOST_ADDRESSES = 64
"""Addresses of one name; those that were answered last count."""


@dataclass(frozen=True)
class Answer:
    """What was answered for one family. ``fault`` says why that is nothing that counts."""

    version: Version
    addresses: tuple[IpAddress, ...] = ()
    ttl_s: float = MOST_S
    fault: str | None = None


@dataclass(frozen=True)
class HostName:
    """What is known of a name: address → seconds since boot when it was last answered; when it is due."""

    seen: Mapping[IpAddress, float] = field(default_factory=dict)
    due_s: float = 0.0
    failed: int = 0
    fault: str | None = "the name has not been asked for yet"

    def taken(self, answers: Sequence[Answer], now_s: float) -> HostName:
        """Return what is known after a question for each family. Where nothing came the addresses stay.

        A family that has no address says nothing of another whose question was lost.
        """
        good = [one for one in answers if one.fault is None]
        found = [address for one in good for address in one.addresses]
        faults = [one.fault for one in answers if one.fault is not None]
        if faults and not found:
            pause = min(FIRST_S * 2.0 ** min(self.failed, 10), LONGEST_S)
            return replace(self, due_s=now_s + pause, failed=self.failed + 1, fault=faults[0])
        if not found:
            return HostName(self.seen, now_s + LEAST_S, 0, "the name has no address")
        ttl_s = min(one.ttl_s for one in good if one.addresses)
        seen = self._with(found, {one.version for one in good}, now_s)
        ends_s = min(seen.values()) + GRACE_S - now_s
        due_s = now_s + (LEAST_S if faults else min(max(min(ttl_s, ends_s), LEAST_S), MOST_S))
        return HostName(seen, due_s, 0, None)

    def _with(self, found: Sequence[IpAddress], asked: set[Version], now_s: float) -> dict[IpAddress, float]:
        kept = {
            address: last_s
            for address, last_s in self.seen.items()
            if address.version not in asked or now_s - last_s < GRACE_S
        }
        newest = sorted({**kept, **dict.fromkeys(found, now_s)}.items(), key=lambda item: -item[1])
        return dict(newest[:MOST_ADDRESSES])
