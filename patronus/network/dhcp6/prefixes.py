# SPDX-License-Identifier: GPL-2.0-or-later
"""Prefixes of a network, and the parts of prefixes that routers behind this one are given. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from ipaddress import IPv6Network
from itertools import chain

IDENTIFIER_BITS = 64
IDENTIFIER = (1 << IDENTIFIER_BITS) - 1
"""The mask of an identifier."""
MOST_SUBNETS = (1 << 32) - 1
"""No prefix that is given in parts has a /64 of a higher number."""
MOST_PARTS = 4096
"""Routers of one pool at most: each free part may have to be looked for among all."""


@dataclass(frozen=True)
class Prefix:
    """A /64 on the network, or what routers are given parts of; and the longest lifetimes in seconds."""

    network: IPv6Network
    preferred_s: int
    valid_s: int

    @cached_property
    def base(self) -> int:
        """Return the prefix as a number."""
        return int(self.network.network_address)


@dataclass(frozen=True, order=True)
class Part:
    """A part of a prefix for a router: the number of its first /64 in it, and its length in bits."""

    subnet: int
    length: int

    @classmethod
    def of(cls, number: int) -> Part:
        """Return the part that ``number`` wrote."""
        return cls(number >> 8, number & 0xFF)

    @property
    def number(self) -> int:
        """Return the part as a number of 64 bits."""
        return self.subnet << 8 | self.length

    @property
    def size(self) -> int:
        """Return how many /64 it has."""
        return 1 << (IDENTIFIER_BITS - self.length)

    def overlaps(self, other: Part) -> bool:
        """Return whether they have a /64 in common."""
        return self.subnet < other.subnet + other.size and other.subnet < self.subnet + self.size


@dataclass(frozen=True)
class Kept:
    """A part that is kept for one router, known by its DUID (lower-case hex) or by its MAC."""

    subnet: int
    duid: str = ""
    mac: str = ""


@dataclass(frozen=True)
class Delegation:
    """What routers are given: of each source parts of ``length`` bits, out of its /64 ``first`` to ``last``.

    A place is the position of a part among those. ``kept`` are those that one router alone may have.
    """

    sources: tuple[Prefix, ...]
    length: int
    first: int
    last: int
    kept: tuple[Kept, ...] = ()

    @cached_property
    def _places_kept(self) -> dict[Kept, int]:
        places = {one: self.place_of(Part(one.subnet, self.length)) for one in self.kept}
        return {one: place for one, place in places.items() if place is not None}

    def kept_from(self, duid: str, mac: str) -> set[int]:
        """Return the places that are kept for others than this router."""
        mine = self.kept_for(duid, mac)
        return {place for place in self._places_kept.values() if place != mine}

    def kept_for(self, duid: str, mac: str) -> int | None:
        """Return the place that is kept for this router, or None: what names its DUID comes first."""
        by_duid = (place for one, place in self._places_kept.items() if one.duid and one.duid == duid)
        by_mac = (place for one, place in self._places_kept.items() if one.mac and one.mac == mac)
        return next(chain(by_duid, by_mac), None)

    @cached_property
    def _size(self) -> int:
        return Part(0, self.length).size

    @cached_property
    def _start(self) -> int:
        """Return the first place in the whole source: a part begins at a multiple of its size."""
        return -(-self.first // self._size)

    @cached_property
    def count(self) -> int:
        """Return how many parts there are; none while no source has them."""
        reach = max((1 << (IDENTIFIER_BITS - one.network.prefixlen) for one in self.sources), default=0)
        return min(max(0, min(self.last + 1, reach) // self._size - self._start), MOST_PARTS)

    def part_at(self, place: int) -> Part:
        """Return the part at a place."""
        return Part((self._start + place) * self._size, self.length)

    def place_of(self, part: Part) -> int | None:
        """Return the place of a part, or None where there is none such."""
        place = part.subnet // self._size - self._start
        return place if 0 <= place < self.count and self.part_at(place) == part else None

    def places_of(self, parts: Iterable[Part]) -> set[int]:
        """Return the places that the parts have something of, whatever their lengths."""
        found: set[int] = set()
        for part in parts:
            first = part.subnet // self._size - self._start
            last = (part.subnet + part.size - 1) // self._size - self._start
            found.update(range(max(first, 0), min(last, self.count - 1) + 1))
        return found

    def place_with(self, address: int) -> int | None:
        """Return the place of the part that begins with the address, or None where none does."""
        for source in self.sources:
            subnet = (address - source.base) >> IDENTIFIER_BITS
            found = self.place_of(Part(subnet, self.length)) if address >= source.base else None
            if found is not None and source.base + (subnet << IDENTIFIER_BITS) == address:
                return found
        return None

    def cut(self, part: Part) -> Iterator[tuple[IPv6Network, Prefix]]:
        """Yield the prefix that the part is in each source, and the source; a small one may not have it."""
        for source in self.sources:
            if part.subnet + part.size <= 1 << (IDENTIFIER_BITS - source.network.prefixlen):
                base = source.base + (part.subnet << IDENTIFIER_BITS)
                yield IPv6Network((base, part.length)), source
