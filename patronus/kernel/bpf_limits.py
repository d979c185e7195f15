# SPDX-License-Identifier: GPL-2.0-or-later
"""The limits by source that XDP holds, behind the pins: what stands at each way in, and what it counts as.

The limits of one way in change in one step, and a source starts anew under other figures. While there is no
limit of a kind one number says so, and nothing else is asked.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Mapping
from zlib import crc32

from patronus.core.early import EarlyLimits, Ingress, Limited, SourceLimit
from patronus.core.errors import KernelError
from patronus.kernel.bpf_codec import LIMIT, rule_number
from patronus.kernel.bpf_map import Map
from patronus.kernel.bpf_rules import keep_counting, number_of, way_in

_ONLY = struct.pack("=I", 0)
_NONE = bytes(LIMIT.size)
_NS_PER_S = 1_000_000_000
_ROOM_MAX = 1 << 62
"""Nanoseconds, some 146 years: what the program adds to the time of now must not run over."""


def limit(one: SourceLimit) -> bytes:
    """Return ``struct limit``."""
    cost = max(one.per_s * _NS_PER_S // one.count, 1)
    figures = crc32(struct.pack("=QQQ", one.count, one.per_s, one.burst))
    return LIMIT.pack(cost, min(cost * one.burst, _ROOM_MAX), rule_number(one.origin), figures)


def limits(here: Iterable[SourceLimit]) -> bytes:
    """Return ``struct limits``: one for each kind, empty where there is none."""
    found = {one.kind: limit(one) for one in here}
    return b"".join(found.get(kind, _NONE) for kind in Limited)


class SourceLimits:
    """The limits that the program looks up."""

    def __init__(self, opened: Callable[[str], Map]) -> None:
        self._opened = opened
        self._wanted: Mapping[bytes, bytes] = {}
        self._kinds = 0

    def replace(self, wanted: EarlyLimits) -> None:
        """Make the limits exactly these. Raises KernelError; then nothing is limited here."""
        try:
            self._put(wanted)
        except KernelError:
            self._switch(0)
            raise

    @property
    def most_sources(self) -> int:
        """How many sources are remembered; the oldest give way."""
        return self._opened("sources").max_entries

    def _put(self, wanted: EarlyLimits) -> None:
        keep_counting(self._opened("rule_drops"), wanted.origins)
        table = self._opened("limits")
        items = {key: limits(here) for key, here in self._keys(wanted)}
        table.update_many(items.items())
        for stale in set(table.keys()) - items.keys():
            table.delete(stale)
        self._wanted = items
        self._switch(sum(1 << kind for kind in {one.kind for here in wanted.limits.values() for one in here}))

    def _keys(self, wanted: EarlyLimits) -> Iterable[tuple[bytes, tuple[SourceLimit, ...]]]:
        for ingress, here in wanted.limits.items():
            key = _key(ingress, wanted.tagged)
            if key is not None:
                yield key, here

    def _switch(self, kinds: int) -> None:
        self._opened("limited_kinds").update(_ONLY, struct.pack("=I", kinds))
        self._kinds = kinds

    def differs(self) -> str | None:
        """Return how what the program looks up differs from what was brought, None where it does not."""
        raw = self._opened("limited_kinds").lookup(_ONLY)
        if raw != struct.pack("=I", self._kinds):
            return "other kinds are limited"
        found = dict(self._opened("limits").items())
        return None if found == self._wanted else f"{len(found)} ways in with other limits"


def _key(ingress: Ingress, tagged: frozenset[str]) -> bytes | None:
    number = number_of(ingress.device, tagged)
    return None if number is None else way_in(ingress, number)
