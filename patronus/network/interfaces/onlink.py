# SPDX-License-Identifier: GPL-2.0-or-later
"""Which IPv6 prefixes stand on a network: cut out of what an uplink was delegated, local, or static. Pure.

The router has the first address of each prefix that it cut: ``…::1``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv6Interface, IPv6Network

from patronus.network.interfaces.learned import EVER_S, Delegation, Learned
from patronus.network.interfaces.model import Interface

SUBNET_LENGTH = 64
"""Hosts number themselves in prefixes of this length alone (RFC 4862 section 5.5.3, RFC 2464)."""
SITE_LENGTH = 48
"""Length of a site's local prefix (RFC 4193 section 3.1)."""
_LOCAL = 0xFD << 120


@dataclass(frozen=True)
class OnLink:
    """A prefix on a network: for how many seconds from now its addresses are preferred, and valid."""

    prefix: IPv6Network
    preferred_s: int = EVER_S
    valid_s: int = EVER_S


@dataclass(frozen=True)
class Advertised:
    """What the hosts of a network shall be told.

    ``prefixes``    those on the link. ``routes`` lead through the router beside the default route.
    ``is_way_out``  whether the router leads outside: without an uplink it must not be a default router.
    """

    prefixes: tuple[OnLink, ...] = ()
    routes: tuple[IPv6Network, ...] = ()
    is_way_out: bool = False


def site_prefix(random: bytes) -> IPv6Network:
    """Return the local prefix of a site from 5 random bytes, its global identifier (RFC 4193 section 3.2)."""
    return IPv6Network((_LOCAL | int.from_bytes(random[:5], "big") << 80, SITE_LENGTH))


def cut(prefix: IPv6Network, number: int) -> IPv6Network | None:
    """Return the numbered /64 of a prefix, or None where it has none of that number."""
    if prefix.prefixlen > SUBNET_LENGTH or number >> (SUBNET_LENGTH - prefix.prefixlen):
        return None
    return IPv6Network((int(prefix.network_address) + (number << SUBNET_LENGTH), SUBNET_LENGTH))


def delegated(item: Interface, uplink: Learned, site: IPv6Network | None) -> tuple[OnLink, ...]:
    """Return the prefixes of an interface with method delegated; the local one, which stays, first."""
    given = (Delegation(site, EVER_S, EVER_S),) if site is not None and item.ipv6.ula else ()
    return tuple(
        OnLink(found, one.preferred_s, one.valid_s)
        for one in (*given, *uplink.prefixes)
        if (found := cut(one.prefix, item.ipv6.subnet)) is not None
    )


def too_small(item: Interface, uplink: Learned) -> Iterator[IPv6Network]:
    """Yield the delegated prefixes that have no /64 of the interface's number."""
    for one in uplink.prefixes:
        if cut(one.prefix, item.ipv6.subnet) is None:
            yield one.prefix


def own_address(one: OnLink) -> IPv6Interface:
    """Return the router's address in a prefix that it cut."""
    return IPv6Interface((one.prefix.network_address + 1, one.prefix.prefixlen))
