# SPDX-License-Identifier: GPL-2.0-or-later
"""Which VLANs a bridge and its ports carry, as the kernel is told. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from patronus.core.link import PortVlan
from patronus.network.interfaces.model import BridgePort, Interface, Interfaces


def carried(model: Interfaces) -> dict[str, tuple[PortVlan, ...]]:
    """Return role → VLANs in order, of the bridges that keep VLANs apart and of their members.

    The bridge itself carries those in which the router has an interface.
    """
    found: dict[str, tuple[PortVlan, ...]] = {}
    for item in model.interfaces:
        if item.bridge is not None and item.is_switch:
            found[item.id] = tuple(PortVlan(tag) for tag in sorted(inner(item.id, model)))
            ports = item.bridge.vlans
            found |= {member: _of_port(ports[member]) for member in item.members if member in ports}
    return found


def inner(switch: str, model: Interfaces) -> Mapping[int, Interface]:
    """Return VLAN → the router's interface in it."""
    return {item.vlan.tag: item for item in model.interfaces if item.vlan and item.vlan.parent == switch}


def _of_port(port: BridgePort) -> tuple[PortVlan, ...]:
    return tuple(sorted(_vlans(port)))


def _vlans(port: BridgePort) -> Iterator[PortVlan]:
    yield from map(PortVlan, port.tagged)
    if port.untagged is not None:
        yield PortVlan(port.untagged, arriving=True, leaving=True)
