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
    )


def _reservation(item: Reservation) -> told.Reservation:
    return told.Reservation(
        item.id, int(item.address), item.mac or "", item.client_id or "", item.hostname or ""
    )


def _options(
    options: Options, own: IPv4Interface, gateway: IPv4Address, dns: Dns, *, listens: bool
) -> Iterator[tuple[int, bytes]]:
    """Yield code and bytes of each option (RFC 2132, RFC 3397 for the search list)."""
    yield Code.ROUTER, addresses([int(options.router or gateway)])
    servers = options.dns_servers or ((own.ip,) if listens else ())
    if servers:
        yield Code.DNS_SERVERS, addresses(map(int, servers))
    domain = options.domain_name or (dns.local.domain if listens else None)
    if domain:
        yield Code.DOMAIN_NAME, domain.encode()
    if options.domain_search:
        yield Code.DOMAIN_SEARCH, b"".join(_wire_name(name) for name in options.domain_search)
    if options.ntp_servers:
        yield Code.NTP_SERVERS, addresses(map(int, options.ntp_servers))
    if options.interface_mtu:
        yield Code.INTERFACE_MTU, options.interface_mtu.to_bytes(2)
    if options.tftp_server:
        yield Code.TFTP_SERVER, options.tftp_server.encode()
    if options.boot_file:
        yield Code.BOOT_FILE, options.boot_file.encode()
    for raw in options.raw:
        yield raw.code, bytes.fromhex(raw.hex)


def _wire_name(name: str) -> bytes:
    """Return the name as labels, without compression."""
    return b"".join(bytes((len(label),)) + label.encode() for label in name.split(".")) + b"\0"
