# SPDX-License-Identifier: GPL-2.0-or-later
"""The router as its files describe it: every network card is there, every device has its role's name.

What an uplink will be given is not in the files, so its addresses are ones for documentation (RFC 5737,
RFC 3849). Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Interface, IPv6Interface

from patronus.core.model import Configuration
from patronus.firewall.addresses import IpAddress, Version
from patronus.firewall.resolve.configuration import Surroundings
from patronus.firewall.resolve.uplinks import leads_out
from patronus.network.dhcp.plan import openings as dhcp_openings
from patronus.network.dns.model import Dns
from patronus.network.dynamic.plan import openings as routers_openings
from patronus.network.interfaces.hears import openings
from patronus.network.interfaces.model import Interface, Interfaces, vrfs_of
from patronus.network.interfaces.plan import InterfacesPlan
from patronus.network.opening import Opening
from patronus.network.routing.model import Routing, StaticRoute

IpInterface = IPv4Interface | IPv6Interface
Way = tuple[int, int, str]
"""Length of the prefix, metric below zero, device: the greatest is taken."""
GIVEN4, GIVEN6 = IPv4Interface("192.0.2.1/32"), IPv6Interface("2001:db8::1/128")
"""What the first uplink is given here; the next ones count on."""
OUTSIDE: Mapping[Version, IpAddress] = {
    4: IPv4Interface("203.0.113.77/32").ip,
    6: IPv6Interface("2001:db8:ffff::77/128").ip,
}
"""A host of a zone whose network is not in the files."""


@dataclass(frozen=True)
class Blueprint:
    """``around`` is what the policy is made with; ``uplinks`` are the roles by which the world is reached.

    ``addresses`` are those of each role; ``routes`` the static ones that forward.
    """

    around: Surroundings
    uplinks: tuple[str, ...] = ()
    addresses: Mapping[str, tuple[IpInterface, ...]] = field(default_factory=dict)
    routes: tuple[StaticRoute, ...] = ()

    @staticmethod
    def of(config: Configuration) -> Blueprint:
        """Return the blueprint of a configuration."""
        found = config.get(Interfaces).interfaces
        addresses = {item.id: tuple(_addresses(item, position)) for position, item in enumerate(found)}
        zones: dict[str, tuple[str, ...]] = {}
        for item in found:
            if item.zone is not None:
                zones[item.zone] = (*zones.get(item.zone, ()), item.id)
        links = InterfacesPlan(
            devices={item.id: item.id for item in found},
            zones=zones,
            addresses=addresses,
            vrfs=vrfs_of(found),
        )
        uplinks = tuple(item.id for item in found if leads_out(item))
        around = Surroundings(links, tuple(_openings(config)))
        routes = (one for one in config.get(Routing).routes if one.enabled and one.type == "unicast")
        return Blueprint(around, uplinks, addresses, tuple(routes))

    def own(self, device: str, version: Version) -> IpAddress | None:
        """Return the router's address on a device."""
        return next((item.ip for item in self.addresses.get(device, ()) if item.version == version), None)

    def has_network(self, device: str, version: Version) -> bool:
        """Return whether the files say which network is on the device."""
        found = (item.network for item in self.addresses.get(device, ()) if item.version == version)
        return any(network.num_addresses > 3 for network in found)

    def host(self, device: str, version: Version) -> IpAddress:
        """Return a host on the device's network, or one that is nobody's where the files know none."""
        for item in self.addresses.get(device, ()):
            network = item.network
            if item.version == version and network.num_addresses > 3:
                last = network[-2]
                return network[-3] if last == item.ip else last
        return OUTSIDE[version]

    def device_of(self, address: IpAddress) -> str | None:
        """Return the device by which an address is reached, None for the router. Raises LookupError."""
        if any(address == item.ip for items in self.addresses.values() for item in items):
            return None
        ways = [*self._networks(address), *self._routed(address)]
        if ways:
            return max(ways)[-1]
        if not self.uplinks:
            raise LookupError(f"no interface leads to {address}")
        return self.uplinks[0]

    def way_back(self, arrives_on: str, source: IpAddress) -> str | None:
        """Return the device by which a source is reached; where the files do not tell it, the one it came by.

        They do not tell by which device a gateway is reached that is in no network of theirs. Raises
        LookupError.
        """
        told = max((way[0] for way in (*self._networks(source), *self._routed(source))), default=-1)
        untold = (one for one in self.routes if source in one.destination and not self._device(one))
        if any(one.destination.prefixlen > told for one in untold):
            return arrives_on
        return self.device_of(source)

    def _networks(self, address: IpAddress) -> Iterator[Way]:
        for device, items in self.addresses.items():
            yield from ((item.network.prefixlen, 0, device) for item in items if address in item.network)

    def _routed(self, address: IpAddress) -> Iterator[Way]:
        for one in self.routes:
            device = self._device(one) if address in one.destination else None
            if device is not None:
                yield one.destination.prefixlen, -one.metric, device

    def _device(self, route: StaticRoute) -> str | None:
        """Return the interface that a route names, else the one in whose network its gateway is.

        Of several ways the first stands for all.
        """
        way = route.gateways[0] if route.gateways else route
        if way.interface is not None or way.gateway is None:
            return way.interface
        return max(self._networks(way.gateway), default=(0, 0, None))[-1]


def _addresses(item: Interface, position: int) -> Iterator[IpInterface]:
    yield from (*item.ipv4.addresses, *item.ipv6.addresses)
    if not item.ipv4.addresses and item.ipv4.method != "none":
        yield IPv4Interface((GIVEN4.ip + position, 32))
    if not item.ipv6.addresses and item.ipv6.method != "none":
        yield IPv6Interface((GIVEN6.ip + position, 128))


def _openings(config: Configuration) -> Iterator[Opening]:
    """Yield what the services ask for; the page's settings belong to a higher floor and are read by name."""
    zones = {item.id: item.zone for item in config.get(Interfaces).interfaces}
    web = getattr(config.sections.get("patronus"), "web", None)
    if web is not None:
        yield from (Opening(zone, "tcp", (web.port,), "web") for zone in web.zones)
    yield from openings(config.get(Interfaces))
    yield from dhcp_openings(config)
    yield from routers_openings(config)
    for zone in dict.fromkeys(zones.get(role) for role in config.get(Dns).listen):
        if zone is not None:
            yield from (Opening(zone, "udp", (53,), "dns"), Opening(zone, "tcp", (53,), "dns"))
