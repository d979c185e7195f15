# SPDX-License-Identifier: GPL-2.0-or-later
"""Which networks are told what: from the plans of the links and of DNS. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv6Address, IPv6Network

from patronus.core.feature import Earlier, Plan
from patronus.core.model import Configuration
from patronus.network.dhcp.model import Dhcp
from patronus.network.dns.model import Dns
from patronus.network.dns.plan import DnsPlan
from patronus.network.interfaces.model import Interfaces
from patronus.network.interfaces.onlink import Advertised
from patronus.network.interfaces.plan import InterfacesPlan


@dataclass(frozen=True)
class Network:
    """What the hosts on one device are told. ``server`` is None where the DNS server does not listen.

    ``managed`` and ``other``: DHCPv6 has addresses for them, and settings (RFC 4861 section 4.2).
    ``translator`` is the prefix by which they reach IPv4.
    """

    role: str
    device: str
    told: Advertised
    server: IPv6Address | None = None
    domain: str | None = None
    mtu: int | None = None
    managed: bool = False
    other: bool = False
    translator: IPv6Network | None = None


@dataclass(frozen=True)
class AdvertisingPlan(Plan):
    """The networks that exist and announce the router."""

    networks: tuple[Network, ...] = ()


def plan(config: Configuration, earlier: Earlier) -> AdvertisingPlan:
    """Return what each network is told."""
    return AdvertisingPlan(networks=tuple(_networks(config, earlier)))


def _networks(config: Configuration, earlier: Earlier) -> Iterator[Network]:
    links = earlier.find(InterfacesPlan) or InterfacesPlan()
    names = earlier.find(DnsPlan) or DnsPlan()
    items = {item.id: item for item in config.get(Interfaces).interfaces}
    pools = {pool.interface: pool for pool in config.get(Dhcp).ipv6_pools if not pool.relays}
    for role, told in links.advertised.items():
        device = links.devices.get(role)
        if device is None:
            continue
        served = device in names.devices
        server = links.first_ipv6(role) if served else None
        domain = config.get(Dns).local.domain if served else None
        pool = pools.get(role)
        managed = pool is not None and pool.gives_addresses
        item = items[role]
        yield Network(
            role, device, told, server, domain, item.mtu, managed, pool is not None, item.ipv6.translator
        )
