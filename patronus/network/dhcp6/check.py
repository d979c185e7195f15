# SPDX-License-Identifier: GPL-2.0-or-later
"""What one pool for IPv6 alone cannot show: networks that announce nothing, things there twice."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from ipaddress import IPv6Interface

from patronus.core.problem import Path, Problem
from patronus.core.values import Range
from patronus.network.dhcp6.check_delegation import check_delegations
from patronus.network.dhcp6.model import Ipv6Pool
from patronus.network.dhcp6.prefixes import IDENTIFIER
from patronus.network.interfaces.check_vrf import not_in_vrf
from patronus.network.interfaces.model import Interface
from patronus.network.interfaces.onlink import SUBNET_LENGTH

FEWEST_SECONDS = 60
MOST = 65536
"""Addresses of one pool at most: the server remembers each that it gave."""


def check_pools(
    pools: Sequence[Ipv6Pool], others: Sequence[str], interfaces: Mapping[str, Interface], path: Path
) -> Iterator[Problem]:
    """Yield every problem; ``others`` are the ids of the pools for IPv4, ``path`` is that of these."""
    served: dict[str, str] = {}
    for position, pool in enumerate(pools):
        at, interface = (*path, position), interfaces.get(pool.interface)
        if pool.id in others:
            yield Problem((*at, "id"), f"a pool for IPv4 is called {pool.id} too", pool.id, "another name")
        if interface is None:
            known = ", ".join(interfaces) or "none is configured"
            message = f"no interface is called {pool.interface}"
            yield Problem((*at, "interface"), message, pool.interface, known)
            continue
        key, network = ("subnet", f"{pool.subnet}") if pool.subnet else ("interface", pool.interface)
        first = served.setdefault(network, pool.id)
        if first != pool.id:
            message = f"{network} is served by {first} already"
            yield Problem((*at, key), message, network, hint=f"add the ranges to {first}")
        what = "no addresses are given out"
        yield from not_in_vrf((*at, "interface"), pool.interface, interfaces.values(), what)
        yield from _network(pool, interface, at)
        yield from _relayed(pool, interface, at)
        yield from _ranges(pool, taken_identifiers(pool, interface), at)
        yield from _reservations(pool, taken_identifiers(pool, interface), at)
    yield from check_delegations(pools, interfaces, path)


def own_identifiers(interface: Interface) -> frozenset[int]:
    """Return the router's own identifiers on a network, and that of nobody (RFC 4291 section 2.6.1)."""
    given = [one.ip for one in interface.ipv6.addresses if isinstance(one, IPv6Interface)]
    cut = [1] if interface.ipv6.method == "delegated" else []
    return frozenset({0, *cut, *(int(one) & IDENTIFIER for one in given)})


def _network(pool: Ipv6Pool, interface: Interface, at: Path) -> Iterator[Problem]:
    if interface.zone is None:
        yield Problem((*at, "interface"), f"{interface.id} has no zone, so nobody could reach the server")
    if interface.ipv6.method != "delegated" and not interface.ipv6.advertise and not pool.relays:
        message = (
            f"{interface.id} sends no router advertisements: its hosts would not ask, and find no way out"
        )
        hint = "ipv6 of the interface: method delegated, or static with advertise: true"
        yield Problem((*at, "interface"), message, pool.interface, hint=hint)
    if pool.lease_time < FEWEST_SECONDS:
        message = f"a lease of {pool.lease_time} s is too short"
        yield Problem((*at, "lease_time"), message, pool.lease_time, f"{FEWEST_SECONDS}s or longer")


def taken_identifiers(pool: Ipv6Pool, interface: Interface) -> frozenset[int]:
    """Return the identifiers that no host may have: the router's, or those of the relays in their network."""
    if not pool.relays:
        return own_identifiers(interface)
    here = [one for one in pool.relays if pool.subnet is not None and one in pool.subnet]
    return frozenset({0, *(int(one) & IDENTIFIER for one in here)})


def _relayed(pool: Ipv6Pool, interface: Interface, at: Path) -> Iterator[Problem]:
    """Yield what is wrong with a network behind relays."""
    subnet = pool.subnet
    if (subnet is None) != (not pool.relays):
        key, text = ("subnet", "nothing says of which network") if subnet is None else ("relays", "nobody")
        message = f"{text} the relays are" if subnet is None else f"{text} relays for {subnet}"
        yield Problem((*at, key), message, hint="relays and subnet go together")
    if subnet is not None and (subnet.version != 6 or subnet.prefixlen != SUBNET_LENGTH):
        yield Problem((*at, "subnet"), f"{subnet} is no network of hosts", str(subnet), "a /64 of IPv6")
    elif subnet is not None and any(one.ip in subnet for one in interface.ipv6.addresses):
        message = f"{subnet} is the network of {interface.id} itself, whose hosts need no relay"
        yield Problem((*at, "subnet"), message, str(subnet))
    for position, relay in enumerate(pool.relays):
        if relay.is_multicast or relay.is_unspecified or relay.is_loopback:
            yield Problem((*at, "relays", position), f"{relay} is not the address of a relay", str(relay))
    if pool.relays and pool.delegation is not None:
        message = f"prefixes are given to routers of {interface.id} itself, since the route leads there"
        yield Problem((*at, "delegation"), message, hint="a pool without relays")


def _ranges(pool: Ipv6Pool, own: frozenset[int], at: Path) -> Iterator[Problem]:
    seen: list[Range] = []
    for position, part in enumerate(pool.ranges):
        here = (*at, "ranges", position)
        if part.first.version != 6 or int(part.last) > IDENTIFIER:
            message = f"{part} is not written without its prefix"
            yield Problem(here, message, str(part), "such as ::1000-::1fff")
            continue
        if any(int(part.first) <= one <= int(part.last) for one in own):
            yield Problem(here, f"{part} has an address of the router", str(part), hint="split the range")
        for other in (other for other in seen if part.overlaps(other)):
            yield Problem(here, f"{part} overlaps {other}", str(part), "each address in one range")
        seen.append(part)
    if sum(part.size for part in seen) > MOST:
        yield Problem((*at, "ranges"), "the ranges have too many addresses", None, f"{MOST} at most")


def _reservations(pool: Ipv6Pool, own: frozenset[int], at: Path) -> Iterator[Problem]:
    seen: dict[tuple[str, str], str] = {}
    for position, item in enumerate(pool.reservations):
        here = (*at, "reservations", position)
        if int(item.address) > IDENTIFIER:
            message = f"{item.address} is not written without its prefix"
            hint = f"::{int(item.address) & 0xFFFF:x}" if int(item.address) & IDENTIFIER < 0x10000 else None
            yield Problem((*here, "address"), message, str(item.address), "such as ::20", hint)
        elif int(item.address) in own:
            yield Problem((*here, "address"), f"{item.address} is the router's own", str(item.address))
        for name in ("mac", "duid", "address", "hostname"):
            value = getattr(item, name)
            first = seen.setdefault((name, str(value)), item.id)
            if value is not None and first != item.id:
                message = f"{value} is already reserved by {first}"
                yield Problem((*here, name), message, str(value), "one reservation each")
