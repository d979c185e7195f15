# SPDX-License-Identifier: GPL-2.0-or-later
"""What a DHCP client or a router's advertisement told us about an uplink."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_interface
from typing import TypeVar

from patronus.core.link import IpInterface
from patronus.core.values import Refused, parse_domain_name
from patronus.network.pppoe.report import Report

Value = TypeVar("Value")
_IA_NA = re.compile(r"new_dhcp6_ia_na\d+_ia_addr\d+")
EVER_S = 0xFFFFFFFF
"""A lifetime without an end (RFC 8415 section 7.7)."""
_USABLE = (IPv6Network("2000::/3"), IPv6Network("fc00::/7"))
"""Global unicast (RFC 4291 section 2.4) and local addresses (RFC 4193): networks have no others."""
_IA_PD = re.compile(r"new_dhcp6_ia_pd\d+_prefix\d+")
_RDNSS = re.compile(r"nd\d+_rdnss\d+_servers")
_NUMBERED = re.compile(r"nd\d+_addr\d+")
_ANNOUNCED = re.compile(r"nd(\d+)_from")


@dataclass(frozen=True)
class Delegation:
    """A prefix that the provider gave us to number our networks from, with its lifetimes as they were given.

    The client asks again long before they end, and tells us when they do; so they are not counted down.
    """

    prefix: IPv6Network
    preferred_s: int
    valid_s: int


@dataclass(frozen=True)
class Learned:
    """What one uplink gave; what is empty was not given. ``peer`` is the other end of a session.

    ``gateway6`` is the router that announced itself as one, by its link-local address (RFC 4861).
    """

    addresses: tuple[IpInterface, ...] = ()
    gateway: IPv4Address | None = None
    gateway6: IPv6Address | None = None
    dns_servers: tuple[IPv4Address | IPv6Address, ...] = ()
    domain: str | None = None
    ntp_servers: tuple[IPv4Address, ...] = ()
    prefixes: tuple[Delegation, ...] = ()
    peer: IPv4Address | None = None

    @property
    def on_link(self) -> tuple[IpInterface, ...]:
        """Return the addresses, and the other end of a session: what is there without a gateway."""
        return (*self.addresses, *((ip_interface(self.peer),) if self.peer else ()))

    def over(self, session: Report) -> Learned:
        """Return the same with what the provider gave in a session that stands."""
        given = (ip_interface(session.address),) if session.address else ()
        return replace(
            self,
            addresses=(*given, *self.addresses),
            gateway=session.peer,
            peer=session.peer,
            dns_servers=tuple(dict.fromkeys((*session.dns_servers, *self.dns_servers))),
        )


def parse(dhcp: Mapping[str, str], dhcp6: Mapping[str, str], ra: Mapping[str, str]) -> Learned:
    """Return what dhcpcd's variables say, one mapping per protocol, dhcpcd-run-hooks(8).

    They come from the provider: what is not an address is left out, and so is a name that is none.
    """
    address, length = dhcp.get("new_ip_address", ""), dhcp.get("new_subnet_cidr", "")
    given = [f"{address}/{length}"] if address and length else []
    given += [f"{text}/128" for name, text in sorted(dhcp6.items()) if _IA_NA.fullmatch(name)]
    numbered = [text for name, text in sorted(ra.items()) if _NUMBERED.fullmatch(name)]
    given += [f"{text.partition('/')[0]}/128" for text in numbered]
    servers = dhcp.get("new_domain_name_servers", "").split()
    servers += dhcp6.get("new_dhcp6_name_servers", "").split()
    servers += [one for name, text in sorted(ra.items()) if _RDNSS.fullmatch(name) for one in text.split()]
    gateways = _valid(dhcp.get("new_routers", "").split(), IPv4Address)
    return Learned(
        addresses=tuple(dict.fromkeys(_valid(given, ip_interface))),
        gateway=gateways[0] if gateways else None,
        gateway6=next(_routers(ra), None),
        dns_servers=tuple(dict.fromkeys(_valid(servers, ip_address))),
        domain=_domain(dhcp.get("new_domain_name", "")),
        ntp_servers=tuple(dict.fromkeys(_valid(dhcp.get("new_ntp_servers", "").split(), IPv4Address))),
        prefixes=tuple(_delegations(dhcp6)),
    )


def _routers(ra: Mapping[str, str]) -> Iterator[IPv6Address]:
    """Yield the routers that would be a default gateway, in dhcpcd's order; one of 0 seconds would not be."""
    found = [match for match in map(_ANNOUNCED.fullmatch, ra) if match]
    for match in sorted(found, key=lambda one: int(one[1])):
        for router in _valid([ra[match[0]]], IPv6Address):
            if router.is_link_local and ra.get(f"nd{match[1]}_lifetime", "0") != "0":
                yield router


def _delegations(dhcp6: Mapping[str, str]) -> Iterator[Delegation]:
    """Yield the delegated prefixes that are still valid; the provider takes one back with 0 seconds."""
    for name in sorted(filter(_IA_PD.fullmatch, dhcp6)):
        with suppress(ValueError, KeyError):
            prefix = IPv6Network(f"{dhcp6[name]}/{dhcp6[f'{name}_length']}")
            preferred_s, valid_s = (int(dhcp6[f"{name}_{which}"]) for which in ("pltime", "vltime"))
            if (
                valid_s > 0
                and 0 <= preferred_s <= valid_s <= EVER_S
                and any(prefix.subnet_of(one) for one in _USABLE)
            ):
                yield Delegation(prefix, preferred_s, valid_s)


def _valid(texts: Iterable[str], parse_one: Callable[[str], Value]) -> tuple[Value, ...]:
    found = []
    for text in texts:
        with suppress(ValueError):
            found.append(parse_one(text))
    return tuple(found)


def _domain(text: str) -> str | None:
    try:
        return parse_domain_name(text)
    except Refused:
        return None
