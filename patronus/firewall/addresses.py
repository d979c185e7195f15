# SPDX-License-Identifier: GPL-2.0-or-later
"""Sets of addresses of both families as merged intervals: what rules, aliases and blocklists come down to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, summarize_address_range
from typing import Literal

from patronus.core.values import Range, ipv6_text

IpAddress = IPv4Address | IPv6Address
IpNetwork = IPv4Network | IPv6Network
Version = Literal[4, 6]
VERSIONS: tuple[Version, ...] = (4, 6)
WIDTH: Mapping[int, int] = {4: 32, 6: 128}
"""Bits of an address."""
Interval = tuple[int, int]
"""First and last address as numbers, both included."""


@dataclass(frozen=True, slots=True)
class AddressSet:
    """Addresses as sorted intervals that neither overlap nor touch; ``alias`` is the alias they came from.

    One that ``lives`` may hold others tomorrow: what is made of it must not depend on what it holds today.
    """

    ipv4: tuple[Interval, ...] = ()
    ipv6: tuple[Interval, ...] = ()
    alias: str | None = None
    lives: bool = False

    @staticmethod
    def of(items: Iterable[IpNetwork | Range], alias: str | None = None) -> AddressSet:
        """Return the union of prefixes and ranges."""
        items = tuple(items)
        if len(items) == 1 and not isinstance(items[0], Range):
            return AddressSet.of_prefix(items[0], alias)
        found: dict[int, list[Interval]] = {4: [], 6: []}
        for item in items:
            if isinstance(item, Range):
                found[item.first.version].append((int(item.first), int(item.last)))
            else:
                found[item.version].append(ends(item))
        return AddressSet(merged(found[4]), merged(found[6]), alias)

    @staticmethod
    def of_prefix(prefix: IpNetwork, alias: str | None = None) -> AddressSet:
        """Return the addresses of one prefix."""
        only = (ends(prefix),)
        return AddressSet(only, (), alias) if prefix.version == 4 else AddressSet((), only, alias)

    def united(self, others: Iterable[AddressSet], alias: str | None, *, lives: bool = False) -> AddressSet:
        """Return all that this one and the others hold, under another alias; it lives if one of them does."""
        every = (self, *others)
        ipv4 = merged(item for one in every for item in one.ipv4)
        ipv6 = merged(item for one in every for item in one.ipv6)
        return AddressSet(ipv4, ipv6, alias, lives or any(one.lives for one in every))

    def intervals(self, version: Version) -> tuple[Interval, ...]:
        """Return the intervals of one family."""
        return self.ipv4 if version == 4 else self.ipv6

    @property
    def versions(self) -> tuple[Version, ...]:
        """Return the families that have an address."""
        if self.ipv4 and self.ipv6:
            return VERSIONS
        return (4,) if self.ipv4 else (6,) if self.ipv6 else ()

    def __contains__(self, address: IpAddress) -> bool:
        intervals = self.intervals(4 if address.version == 4 else 6)
        number = int(address)
        low, high = 0, len(intervals)
        while low < high:
            middle = (low + high) // 2
            if intervals[middle][1] < number:
                low = middle + 1
            else:
                high = middle
        return low < len(intervals) and intervals[low][0] <= number

    def covers(self, prefix: IpNetwork) -> bool:
        """Return whether every address of the prefix is in the set."""
        first, last = ends(prefix)
        version: Version = 4 if prefix.version == 4 else 6
        return any(left <= first and last <= right for left, right in self.intervals(version))

    def overlaps(self, other: AddressSet) -> bool:
        """Return whether the two have an address in common."""
        pairs = ((self.intervals(version), other.intervals(version)) for version in VERSIONS)
        return any(a[0] <= b[1] and b[0] <= a[1] for left, right in pairs for a in left for b in right)

    def networks(self) -> Iterator[IpNetwork]:
        """Yield the set as the fewest prefixes, IPv4 first."""
        for version in VERSIONS:
            for first, last in self.intervals(version):
                yield from _networks(version, first, last)


EMPTY = AddressSet()


def ends(prefix: IpNetwork) -> Interval:
    """Return a prefix as an interval. Its ``broadcast_address`` says the same, and is then kept for good."""
    first = int(prefix.network_address)
    behind = prefix.max_prefixlen - prefix.prefixlen
    return (first, first + (1 << behind) - 1) if behind else (first, first)


def merged(intervals: Iterable[Interval]) -> tuple[Interval, ...]:
    """Return sorted intervals with those that overlap or touch made one."""
    result: list[Interval] = []
    for first, last in sorted(intervals):
        if result and first <= result[-1][1] + 1:
            result[-1] = (result[-1][0], max(last, result[-1][1]))
        else:
            result.append((first, last))
    return tuple(result)


def outside(intervals: Iterable[Interval], everything: Iterable[Interval]) -> tuple[Interval, ...]:
    """Return what is in ``everything`` and not in the intervals."""
    found = list(everything)
    for low, high in intervals:
        below = [(first, min(last, low - 1)) for first, last in found if first < low]
        found = below + [(max(first, high + 1), last) for first, last in found if last > high]
    return merged(found)


def end_of(address: IpAddress, port: int) -> str:
    """Return one end of a connection as people write it."""
    if not port:
        return str(address)
    return f"[{address}]:{port}" if address.version == 6 else f"{address}:{port}"


def address(version: Version, number: int) -> IpAddress:
    """Return a number as an address of the family."""
    return IPv4Address(number) if version == 4 else IPv6Address(number)


def spelled(version: Version, number: int) -> str:
    """Return an address of the family as text, without making one: thousands of rules do this."""
    if version == 6:
        return ipv6_text(number)
    return f"{number >> 24}.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"


def _networks(version: Version, first: int, last: int) -> Iterator[IpNetwork]:
    if version == 4:
        yield from summarize_address_range(IPv4Address(first), IPv4Address(last))
    else:
        yield from summarize_address_range(IPv6Address(first), IPv6Address(last))


def single_network(version: Version, first: int, last: int) -> IpNetwork | None:
    """Return the interval as one prefix, or None where it needs several."""
    size = last - first + 1
    if size & (size - 1) or first % size:
        return None
    length = (32 if version == 4 else 128) - (size.bit_length() - 1)
    return IPv4Network((first, length)) if version == 4 else IPv6Network((first, length))


def host_networks(addresses: Iterable[IpAddress | str]) -> Iterator[IpNetwork]:
    """Yield each address as a prefix of full length."""
    for item in addresses:
        value = ip_address(item) if isinstance(item, str) else item
        yield IPv4Network(value) if isinstance(value, IPv4Address) else IPv6Network(value)


def prefixes(width: int, first: int, last: int) -> Iterator[tuple[int, int]]:
    """Yield the fewest prefixes that make up an interval: length and leading bits as a number."""
    while first <= last:
        free = min((first & -first).bit_length() - 1 if first else width, (last - first + 1).bit_length() - 1)
        yield width - free, first >> free
        first += 1 << free
