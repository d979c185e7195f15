# SPDX-License-Identifier: GPL-2.0-or-later
"""What plays each role in the kernel: its device, and its link as it shall be. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from patronus.core.errors import InvalidConfiguration
from patronus.core.link import BondSettings, GreTunnel, IpAddress, LinkKind, LinkWanted, Nic, Tunnel
from patronus.core.problem import Problem
from patronus.network.interfaces.model import Bond, Interface, Interfaces, standing_on
from patronus.network.interfaces.roles import Binding
from patronus.network.interfaces.switch import carried
from patronus.network.interfaces.tunnel_model import Gre

_ALONE: tuple[LinkKind, ...] = ("vrf", "bridge", "bond", "dummy", "nat64")
"""Kinds that stand on nothing, in the order in which they are made; cards may be members of them."""


def devices_of(model: Interfaces, binding: Binding, inventory: Sequence[Nic]) -> dict[str, str | None]:
    """Return role → device; what stands on another is named after its role, and is missing where that is."""
    devices = {role: nic.name if nic else None for role, nic in binding.nics.items()}
    names = {nic.name for nic in inventory}
    problems = [
        Problem(
            ("network/interfaces", "interfaces", position, "id"),
            f"{item.id} is the kernel's name of a NIC, and would be that of a {item.kind} too",
            hint="choose another id",
        )
        for position, item in enumerate(model.interfaces)
        if item.match is None and item.id in names
    ]
    if problems:
        raise InvalidConfiguration(problems)
    devices |= {item.id: item.id for item in model.interfaces if item.kind in _ALONE}
    for item in _upwards(model):
        if item.parent is not None:
            devices[item.id] = item.id if devices.get(item.parent) else None
    return {item.id: devices[item.id] for item in model.interfaces}


def _upwards(model: Interfaces) -> list[Interface]:
    """Return the interfaces, what others stand on first."""
    roles = {item.id: item for item in model.interfaces}
    return sorted(model.interfaces, key=lambda item: len(standing_on(item, roles)))


def links_of(model: Interfaces, devices: Mapping[str, str | None]) -> Iterator[LinkWanted]:
    """Yield the links: VRFs and bridges, then what they may join; each finds what it stands on."""
    masters = {member: item.id for item in model.interfaces for member in item.members}
    vlans, roles = carried(model), {item.id: item for item in model.interfaces}
    order: tuple[LinkKind, ...] = (*_ALONE, "nic")
    first = {kind: place for place, kind in enumerate(order)}
    for item in sorted(_upwards(model), key=lambda item: first.get(item.kind, len(order))):
        device = devices[item.id]
        if device is not None:
            yield LinkWanted(
                role=item.id,
                name=device,
                kind=item.kind,
                mac=item.mac,
                mtu=item.mtu,
                master=masters.get(item.id),
                parent=devices[item.parent] if item.parent else None,
                tag=item.vlan.tag if item.vlan else None,
                protocol=item.vlan.protocol if item.vlan else "802.1q",
                stp=item.bridge.stp if item.bridge else False,
                filters=item.is_switch,
                vlans=vlans.get(item.id),
                bond=_bond_settings(item.bond) if item.bond else None,
                tunnel=_tunnel(item, roles),
                table=item.vrf.table if item.vrf else None,
            )


def _bond_settings(bond: Bond) -> BondSettings:
    return BondSettings(bond.mode, bond.monitor_ms, bond.hash, lacp_fast=bond.lacp_rate == "fast")


def _tunnel(item: Interface, roles: Mapping[str, Interface]) -> Tunnel | GreTunnel | None:
    if item.vxlan is not None:
        vxlan, others = item.vxlan, tuple(sorted(item.vxlan.others, key=int))
        return Tunnel(vxlan.vni, vxlan.remote, vxlan.local, vxlan.port, others)
    gre = item.gre
    if gre is None:
        return None
    return GreTunnel(gre.remote, _own_end(gre, roles[gre.parent]), gre.key, gre.ttl, gre.frames)


def _own_end(gre: Gre, parent: Interface) -> IpAddress | None:
    """Return our end as the file says it; over IPv6 an address of the parent where it says none.

    The kernel sends nothing by a tunnel over IPv6 that has no address of its own (``ip6_tnl_xmit_ctl``).
    """
    own = parent.ipv6.addresses
    if gre.local is not None or gre.remote.version == 4 or not own:
        return gre.local
    return next((one.ip for one in own if gre.remote in one.network), own[0].ip)
