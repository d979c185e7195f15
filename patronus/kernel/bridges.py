# SPDX-License-Identifier: GPL-2.0-or-later
"""Bridges that keep VLANs apart, over the requests of rtnetlink(7) for the family AF_BRIDGE.

A kernel without BRIDGE_VLAN_FILTERING refuses to filter; nothing is asked of it here otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from patronus.core.link import IpAddress, PortVlan, Seat
from patronus.kernel.links_seen import LinkSeen
from patronus.kernel.rtnetlink import asking, dump

Carried = Mapping[int, tuple[PortVlan, ...]]
"""Index of a bridge that filters, or of a port of one → its VLANs in order."""
FILTERING = {"br_vlan_default_pvid": 0, "br_vlan_filtering": 1}
"""What such a bridge is made with: a port carries nothing until it is told what."""
_ARRIVING, _LEAVING = 0x2, 0x4
"""BRIDGE_VLAN_INFO_PVID and _UNTAGGED of linux/if_bridge.h."""


def carried(links: Sequence[LinkSeen]) -> Carried:
    """Return what the bridges that filter carry, and their ports; asks only where there is such a bridge."""
    switches = {one.number for one in links if one.filters}
    if not switches:
        return {}
    ports = {one.number for one in links if one.master in switches}
    found: dict[int, tuple[PortVlan, ...]] = dict.fromkeys((*switches, *ports), ())
    with asking("read the VLANs of bridges") as route:
        for message in dump(route, "get_vlans"):
            if message["index"] in found:
                found[message["index"]] = _vlans(message)
    return found


def _vlans(message: Any) -> tuple[PortVlan, ...]:
    spec = message.get_attr("IFLA_AF_SPEC")
    given = spec.get_attrs("IFLA_BRIDGE_VLAN_INFO") if spec is not None else []
    return tuple(
        sorted(
            PortVlan(one["vid"], bool(one["flags"] & _ARRIVING), bool(one["flags"] & _LEAVING))
            for one in given
        )
    )


def set_filtering(route: Any, index: int, *, filtering: bool) -> None:
    """Have a bridge keep VLANs apart, or let all pass; what its ports carry stays noted meanwhile."""
    changed = FILTERING if filtering else {"br_vlan_filtering": 0}
    for name, value in changed.items():
        route.link("set", index=index, kind="bridge", **{name: value})


def set_carried(route: Any, index: int, wanted: Sequence[PortVlan]) -> None:
    """Give a port, or the bridge itself, exactly these VLANs; those that stay as they are never pause."""
    (message,) = route.get_links(index)
    is_bridge = message.get_nested("IFLA_LINKINFO", "IFLA_INFO_KIND") == "bridge"
    whose = {"vlan_flags": "self"} if is_bridge else {}
    there = [one for item in dump(route, "get_vlans") if item["index"] == index for one in _vlans(item)]
    for tag in sorted({one.tag for one in there} - {one.tag for one in wanted}):
        route.vlan_filter("del", index=index, vlan_info={"vid": tag}, **whose)
    for one in wanted:
        if one not in there:
            flags = _ARRIVING * one.arriving | _LEAVING * one.leaving
            route.vlan_filter("add", index=index, vlan_info={"vid": one.tag, "flags": flags}, **whose)


def seats(route: Any, host: IpAddress, names: Mapping[int, str]) -> tuple[Seat, ...]:
    """Return where bridges heard the MAC that the router knows the host by."""
    known = {
        item.get_attr("NDA_LLADDR")
        for item in dump(route, "get_neighbours")
        if item.get_attr("NDA_DST") == str(host)
    }
    return tuple(
        Seat(names[item["ifindex"]], names[item.get_attr("NDA_MASTER")], item.get_attr("NDA_VLAN"))
        for item in route.fdb("dump")
        if item.get_attr("NDA_LLADDR") in known - {None}
        and {item["ifindex"], item.get_attr("NDA_MASTER")} <= names.keys()
    )
