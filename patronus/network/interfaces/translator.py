# SPDX-License-Identifier: GPL-2.0-or-later
"""The link of a translator to IPv4: its own addresses, its routes, and what is wrong. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

from patronus.core.embedded import WELL_KNOWN, embed
from patronus.core.link import IpNetwork
from patronus.core.problem import Path, Problem
from patronus.network.interfaces.model import Interfaces
from patronus.network.interfaces.tunnel_model import Nat64

_HERE = ("network/interfaces", "interfaces")
OWN = IPv6Network("fd64:ff9b::/96")
"""Where the translator's own address is with the well-known prefix, in which it can have none."""
MOST_POOL_BITS = 29
"""A pool has the network's address, the translator's and the broadcast's beside those of hosts."""


def own_addresses(nat64: Nat64) -> tuple[IPv4Address, IPv6Address]:
    """Return the translator's own addresses: what it says of packets that go nowhere comes from them."""
    four = nat64.addresses[1]
    return four, embed(OWN if nat64.prefix.overlaps(WELL_KNOWN) else nat64.prefix, four)


def led_to(nat64: Nat64) -> Iterator[IpNetwork]:
    """Yield the networks that lead to the translator."""
    yield nat64.addresses
    yield nat64.prefix
    _, six = own_addresses(nat64)
    if six not in nat64.prefix:
        yield IPv6Network(six)


def check_translator(model: Interfaces) -> Iterator[Problem]:
    """Yield what is wrong with translators: there is one at most, in a zone of its own."""
    first: str | None = None
    for position, item in enumerate(model.interfaces):
        if item.nat64 is None:
            continue
        path: Path = (*_HERE, position)
        if first is not None:
            yield Problem((*path, "nat64"), f"{first} translates already", item.id, "one translator")
            continue
        first = item.id
        yield from _check_zone(path, item.id, item.zone, model)
        for family in ("ipv4", "ipv6"):
            if getattr(item, family).method != "none":
                text = f"{item.id} has the addresses of its prefix and its pool, and no others"
                yield Problem((*path, family, "method"), text, allowed="method none")
        yield from _check_pool((*path, "nat64", "pool"), item.nat64.addresses)
        yield from _check_overlaps((*path, "nat64"), item.nat64, model)


def _check_zone(path: Path, role: str, zone: str | None, model: Interfaces) -> Iterator[Problem]:
    if zone is None:
        text = f"{role} is in no zone, so nothing passes it"
        yield Problem((*path, "zone"), text, hint="a zone of its own, such as nat64")
        return
    other = next((one.id for one in model.interfaces if one.zone == zone and one.id != role), None)
    if other is not None:
        text = f"what was translated would be taken for hosts of {other}: it is judged as of this zone"
        yield Problem((*path, "zone"), text, zone, "a zone of its own")


def _check_pool(path: Path, pool: IPv4Network) -> Iterator[Problem]:
    if pool.prefixlen > MOST_POOL_BITS:
        text = f"{pool} has too few addresses: each host takes one"
        yield Problem(path, text, pool, f"a prefix of {MOST_POOL_BITS} bits or fewer")
    elif not pool.is_private:
        text = f"{pool} is somebody's on the Internet"
        yield Problem(path, text, pool, "private addresses that no network here has")


def _check_overlaps(path: Path, nat64: Nat64, model: Interfaces) -> Iterator[Problem]:
    for item in model.interfaces:
        for address in (*item.ipv4.addresses, *item.ipv6.addresses):
            for key, network in (("pool", nat64.addresses), ("prefix", nat64.prefix)):
                if network.overlaps(address.network):
                    text = f"{network} and {address.network} of {item.id} have addresses in common"
                    yield Problem((*path, key), text, network, "addresses that no network here has")
