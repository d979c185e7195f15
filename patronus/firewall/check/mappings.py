# SPDX-License-Identifier: GPL-2.0-or-later
"""Forwards without a rule to hosts that may ask for ports: the filter cannot tell one from the other."""

from __future__ import annotations

from collections.abc import Iterator

from patronus.core.model import Configuration
from patronus.core.problem import Problem
from patronus.core.values import PortRange
from patronus.firewall.addresses import AddressSet, host_networks
from patronus.firewall.check.nat import PATH
from patronus.firewall.model import Dnat, Mapped, Nat
from patronus.network.interfaces.model import Interfaces
from patronus.network.mappings.model import Mappings, Permission


def check_mappings(config: Configuration) -> Iterator[Problem]:
    """Yield each forward that mappings would open."""
    mappings = config.get(Mappings)
    if not mappings.inside:
        return
    interfaces = config.get(Interfaces).interfaces
    zone = next((item.zone for item in interfaces if item.id == mappings.outside), None)
    inside = AddressSet.of(
        address.network
        for item in interfaces
        if item.id in mappings.inside
        for address in item.ipv4.addresses
    )
    for position, entry in enumerate(config.get(Nat).nat):
        if not isinstance(entry, Dnat | Mapped) or entry.rule or not entry.enabled or _zone(entry) != zone:
            continue
        opener = next((one for one in mappings.allow if _opens(one, entry, inside)), None)
        if opener is not None:
            text = f"the permission {opener.id} of network/mappings lets in what is forwarded here"
            hint = "rule: true where it shall; else leave this host and its ports out of the permissions"
            yield Problem((*PATH, position, "rule"), text, value=False, hint=hint)


def _zone(entry: Dnat | Mapped) -> str:
    return entry.in_ if isinstance(entry, Dnat) else entry.zone


def _opens(one: Permission, entry: Dnat | Mapped, inside: AddressSet) -> bool:
    hosts = AddressSet.of(one.hosts) if one.hosts else inside
    if isinstance(entry, Mapped):
        return hosts.overlaps(AddressSet.of([entry.inside]))
    return hosts.overlaps(AddressSet.of(host_networks([entry.to.address]))) and _touch(entry, one.ports)


def _touch(entry: Dnat, ports: tuple[PortRange, ...]) -> bool:
    """Return whether it leads to one of the ports; names of ports that are not known here count."""
    given = (entry.to.ports,) if entry.to.ports else entry.destination_port
    if given is None:
        return True
    return any(
        not isinstance(one, PortRange) or (one.first <= other.last and other.first <= one.last)
        for one in given
        for other in ports
    )
