# SPDX-License-Identifier: GPL-2.0-or-later
"""A plan of the links in the words of ip-batch and bridge-batch: from a machine that has just started. Pure.

The changes are those that the daemon would make itself (``difference``), each in the program's words.
"""

from __future__ import annotations

from collections.abc import Iterator

from patronus.core.head_start import Line
from patronus.core.link import (
    Address,
    BondSettings,
    GreTunnel,
    Link,
    LinkWanted,
    PortVlan,
    Route,
    Tunnel,
)
from patronus.network.interfaces.changes import Change, ConfigureLink, CreateLink, SetAddress, SetRoute
from patronus.network.interfaces.difference import additions, creations, settings
from patronus.network.interfaces.plan import InterfacesPlan

OURS = "patronus"
"""The alias that marks a link as made by us."""


def can_say(plan: InterfacesPlan) -> bool:
    """Return whether all links of a plan can be said: no VRF, no translator, no VXLAN of several ends.

    Nor a card that shows another address: its own is noted when that is set, which no batch can.
    """
    return not any(
        link.kind in ("vrf", "nat64") or link.mac or (isinstance(link.tunnel, Tunnel) and link.tunnel.others)
        for link in plan.links
    )


def script(plan: InterfacesPlan) -> tuple[Line, ...]:
    """Return the lines that make and set the links, their addresses and their routes."""
    there = [_fresh(link) for link in plan.links if link.kind != "pppoe"]
    names = {link.name for link in there}
    changes: list[Change] = [*creations(plan, ()), *settings(plan, there), *additions(plan, (), ())]
    standing = (change for change in changes if change.device in names or not change.device)
    return tuple(line for change in standing for line in _lines(change))


def _fresh(wanted: LinkWanted) -> Link:
    """Return a link as it is when it has just been found or made: down, and member of nothing."""
    kind = "" if wanted.kind == "nic" else wanted.kind
    vlans = () if wanted.vlans is not None else None
    return Link(wanted.name, 0, kind, stp=wanted.stp, filters=wanted.filters, vlans=vlans, mtu=0)


def _lines(change: Change) -> Iterator[Line]:
    match change:
        case CreateLink(wanted):
            yield Line("make", f"link add name {wanted.name} {_made(wanted)}")
            yield Line("make", f"link set dev {wanted.name} alias {OURS}")
        case ConfigureLink():
            yield from _configured(change)
        case SetAddress(address):
            yield Line("set", f"address add {_address(address)}")
        case SetRoute(route):
            yield Line("ip4" if route.destination.version == 4 else "ip6", f"route add {_route(route)}")


def _made(wanted: LinkWanted) -> str:
    """Return what a link is made with; a bond's mode cannot be changed later."""
    if wanted.kind == "vlan":
        return f"link {wanted.parent} type vlan protocol {wanted.protocol} id {wanted.tag}"
    if wanted.tunnel is not None:
        return _tunnel(wanted.tunnel, wanted.parent or "")
    if wanted.kind == "bridge":
        filtering = " vlan_default_pvid 0 vlan_filtering 1" if wanted.filters else ""
        return f"type bridge stp_state {int(wanted.stp)}{filtering}"
    if wanted.kind == "bond":
        return _bond(wanted.bond or BondSettings())
    return f"type {wanted.kind}"


def _tunnel(tunnel: Tunnel | GreTunnel, parent: str) -> str:
    ends = f"dev {parent} remote {tunnel.remote}" + (f" local {tunnel.local}" if tunnel.local else "")
    if isinstance(tunnel, Tunnel):
        return f"type vxlan id {tunnel.vni} {ends} dstport {tunnel.port}"
    key = "" if tunnel.key is None else f" key {tunnel.key}"
    limit = " encaplimit none" if tunnel.remote.version == 6 else ""
    return f"type {tunnel.kind} {ends} ttl {tunnel.ttl}{key}{limit}"


def _bond(bond: BondSettings) -> str:
    words = f"type bond mode {bond.mode} miimon {bond.monitor_ms}"
    words += f" xmit_hash_policy {bond.hash}" if bond.hash != BondSettings.hash else ""
    return words + (" lacp_rate fast" if bond.lacp_fast else "")


def _configured(change: ConfigureLink) -> Iterator[Line]:
    """Yield the master first, as a bond refuses what is up; then the state, then VLANs."""
    name, after = change.name, change.after
    if after.master:
        yield Line("set", f"link set dev {name} master {after.master}")
    mtu = f" mtu {after.mtu}" if after.mtu else ""
    yield Line("set", f"link set dev {name}{mtu} up")
    for one in after.vlans or ():
        yield Line("vlan", f"vlan add dev {name} vid {one.tag}{_kinds(one)}{_whose(change)}")


def _kinds(vlan: PortVlan) -> str:
    return f"{' pvid' if vlan.arriving else ''}{' untagged' if vlan.leaving else ''}"


def _whose(change: ConfigureLink) -> str:
    """Return the word for a bridge's own VLANs, nothing for those of a port."""
    return " self" if change.after.stp is not None else ""


def _address(address: Address) -> str:
    """Return an address, usable at once as the daemon adds it."""
    one = address.interface
    if one.version == 6:
        return f"{one} dev {address.device} nodad"
    broadcast = f" broadcast {one.network.broadcast_address}" if one.network.prefixlen < 31 else ""
    return f"{one}{broadcast} dev {address.device}"


def _route(route: Route) -> str:
    kind = "" if route.kind == "unicast" else f"{route.kind} "
    via = f" via {route.gateway}" if route.gateway else ""
    to = f" dev {route.device}" if route.device else ""
    metric = f" metric {route.metric}" if route.metric else ""
    return f"{kind}{route.destination}{via}{to} proto static{metric}"
