# SPDX-License-Identifier: GPL-2.0-or-later
"""Pools to what the server process is told, and the openings that its clients need. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Interface

from patronus.core.feature import Earlier, Plan
from patronus.core.model import Configuration
from patronus.network.dhcp import config as told
from patronus.network.dhcp.check import network_of, subnet_of
from patronus.network.dhcp.codec import Code, addresses
from patronus.network.dhcp.frame import SERVER_PORT
from patronus.network.dhcp.model import Dhcp, Options, Pool, Reservation
from patronus.network.dhcp.options import given
from patronus.network.dns.model import Dns
from patronus.network.interfaces.model import Interfaces
from patronus.network.interfaces.plan import InterfacesPlan
from patronus.network.opening import Opening


@dataclass(frozen=True)
class DhcpPlan(Plan):
    """What the server shall serve; pools whose device is missing are left out until it comes."""

    config: told.ServerConfig = field(default_factory=told.ServerConfig)

    @property
    def devices(self) -> tuple[str, ...]:
        """Return the devices to serve on, each once."""
        return tuple(dict.fromkeys(pool.device for pool in self.config.pools))


def plan(config: Configuration, earlier: Earlier) -> DhcpPlan:
    """Return the server's configuration and an opening for each zone that has a pool."""
    interfaces = {interface.id: interface for interface in config.get(Interfaces).interfaces}
    links = earlier.find(InterfacesPlan)
    devices = links.devices if links is not None else {}
    dns = config.get(Dns)
    pools: list[told.Pool] = []
    zones: dict[str, None] = {}
    for pool in config.get(Dhcp).pools:
        interface = interfaces[pool.interface]
        own, device = subnet_of(pool, interface), devices.get(pool.interface)
        if interface.zone is not None:
            zones[interface.zone] = None
        if own is not None and device is not None:
            pools.append(_pool(pool, own, device, dns))
    openings = tuple(Opening(zone, "udp", (SERVER_PORT,), "dhcp") for zone in zones)
    return DhcpPlan(contributions=openings, config=told.ServerConfig(tuple(pools)))


def _pool(pool: Pool, own: IPv4Interface, device: str, dns: Dns) -> told.Pool:
    gateway = pool.relays[0] if pool.subnet is not None else own.ip
    return told.Pool(
        id=pool.id,
        interface=pool.interface,
        device=device,
        subnet=network_of(pool, own),
        server=int(own.ip),
        ranges=tuple((int(part.first), int(part.last)) for part in pool.ranges),
        lease_time_s=pool.lease_time,
        options=dict(_options(pool.options, own, gateway, dns, listens=pool.interface in dns.listen)),
        reservations=tuple(_reservation(item) for item in pool.reservations),
        relays=frozenset(map(int, pool.relays)),
        remote=pool.subnet is not None,
        leases_per_mac=pool.leases_per_mac,
        next_server=int(pool.options.next_server or 0),
        classes=tuple(
            told.ClientClass(
                (item.vendor or "").encode(),
                (item.user or "").encode(),
                dict(given(item.options, pool.options.router or gateway)),
                int(item.options.next_server or 0),
            )
            for item in pool.classes
        ),
    )


def _reservation(item: Reservation) -> told.Reservation:
    return told.Reservation(
        item.id, int(item.address), item.mac or "", item.client_id or "", item.hostname or ""
    )


def _options(
    options: Options, own: IPv4Interface, gateway: IPv4Address, dns: Dns, *, listens: bool
) -> Iterator[tuple[int, bytes]]:
    """Yield code and bytes of each option: what is given, and this router for what is left out."""
    yield Code.ROUTER, addresses([int(gateway)])
    if listens:
        yield Code.DNS_SERVERS, addresses([int(own.ip)])
        yield Code.DOMAIN_NAME, dns.local.domain.encode()
    yield from given(options, gateway)
