# SPDX-License-Identifier: GPL-2.0-or-later
"""What the names in rules stand for: aliases, roles, zones. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256
from ipaddress import IPv4Network, IPv6Network
from typing import cast

from patronus.core.values import PortRange
from patronus.firewall.addresses import AddressSet, host_networks
from patronus.firewall.model import AliasName, Rules
from patronus.firewall.model.match import AddressMatch, PortMatch
from patronus.firewall.sources import NOTHING_FOUND, Sources
from patronus.network.interfaces.plan import InterfacesPlan


class Names:
    """What the names in rules stand for: aliases, roles, zones."""

    def __init__(self, rules: Rules, links: InterfacesPlan, sources: Sources = NOTHING_FOUND) -> None:
        self._addresses = {item.id: item.addresses for item in rules.aliases if item.addresses is not None}
        self._living = {item.id: sources.addresses(item) for item in rules.aliases if item.lives}
        self._ports = {item.id: item.ports for item in rules.aliases if item.ports is not None}
        self._links = links

    @property
    def context(self) -> tuple[object, ...]:
        """Return all that the names depend on, as values to compare."""
        links = self._links
        return self._addresses, self._living, self._ports, links.devices, links.zones, links.vrfs

    def addresses(self, matches: Iterable[AddressMatch] | None) -> AddressSet | None:
        """Return the union of prefixes, ranges and aliases; None stays any."""
        if matches is None:
            return None
        items = tuple(matches)
        if len(items) == 1 and isinstance(items[0], IPv4Network | IPv6Network):
            return AddressSet.of_prefix(items[0])
        alias = items[0].id if len(items) == 1 and isinstance(items[0], AliasName) else None
        literal, living = [], []
        for item in items:
            if not isinstance(item, AliasName):
                literal.append(item)
            elif item.id in self._living:
                living.append(self._living[item.id])
            else:
                literal += self._addresses.get(item.id, ())
        if alias is not None and living:
            return living[0]
        return (
            AddressSet.of(literal).united(living, mixed(items)) if living else AddressSet.of(literal, alias)
        )

    def ports(self, matches: Iterable[PortMatch] | None) -> tuple[PortRange, ...] | None:
        """Return ports with aliases filled in, sorted and merged; None stays any."""
        if matches is None:
            return None
        items = tuple(matches)
        if len(items) == 1 and isinstance(items[0], PortRange):
            return cast("tuple[PortRange, ...]", items)
        found: list[PortRange] = []
        for item in items:
            found += self._ports.get(item.id, ()) if isinstance(item, AliasName) else [item]
        return merged_ports(found)

    def device(self, role: str) -> frozenset[str]:
        """Return the kernel's name of a role, of a VRF also its members'; none where it is missing."""
        found = self._links.devices.get(role)
        return frozenset() if found is None else self._links.beside(found)

    def zone(self, role: str) -> str:
        """Return the zone of a role; an empty name, which is no zone, where it has none."""
        return next((zone for zone, roles in self._links.zones.items() if role in roles), "")

    def zone_addresses(self, zone: str) -> AddressSet:
        """Return the router's addresses on a zone's interfaces, configured and learned."""
        roles = self._links.zones.get(zone, ())
        configured = [item.ip for role in roles for item in self._links.addresses.get(role, ())]
        learned = [self._links.learned[role] for role in roles if role in self._links.learned]
        return AddressSet.of(
            host_networks([*configured, *(item.ip for one in learned for item in one.addresses)])
        )


def mixed(items: Iterable[AddressMatch]) -> str:
    """Return a name that no alias can have, for a union of which some live: it needs a set of its own."""
    return "+" + sha256(" ".join(map(str, items)).encode()).hexdigest()[:16]


def merged_ports(ports: Iterable[PortRange]) -> tuple[PortRange, ...]:
    """Return sorted port ranges with those that overlap or touch made one."""
    result: list[PortRange] = []
    for port in sorted(ports):
        if result and port.first <= result[-1].last + 1:
            result[-1] = PortRange(result[-1].first, max(port.last, result[-1].last))
        else:
            result.append(port)
    return tuple(result)
