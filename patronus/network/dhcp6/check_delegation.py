# SPDX-License-Identifier: GPL-2.0-or-later
"""What is wrong with the prefixes that routers are given: no source, no room, or somebody else's. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from ipaddress import IPv6Interface, IPv6Network

from patronus.core.problem import Path, Problem
from patronus.network.dhcp6.model import Ipv6Pool, PrefixDelegation
from patronus.network.dhcp6.prefixes import IDENTIFIER_BITS, MOST_SUBNETS, Delegation, Part, Prefix
from patronus.network.interfaces.model import Interface


def check_delegations(
    pools: Sequence[Ipv6Pool], interfaces: Mapping[str, Interface], path: Path
) -> Iterator[Problem]:
    """Yield every problem; ``path`` is that of the pools."""
    earlier: list[tuple[PrefixDelegation, str]] = []
    for position, pool in enumerate(pools):
        item = pool.delegation
        if item is None:
            continue
        at = (*path, position, "delegation")
        yield from _prefix(item, interfaces, at)
        yield from _uplink(item, interfaces, at)
        if Delegation(_sources(item), item.length, item.first, _last(item)).count == 0:
            end = "the end" if item.last is None else item.last
            message = f"from {item.first} to {end} is no whole /{item.length}"
            yield Problem(
                (*at, "first"), message, item.first, f"{1 << (IDENTIFIER_BITS - item.length)} /64 each"
            )
        yield from _reservations(item, at)
        for other, owner in earlier:
            if _same_source(item, other) and item.first <= _last(other) and other.first <= _last(item):
                message = f"the pool {owner} gives parts of these to its routers"
                yield Problem((*at, "first"), message, item.first, hint="first and last say which are whose")
        earlier.append((item, pool.id))


def _reservations(item: PrefixDelegation, at: Path) -> Iterator[Problem]:
    """Yield prefixes that are kept and never given, and what is kept twice."""
    whole = Delegation(_sources(item), item.length, item.first, _last(item))
    seen: dict[tuple[str, str], str] = {}
    for position, kept in enumerate(item.reservations):
        here, size = (*at, "reservations", position), Part(0, item.length).size
        if kept.subnet % size:
            near = kept.subnet // size * size
            message = f"no /{item.length} begins at /64 number {kept.subnet}"
            yield Problem((*here, "subnet"), message, kept.subnet, f"{near} or {near + size}")
        elif whole.count and not item.first <= kept.subnet <= kept.subnet + size - 1 <= _last(item):
            end = "the end" if item.last is None else item.last
            message = f"the prefix at {kept.subnet} is none of those that are given"
            yield Problem((*here, "subnet"), message, kept.subnet, f"{item.first} to {end}")
        for name in ("mac", "duid", "subnet"):
            value = getattr(kept, name)
            first = seen.setdefault((name, str(value)), kept.id)
            if value is not None and first != kept.id:
                message = f"{value} is already reserved by {first}"
                yield Problem((*here, name), message, value, "one reservation each")


def _last(item: PrefixDelegation) -> int:
    return MOST_SUBNETS if item.last is None else item.last


def _sources(item: PrefixDelegation) -> tuple[Prefix, ...]:
    """Return what there may be to give: of an uplink nobody knows, so the most."""
    if isinstance(item.prefix, IPv6Network):
        return (Prefix(item.prefix, 0, 0),) if item.prefix.prefixlen <= item.length else ()
    return (Prefix(IPv6Network("::/0"), 0, 0),)


def _same_source(one: PrefixDelegation, other: PrefixDelegation) -> bool:
    if isinstance(one.prefix, IPv6Network) and isinstance(other.prefix, IPv6Network):
        return one.prefix.overlaps(other.prefix)
    return one.from_ == other.from_ and one.from_ is not None


def _prefix(item: PrefixDelegation, interfaces: Mapping[str, Interface], at: Path) -> Iterator[Problem]:
    if item.prefix is None:
        return
    if not isinstance(item.prefix, IPv6Network):
        yield Problem((*at, "prefix"), f"{item.prefix} is not IPv6", str(item.prefix), "an IPv6 prefix")
        return
    for interface in interfaces.values():
        for own in interface.ipv6.addresses:
            if isinstance(own, IPv6Interface) and own.network.overlaps(item.prefix):
                message = f"{own.network} of it is the network of {interface.id}"
                yield Problem((*at, "prefix"), message, str(item.prefix), "a prefix of routers alone")


def _uplink(item: PrefixDelegation, interfaces: Mapping[str, Interface], at: Path) -> Iterator[Problem]:
    if item.from_ is None:
        return
    uplink = interfaces.get(item.from_)
    if uplink is None or uplink.ipv6.prefix_delegation is None:
        able = [one.id for one in interfaces.values() if one.ipv6.prefix_delegation is not None]
        message = f"{item.from_} asks its provider for no prefix"
        hint = "ipv6 of the uplink: prefix_delegation: {hint: 56}"
        yield Problem((*at, "from"), message, item.from_, ", ".join(able) or None, hint)
        return
    for own in interfaces.values():
        ipv6 = own.ipv6
        mine = ipv6.method == "delegated" and ipv6.from_ == item.from_
        if mine and item.first <= ipv6.subnet <= _last(item):
            message = f"{own.id} has subnet {ipv6.subnet} of {item.from_} itself"
            yield Problem((*at, "first"), message, item.first, hint="give routers what no network has")
