# SPDX-License-Identifier: GPL-2.0-or-later
"""Pools for IPv6 to what the server process is told: with the prefixes that the networks have now. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from ipaddress import IPv6Address, IPv6Network

from patronus.network.dhcp6.check import taken_identifiers
from patronus.network.dhcp6.codec import Code, option
from patronus.network.dhcp6.config import Config, Pool, Reservation
from patronus.network.dhcp6.model import Ipv6Options, Ipv6Pool, Ipv6Reservation, PrefixDelegation
from patronus.network.dhcp6.prefixes import MOST_SUBNETS, Delegation, Kept, Prefix
from patronus.network.dns.model import Dns
from patronus.network.dns.names import wire_name
from patronus.network.interfaces.learned import EVER_S, Learned
from patronus.network.interfaces.learned import Delegation as Delegated
from patronus.network.interfaces.model import Interface
from patronus.network.interfaces.onlink import Advertised, OnLink
from patronus.network.interfaces.plan import InterfacesPlan

SERVER_PORT = 547
PREFERRED_S, VALID_S = 2700, 5400
"""The longest lifetimes of an address whose prefix a provider may take back (RFC 9096 section 3.4)."""
_NTP_ADDRESS = 1
"""The suboption of RFC 5908 section 4.1."""


def build(
    pools: Iterable[Ipv6Pool], interfaces: Mapping[str, Interface], links: InterfacesPlan, dns: Dns
) -> Config:
    """Return what the server shall serve; pools whose device is missing are left out until it comes."""
    found = []
    for pool in pools:
        device, told = links.devices.get(pool.interface), links.advertised.get(pool.interface)
        if device is None or (told is None and not pool.relays):
            continue
        server = links.first_ipv6(pool.interface) if pool.interface in dns.listen else None
        found.append(
            Pool(
                id=pool.id,
                interface=pool.interface,
                device=device,
                lease_time_s=pool.lease_time,
                prefixes=_prefixes(pool, told),
                relays=frozenset(map(int, pool.relays)),
                ranges=tuple((int(part.first), int(part.last)) for part in pool.ranges),
                own=taken_identifiers(pool, interfaces[pool.interface]),
                options=dict(_options(pool.options, server, dns.local.domain)),
                reservations=tuple(map(_reservation, pool.reservations)),
                rapid_commit=pool.rapid_commit,
                preference=pool.preference,
                leases_per_mac=pool.leases_per_mac,
                delegation=_delegation(pool.delegation, links) if pool.delegation is not None else None,
            )
        )
    return Config(tuple(found))


def _prefixes(pool: Ipv6Pool, told: Advertised | None) -> tuple[Prefix, ...]:
    """Return the prefixes of the pool's network: the one behind its relays, or what the network is told."""
    if isinstance(pool.subnet, IPv6Network) and pool.relays:
        return (Prefix(pool.subnet, EVER_S, EVER_S),)
    return tuple(map(_prefix, told.prefixes)) if told is not None else ()


def _prefix(one: OnLink | Delegated) -> Prefix:
    """Return the prefix; what somebody else may take back is given for a short time alone."""
    if one.valid_s == EVER_S:
        return Prefix(one.prefix, one.preferred_s, one.valid_s)
    return Prefix(one.prefix, min(one.preferred_s, PREFERRED_S), min(one.valid_s, VALID_S))


def _delegation(item: PrefixDelegation, links: InterfacesPlan) -> Delegation:
    """Return what routers are given: parts of what the uplink has now, or of what the file says."""
    learned = links.learned.get(item.from_ or "", Learned()).prefixes
    given = [_prefix(one) for one in learned if one.prefix.prefixlen <= item.length]
    if isinstance(item.prefix, IPv6Network):
        given = [Prefix(item.prefix, EVER_S, EVER_S)]
    last = MOST_SUBNETS if item.last is None else item.last
    kept = tuple(Kept(one.subnet, one.duid or "", one.mac or "") for one in item.reservations)
    return Delegation(tuple(given), item.length, item.first, last, kept)


def _reservation(item: Ipv6Reservation) -> Reservation:
    return Reservation(item.id, int(item.address), item.duid or "", item.mac or "", item.hostname or "")


def _options(given: Ipv6Options, server: IPv6Address | None, domain: str) -> Iterator[tuple[int, bytes]]:
    """Yield code and bytes of each option (RFC 3646, RFC 5908): what is given, else what is this router's."""
    servers = given.dns_servers or ((server,) if server is not None else ())
    names = given.domain_search or ((domain,) if server is not None else ())
    if servers:
        yield Code.DNS_SERVERS, b"".join(one.packed for one in servers)
    if names:
        yield Code.DOMAIN_SEARCH, b"".join(map(wire_name, names))
    if given.ntp_servers:
        yield Code.NTP_SERVERS, b"".join(option(_NTP_ADDRESS, one.packed) for one in given.ntp_servers)
