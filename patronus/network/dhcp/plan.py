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
from patronus.network.dhcp6 import plan as dhcp6
from patronus.network.dns.model import Dns
from patronus.network.interfaces.model import Interfaces
from patronus.network.interfaces.plan import InterfacesPlan
from patronus.network.opening import Opening
from patronus.network.time_served import TimeServed


@dataclass(frozen=True)
class DhcpPlan(Plan):
    """What the server shall serve; pools whose device is missing are left out until it comes."""

    config: told.ServerConfig = field(default_factory=told.ServerConfig)

    @property
    def devices(self) -> tuple[str, ...]:
        """Return the devices to serve on, each once."""
        return tuple(dict.fromkeys(pool.device for pool in self.config.pools))

    @property
    def devices6(self) -> tuple[str, ...]:
        """Return the devices to serve IPv6 on."""
        return tuple(pool.device for pool in self.config.six.pools)


def plan(config: Configuration, earlier: Earlier) -> DhcpPlan:
    """Return the server's configuration and an opening for each zone that has a pool."""
    interfaces = {interface.id: interface for interface in config.get(Interfaces).interfaces}
    links = earlier.find(InterfacesPlan)
    devices = links.devices if links is not None else {}
    dns = config.get(Dns)
    timed = {role for served in earlier.contributions(TimeServed) for role in served.roles}
    pools: list[told.Pool] = []
    for pool in config.get(Dhcp).pools:
        interface = interfaces[pool.interface]
        own, device = subnet_of(pool, interface), devices.get(pool.interface)
        if own is not None and device is not None:
            pools.append(_pool(pool, own, device, dns, timed=pool.interface in timed))
    six = dhcp6.build(config.get(Dhcp).ipv6_pools, interfaces, links or InterfacesPlan(), dns)
    return DhcpPlan(contributions=tuple(openings(config)), config=told.ServerConfig(tuple(pools), six))


def openings(config: Configuration) -> Iterator[Opening]:
    """Yield what the clients of each zone with a pool must reach."""
    zones = {item.id: item.zone for item in config.get(Interfaces).interfaces}
    for pools, port in (
        (config.get(Dhcp).pools, SERVER_PORT),
        (config.get(Dhcp).ipv6_pools, dhcp6.SERVER_PORT),
    ):
        for zone in dict.fromkeys(zones.get(pool.interface) for pool in pools):
            if zone is not None:
                yield Opening(zone, "udp", (port,), "dhcp")


def _pool(pool: Pool, own: IPv4Interface, device: str, dns: Dns, *, timed: bool) -> told.Pool:
    gateway = pool.relays[0] if pool.subnet is not None else own.ip
    listens = pool.interface in dns.listen
    return told.Pool(
        id=pool.id,
        interface=pool.interface,
        device=device,
        subnet=network_of(pool, own),
        server=int(own.ip),
        ranges=tuple((int(part.first), int(part.last)) for part in pool.ranges),
        lease_time_s=pool.lease_time,
        options=dict(_options(pool.options, own, gateway, dns, listens=listens, timed=timed)),
        reservations=tuple(_reservation(item) for item in pool.reservations),
        relays=frozenset(map(int, pool.relays)),
        remote=pool.subnet is not None,
        leases_per_mac=pool.leases_per_mac,
        probe=pool.probe,
        next_server=int(pool.options.next_server or 0),
        classes=tuple(
            told.ClientClass(
                (item.vendor or "").encode(),
                (item.user or "").encode(),
                dict(_of_class(item.options, pool.options, gateway)),
                int(item.options.next_server or 0),
            )
            for item in pool.classes
        ),
    )


def _reservation(item: Reservation) -> told.Reservation:
    return told.Reservation(
        item.id, int(item.address), item.mac or "", item.client_id or "", item.hostname or ""
    )


def _of_class(own: Options, pool: Options, gateway: IPv4Address) -> Iterator[tuple[int, bytes]]:
    """Yield what a class gets in place of what the pool says; a router of its own is in the routes too."""
    routes = own.static_routes or (pool.static_routes if own.router is not None else ())
    yield from given(own.model_copy(update={"static_routes": routes}), pool.router or gateway)


def _options(
    options: Options, own: IPv4Interface, gateway: IPv4Address, dns: Dns, *, listens: bool, timed: bool
) -> Iterator[tuple[int, bytes]]:
    """Yield code and bytes of each option: what is given, and this router for what is left out."""
    yield Code.ROUTER, addresses([int(gateway)])
    if listens:
        yield Code.DNS_SERVERS, addresses([int(own.ip)])
        yield Code.DOMAIN_NAME, dns.local.domain.encode()
    if timed:
        yield Code.NTP_SERVERS, addresses([int(own.ip)])
    yield from given(options, gateway)
