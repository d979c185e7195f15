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
from patronus.firewall.resolve import Surroundings
from patronus.firewall.uplinks import leads_out
from patronus.network.dhcp.model import Dhcp
from patronus.network.dns.model import Dns
from patronus.network.interfaces.model import Interface, Interfaces
from patronus.network.interfaces.plan import InterfacesPlan, openings
from patronus.network.opening import Opening

IpInterface = IPv4Interface | IPv6Interface
GIVEN4, GIVEN6 = IPv4Interface("192.0.2.1/32"), IPv6Interface("2001:db8::1/128")
"""What the first uplink is given here; the next ones count on."""
OUTSIDE: Mapping[Version, IpAddress] = {
    4: IPv4Interface("203.0.113.77/32").ip,
    6: IPv6Interface("2001:db8:ffff::77/128").ip,
}
"""A host of a zone whose network is not in the files."""


@dataclass(frozen=True)
class Blueprint:
    """``around`` is what the policy is made with; ``uplinks`` are the roles by which the world is reached."""

    around: Surroundings
    uplinks: tuple[str, ...] = ()
    addresses: Mapping[str, tuple[IpInterface, ...]] = field(default_factory=dict)

    @staticmethod
    def of(config: Configuration) -> Blueprint:
        """Return the blueprint of a configuration."""
        found = config.get(Interfaces).interfaces
        addresses = {item.id: tuple(_addresses(item, position)) for position, item in enumerate(found)}
        zones: dict[str, tuple[str, ...]] = {}
        for item in found:
            if item.zone is not None:
                zones[item.zone] = (*zones.get(item.zone, ()), item.id)
        links = InterfacesPlan(devices={item.id: item.id for item in found}, zones=zones, addresses=addresses)
        uplinks = tuple(item.id for item in found if leads_out(item))
        return Blueprint(Surroundings(links, tuple(_openings(config))), uplinks, addresses)

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
        found: list[tuple[int, str]] = []
        for device, items in self.addresses.items():
            for item in items:
                if address == item.ip:
                    return None
                if address in item.network:
                    found.append((item.network.prefixlen, device))
        if found:
            return max(found)[1]
        if not self.uplinks:
            raise LookupError(f"no interface leads to {address}")
        return self.uplinks[0]


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
    for zone in dict.fromkeys(zones.get(pool.interface) for pool in config.get(Dhcp).pools):
        if zone is not None:
            yield Opening(zone, "udp", (67,), "dhcp")
    for zone in dict.fromkeys(zones.get(role) for role in config.get(Dns).listen):
        if zone is not None:
            yield from (Opening(zone, "udp", (53,), "dns"), Opening(zone, "tcp", (53,), "dns"))
