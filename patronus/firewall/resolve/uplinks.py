# SPDX-License-Identifier: GPL-2.0-or-later
"""Which interfaces lead out to the world, as the files have it. Pure."""

from __future__ import annotations

from patronus.core.model import Configuration
from patronus.network.interfaces.model import Interface, Interfaces
from patronus.network.interfaces.plan import InterfacesPlan
from patronus.network.interfaces.room import room_in
from patronus.network.pppoe.plan import session_mtu


def leads_out(item: Interface) -> bool:
    """Return whether an interface has a gateway, or asks a provider for one."""
    asks = item.ipv4.method in ("dhcp", "pppoe") or item.ipv6.method in ("dhcp", "slaac")
    return asks or item.ipv4.gateway is not None or item.ipv6.gateway is not None


def uplink_zones(config: Configuration) -> frozenset[str]:
    """Return the zones with an interface that leads out."""
    found = config.get(Interfaces).interfaces
    return frozenset(item.zone for item in found if item.zone is not None and leads_out(item))


def narrow_links(config: Configuration, links: InterfacesPlan) -> dict[str, int]:
    """Return device → MTU of sessions and tunnels, which carry less than the networks inside."""
    roles = {item.id: item for item in config.get(Interfaces).interfaces}
    found = {
        links.devices.get(role): session_mtu(item) if item.pppoe else item.mtu or room_in(item, roles)
        for role, item in roles.items()
        if item.leads_to_one
    }
    return {device: mtu for device, mtu in found.items() if device is not None}
