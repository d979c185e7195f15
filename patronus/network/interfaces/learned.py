# SPDX-License-Identifier: GPL-2.0-or-later
"""What a DHCP client or a router's advertisement told us about an uplink."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_interface
from typing import TypeVar

from patronus.core.link import IpInterface
from patronus.core.values import Refused, parse_domain_name

Value = TypeVar("Value")
_IA_NA = re.compile(r"new_dhcp6_ia_na\d+_ia_addr\d+")
_RDNSS = re.compile(r"nd\d+_rdnss\d+_servers")


@dataclass(frozen=True)
class Learned:
    """What one uplink gave; what is empty was not given."""

    addresses: tuple[IpInterface, ...] = ()
    gateway: IPv4Address | None = None
    dns_servers: tuple[IPv4Address | IPv6Address, ...] = ()
    domain: str | None = None
    ntp_servers: tuple[IPv4Address, ...] = ()


def parse(dhcp: Mapping[str, str], dhcp6: Mapping[str, str], ra: Mapping[str, str]) -> Learned:
    """Return what dhcpcd's variables say, one mapping per protocol, dhcpcd-run-hooks(8).

    They come from the provider: what is not an address is left out, and so is a name that is none.
    """
    address, length = dhcp.get("new_ip_address", ""), dhcp.get("new_subnet_cidr", "")
    given = [f"{address}/{length}"] if address and length else []
    given += [f"{text}/128" for name, text in sorted(dhcp6.items()) if _IA_NA.fullmatch(name)]
    servers = dhcp.get("new_domain_name_servers", "").split()
    servers += dhcp6.get("new_dhcp6_name_servers", "").split()
    servers += [one for name, text in sorted(ra.items()) if _RDNSS.fullmatch(name) for one in text.split()]
    gateways = _valid(dhcp.get("new_routers", "").split(), IPv4Address)
    return Learned(
        addresses=_valid(given, ip_interface),
        gateway=gateways[0] if gateways else None,
        dns_servers=tuple(dict.fromkeys(_valid(servers, ip_address))),
        domain=_domain(dhcp.get("new_domain_name", "")),
        ntp_servers=tuple(dict.fromkeys(_valid(dhcp.get("new_ntp_servers", "").split(), IPv4Address))),
    )


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
