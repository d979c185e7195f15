# SPDX-License-Identifier: GPL-2.0-or-later
"""Blocked prefixes as the tables of ``bpf/shared.h``: pure, no kernel is touched here.

IPv4 is a two-level table: two bits for each /24 (none, all, some), in pages of one /16, and 256 bits for
each /24 that is blocked in part. IPv6 is a trie behind a filter with a bit for each hash of the first 32
bits. Both are exact: a lookup in the tables says what a search through the prefixes says.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network

from patronus.kernel.bpf_codec import Prefix

PAGES = 65536
PAGE_BYTES = 64
HOSTS_BYTES = 32
FILTER_PAGE_BYTES = 64
FILTER_BITS = 20
FILTER_BYTES = (1 << FILTER_BITS) // 8

_ALL_FOUR = 0x55  # four /24s, each BLOCK_ALL
_ALL, _SOME = 1, 2
_FILTER_MULTIPLIER = 0x9E3779B1
_LENGTH_BITS = 6


def _encode(prefix: IPv4Network) -> int:
    return int(prefix.network_address) << _LENGTH_BITS | prefix.prefixlen


@dataclass
class Tables:
    """What the IPv4 maps shall hold for the pages from ``first_page`` on."""

    first_page: int
    states: bytearray
    hosts: dict[int, int] = field(default_factory=dict)

    def pages(self) -> Iterator[tuple[int, bytes]]:
        """Yield each page's number and bytes."""
        for start in range(0, len(self.states), PAGE_BYTES):
            yield self.first_page + start // PAGE_BYTES, bytes(self.states[start : start + PAGE_BYTES])

    def block(self, address: int, length: int) -> None:
        """Block the prefix as far as it lies in these pages; all short ones after all long ones."""
        if length > 24:
            slot = address >> 8
            bits = (1 << (1 << (32 - length))) - 1
            self.hosts[slot] = self.hosts.get(slot, 0) | bits << (address & 0xFF)
            return
        base = self.first_page << 8
        first = max((address >> 8) - base, 0)
        end = min((address >> 8) - base + (1 << (24 - length)), len(self.states) * 4)
        if first % 4 == 0 and end % 4 == 0:
            self.states[first // 4 : end // 4] = bytes([_ALL_FOUR]) * ((end - first) // 4)
            return
        for slot in range(first, end):
            self._set(slot, _ALL)

    def mark_parts(self) -> None:
        """Give every /24 with blocked hosts its state; one that is blocked whole needs no hosts."""
        base = self.first_page << 8
        for slot in list(self.hosts):
            index = slot - base
            if self.states[index // 4] >> (index % 4 * 2) & 3 == _ALL:
                del self.hosts[slot]
            else:
                self._set(index, _SOME)

    def _set(self, slot: int, state: int) -> None:
        shift = slot % 4 * 2
        self.states[slot // 4] = self.states[slot // 4] & ~(3 << shift) | state << shift


class BlockedIPv4:
    """The blocked IPv4 prefixes, eight bytes each, in order."""

    def __init__(self, prefixes: Iterable[IPv4Network] = ()) -> None:
        self._codes = array("Q", sorted({_encode(prefix) for prefix in prefixes}))

    def _index(self, code: int) -> int:
        return bisect_left(self._codes, code)

    def _holds(self, code: int) -> bool:
        index = self._index(code)
        return index < len(self._codes) and self._codes[index] == code

    def __len__(self) -> int:
        return len(self._codes)

    def __contains__(self, prefix: IPv4Network) -> bool:
        return self._holds(_encode(prefix))

    def add(self, prefix: IPv4Network) -> bool:
        """Add ``prefix``; returns whether it is new."""
        code = _encode(prefix)
        if self._holds(code):
            return False
        self._codes.insert(self._index(code), code)
        return True

    def remove(self, prefix: IPv4Network) -> bool:
        """Remove ``prefix``; returns whether it was there."""
        code = _encode(prefix)
        if not self._holds(code):
            return False
        del self._codes[self._index(code)]
        return True

    def tables(self, within: IPv4Network) -> Tables:
        """Return the tables for the pages that ``within`` touches."""
        start, end = int(within.network_address) >> 16, int(within.broadcast_address) >> 16
        tables = Tables(start, bytearray((end + 1 - start) * PAGE_BYTES))
        codes: Sequence[int] = self._codes[
            self._index(start << 16 + _LENGTH_BITS) : self._index(end + 1 << 16 + _LENGTH_BITS)
        ]
        pairs = [(code >> _LENGTH_BITS, code & 0x3F) for code in codes]
        pairs += self._covering(start << 16)
        for address, length in sorted(pairs, key=lambda pair: -pair[1]):
            tables.block(address, length)
        tables.mark_parts()
        return tables

    def parts(self, within: IPv4Network) -> set[int]:
        """Return the /24s in ``within`` that hold prefixes longer than /24."""
        low = self._index(int(within.network_address) << _LENGTH_BITS)
        high = self._index(int(within.broadcast_address) + 1 << _LENGTH_BITS)
        return {code >> _LENGTH_BITS + 8 for code in self._codes[low:high] if code & 0x3F > 24}

    def _covering(self, address: int) -> list[tuple[int, int]]:
        masked = [(address >> 32 - length << 32 - length, length) for length in range(16)]
        return [pair for pair in masked if self._holds(pair[0] << _LENGTH_BITS | pair[1])]


def paint_filter(image: bytearray, prefix: IPv6Network) -> None:
    """Set in ``image`` (FILTER_BYTES long) the bit of every 32-bit start that ``prefix`` covers."""
    if prefix.prefixlen < 32 - FILTER_BITS:
        image[:] = b"\xff" * FILTER_BYTES
        return
    first = int(prefix.network_address) >> 96
    for start in range(first, first + (1 << max(32 - prefix.prefixlen, 0))):
        bit = (start * _FILTER_MULTIPLIER & 0xFFFFFFFF) >> 32 - FILTER_BITS
        image[bit >> 3] |= 1 << (bit & 7)


class Never:
    """The never-block prefixes: says which of them covers a prefix that somebody wants to block."""

    def __init__(self, prefixes: Iterable[Prefix] = ()) -> None:
        self.prefixes = frozenset(prefixes)
        lengths: dict[int, set[tuple[int, int]]] = {4: set(), 6: set()}
        for prefix in self.prefixes:
            shift = prefix.max_prefixlen - prefix.prefixlen
            lengths[prefix.version].add((prefix.prefixlen, int(prefix.network_address) >> shift))
        self._starts = {version: frozenset(starts) for version, starts in lengths.items()}
        self._lengths = {version: {length for length, _ in starts} for version, starts in lengths.items()}

    def covers(self, prefix: Prefix) -> bool:
        """Whether the whole of ``prefix`` may never be blocked."""
        address, width = int(prefix.network_address), prefix.max_prefixlen
        return any(
            (length, address >> width - length) in self._starts[prefix.version]
            for length in self._lengths[prefix.version]
            if length <= prefix.prefixlen
        )
