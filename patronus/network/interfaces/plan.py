# SPDX-License-Identifier: GPL-2.0-or-later
"""What the links shall be: roles bound to devices, and the links, addresses, routes and clients wanted."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv6Address, IPv6Interface, IPv6Network, ip_network
from typing import Literal

from patronus.core.feature import Plan
from patronus.core.link import Address, IpInterface, IpNetwork, LinkWanted, Nic, Route
from patronus.core.model import Configuration
from patronus.core.problem import Problem
from patronus.network.interfaces.hears import openings
from patronus.network.interfaces.learned import Learned
from patronus.network.interfaces.model import Interface, Interfaces, vrfs_of
from patronus.network.interfaces.onlink import Advertised, OnLink, delegated, own_address, too_small
from patronus.network.interfaces.roles import bind, warning
from patronus.network.interfaces.translator import led_to
from patronus.network.interfaces.wanted import devices_of, links_of
from patronus.network.pppoe.report import Report
from patronus.network.routing.model import Routing
from patronus.network.routing.plan import Links, standing

FIRST_METRIC = 100
"""Metric of the default route through the first interface of the file."""
_NO_ROUTES = Routing.unsaid()


@dataclass(frozen=True)
class DhcpClient:
    """A device on which dhcpcd shall run: which families, and the length of the prefix to ask for.

    ``metric`` is that of the default route; the smaller wins. ``mac`` is the address that the card shows
    where that is not its own: with another the client begins again, as another host.
    """

    role: str
    device: str
    metric: int
    ipv4: bool = False
    ipv6: Literal["dhcp", "slaac"] | None = None
    prefix_hint: int | None = None
    mac: str | None = None


@dataclass(frozen=True)
class InterfacesPlan(Plan):
    """The plan of the links; every later feature reads it.

    ``devices``    role → kernel name; None where the NIC is missing or cannot be told from another.
    ``zones``      zone → its roles in the order of the file, those without a device too.
    ``addresses``  role → the addresses that we give it, static and cut, also where the device is missing.
    ``learned``    role → what the uplink gave, for roles that ask for something.
    ``advertised`` role → what its hosts shall be told about IPv6, for roles that announce the router.
    ``site``       the local prefix that networks are numbered from; None where none is.
    ``vrfs``       device in a VRF, and that of one → the device of the VRF; ``tables``: that → its table.
    ``static``     id → configured route that can stand; ``waiting``: id → why another cannot yet.
    ``links``      those to be up, parents before children; ``idle`` NICs have no role and stay down.
    ``warnings``   NICs that are missing, changed or ambiguous; they never refuse a change.
    """

    devices: Mapping[str, str | None] = field(default_factory=dict)
    zones: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    addresses: Mapping[str, tuple[IpInterface, ...]] = field(default_factory=dict)
    learned: Mapping[str, Learned] = field(default_factory=dict)
    advertised: Mapping[str, Advertised] = field(default_factory=dict)
    site: IPv6Network | None = None
    vrfs: Mapping[str, str] = field(default_factory=dict)
    tables: Mapping[str, int] = field(default_factory=dict)
    links: tuple[LinkWanted, ...] = ()
    idle: tuple[str, ...] = ()
    routes: tuple[Route, ...] = ()
    static: Mapping[str, Route] = field(default_factory=dict)
    waiting: Mapping[str, str] = field(default_factory=dict)
    clients: tuple[DhcpClient, ...] = ()
    warnings: tuple[Problem, ...] = ()

    def devices_of(self, zone: str) -> tuple[str, ...]:
        """Return the devices that exist in the zone."""
        found = (self.devices.get(role) for role in self.zones.get(zone, ()))
        return tuple(device for device in found if device is not None)

    def first_ipv6(self, role: str) -> IPv6Address | None:
        """Return the router's address that stays longest: the first, which is local where there is one."""
        found = (one.ip for one in self.addresses.get(role, ()) if isinstance(one.ip, IPv6Address))
        return next(found, None)

    def wanted_addresses(self) -> tuple[Address, ...]:
        """Return the addresses that we give to the devices that exist."""
        return tuple(
            Address(device, address)
            for role, device in self.devices.items()
            if device is not None
            for address in self.addresses.get(role, ())
        )

    def vrf_tables(self) -> dict[str, int]:
        """Return device → table of each VRF and of its members."""
        return {device: self.tables[vrf] for device, vrf in self.vrfs.items()}

    def beside(self, device: str) -> frozenset[str]:
        """Return the devices that rules by the name of this one mean: of a VRF its members too."""
        return frozenset({device, *(one for one, vrf in self.vrfs.items() if vrf == device)})

    def subnets(self) -> dict[str, tuple[IpNetwork, ...]]:
        """Return role → the subnets that it has now."""
        return _subnets(self.addresses, self.learned)


@dataclass(frozen=True)
class Facts:
    """What the plan must know: the NICs that exist, device → what its uplink gave, and the local prefix.

    ``sessions``: device → how its session with the provider stands.
    """

    inventory: tuple[Nic, ...] = ()
    learned: Mapping[str, Learned] = field(default_factory=dict)
    site: IPv6Network | None = None
    sessions: Mapping[str, Report] = field(default_factory=dict)


def of_configuration(config: Configuration, facts: Facts) -> InterfacesPlan:
    """Return the plan of a whole configuration. Raises InvalidConfiguration as ``build`` does."""
    return build(config.get(Interfaces), facts, config.get(Routing))


def build(model: Interfaces, facts: Facts, routing: Routing = _NO_ROUTES) -> InterfacesPlan:
    """Return the plan of the links. Raises InvalidConfiguration where a made link would hide a NIC."""
    binding = bind(model.interfaces, facts.inventory)
    devices = devices_of(model, binding, facts.inventory)
    clients = tuple(_clients(model, devices, facts.sessions))
    zones: dict[str, tuple[str, ...]] = {}
    for item in model.interfaces:
        if item.zone is not None:
            zones[item.zone] = (*zones.get(item.zone, ()), item.id)
    playing = {nic.name for nic in binding.nics.values() if nic}
    asking = {client.role: client.device for client in clients} | _dialling(model, devices)
    learned = {role: facts.learned.get(device, Learned()) for role, device in asking.items()}
    site = facts.site if any(item.ipv6.ula for item in model.interfaces) else None
    cut = {item.id: _cut(item, learned, site) for item in model.interfaces}
    addresses = {
        item.id: (*item.ipv4.addresses, *item.ipv6.addresses, *map(own_address, cut[item.id]))
        for item in model.interfaces
    }
    tables = {item.id: item.vrf.table for item in model.interfaces if item.vrf}
    vrfs = {device: vrf for role, vrf in vrfs_of(model.interfaces).items() if (device := devices[role])}
    within = {device: tables[vrf] for device, vrf in vrfs.items()}
    static, waiting = standing(routing, Links(devices, _subnets(addresses, learned), within))
    return InterfacesPlan(
        vrfs=vrfs,
        tables=tables,
        contributions=tuple(openings(model)),
        devices=devices,
        zones=zones,
        addresses=addresses,
        learned=learned,
        advertised=dict(_advertised(model, learned, cut, site)),
        site=site,
        links=tuple(links_of(model, devices)),
        idle=tuple(nic.name for nic in facts.inventory if nic.path and nic.name not in playing),
        routes=(*_routes(model, devices, within), *static.values()),
        static=static,
        waiting=waiting,
        clients=clients,
        warnings=(*binding.warnings, *_subnet_warnings(model, learned)),
    )


def _subnets(
    addresses: Mapping[str, tuple[IpInterface, ...]], learned: Mapping[str, Learned]
) -> dict[str, tuple[IpNetwork, ...]]:
    """Return role → the subnets that it has now."""
    return {
        role: tuple(one.network for one in (*given, *learned.get(role, Learned()).on_link))
        for role, given in addresses.items()
    }


def _cut(item: Interface, learned: Mapping[str, Learned], site: IPv6Network | None) -> tuple[OnLink, ...]:
    """Return the prefixes that the interface is numbered from, none where nothing was delegated yet."""
    if item.ipv6.method != "delegated":
        return ()
    return delegated(item, learned.get(item.ipv6.from_ or "", Learned()), site)


def _advertised(
    model: Interfaces,
    learned: Mapping[str, Learned],
    cut: Mapping[str, tuple[OnLink, ...]],
    site: IPv6Network | None,
) -> Iterator[tuple[str, Advertised]]:
    """Yield what hosts shall be told on each network that announces the router (RFC 7084 section 4.1)."""
    has_uplink = any(item.ipv6.gateway or _asked6(item) for item in model.interfaces)
    for item in model.interfaces:
        if item.ipv6.method == "delegated":
            given = learned.get(item.ipv6.from_ or "", Learned()).prefixes
            routes = (site,) if site is not None and item.ipv6.ula else ()
            yield item.id, Advertised(cut[item.id], routes, is_way_out=any(one.preferred_s for one in given))
        elif item.ipv6.advertise:
            static = [address for address in item.ipv6.addresses if isinstance(address, IPv6Interface)]
            prefixes = dict.fromkeys(OnLink(address.network) for address in static)
            yield item.id, Advertised(tuple(prefixes), is_way_out=has_uplink)


def _subnet_warnings(model: Interfaces, learned: Mapping[str, Learned]) -> Iterator[Problem]:
    for position, item in enumerate(model.interfaces):
        if item.ipv6.method != "delegated":
            continue
        for prefix in too_small(item, learned.get(item.ipv6.from_ or "", Learned())):
            path = ("network/interfaces", "interfaces", position, "ipv6", "subnet")
            text = f"{prefix} of {item.ipv6.from_} has no subnet {item.ipv6.subnet}: {item.id} has none of it"
            yield warning(path, text, hint=f"choose a number below {1 << max(0, 64 - prefix.prefixlen)}")


def default_metric(position: int) -> int:
    """Return the metric of the default route of the interface at this place: the first in the file wins."""
    return FIRST_METRIC + position


def _routes(model: Interfaces, devices: Mapping[str, str | None], within: Collection[str]) -> Iterator[Route]:
    """Yield the default route of each gateway; those of devices within VRFs are in tables of their own."""
    for position, item in enumerate(model.interfaces):
        device = devices[item.id]
        for gateway in (item.ipv4.gateway, item.ipv6.gateway):
            if device is not None and device not in within and gateway is not None:
                everything = ip_network("0.0.0.0/0" if gateway.version == 4 else "::/0")
                yield Route(everything, device, gateway, default_metric(position))
        if item.nat64 is not None and device is not None:
            for network in led_to(item.nat64):
                yield Route(network, device, None, default_metric(position))


def _asked6(item: Interface) -> Literal["dhcp", "slaac"] | None:
    """Return what the client asks for in IPv6."""
    method = item.ipv6.method
    return method if method == "dhcp" or method == "slaac" else None  # noqa: PLR1714 - mypy narrows this form


def _dialling(model: Interfaces, devices: Mapping[str, str | None]) -> dict[str, str]:
    """Return role → device of those that dial in."""
    found = {item.id: devices[item.id] for item in model.interfaces if item.kind == "pppoe"}
    return {role: device for role, device in found.items() if device is not None}


def _clients(
    model: Interfaces, devices: Mapping[str, str | None], sessions: Mapping[str, Report]
) -> Iterator[DhcpClient]:
    """Yield the devices on which a DHCP client runs; over a session not before it stands for IPv6."""
    for position, item in enumerate(model.interfaces):
        device, asked6 = devices[item.id], _asked6(item)
        if device is None or not (item.ipv4.method == "dhcp" or asked6):
            continue
        if item.kind == "pppoe" and not sessions.get(device, Report()).ipv6:
            continue
        yield DhcpClient(
            role=item.id,
            device=device,
            metric=default_metric(position),
            ipv4=item.ipv4.method == "dhcp",
            ipv6=asked6,
            prefix_hint=item.ipv6.prefix_delegation.hint if item.ipv6.prefix_delegation else None,
            mac=item.mac,
        )
