# SPDX-License-Identifier: GPL-2.0-or-later
"""VXLANs as rtnetlink(7) writes them: what one is made with, and what one that stands is."""

from __future__ import annotations

import ipaddress
import sys
from collections.abc import Collection, Mapping
from typing import Any

from patronus.core.link import IpAddress, Tunnel
from patronus.kernel.nfnetlink import Attributes
from patronus.kernel.rtnetlink import asking, index_of

_VNI, _REMOTE, PARENT, _LOCAL, _PORT, _REMOTE6, _LOCAL6 = 1, 2, 3, 4, 15, 16, 17
"""IFLA_VXLAN_ of linux/if_link.h; the port alone is in the network's byte order."""

_EVERYBODY = "00:00:00:00:00:00"
"""The entry of a VXLAN's table for frames to everybody, or to a host that was not heard yet (bridge(8))."""


def words(route: Any, parent: str, tunnel: Tunnel) -> dict[str, Any]:
    """Return what a VXLAN over the parent is made with; the kernel takes its MTU from that."""
    six = "6" if tunnel.remote.version == 6 else ""
    given: dict[str, Any] = {
        "vxlan_id": tunnel.vni,
        "vxlan_link": index_of(route, parent),
        f"vxlan_group{six}": str(tunnel.remote),
        "vxlan_port": tunnel.port,
    }
    return given | ({f"vxlan_local{six}": str(tunnel.local)} if tunnel.local else {})


def join(route: Any, name: str, tunnel: Tunnel) -> None:
    """Have a VXLAN send what is for everybody to its further ends too."""
    for other in tunnel.others:
        route.fdb("append", ifindex=index_of(route, name), lladdr=_EVERYBODY, dst=str(other))


def further(vxlans: Collection[int]) -> Mapping[int, frozenset[IpAddress]]:
    """Return number of a VXLAN → the ends to which it sends what is for everybody."""
    found: dict[int, set[IpAddress]] = {number: set() for number in vxlans}
    if found:
        with asking("read the ends of VXLANs") as route:
            for entry in route.fdb("dump"):
                end = entry.get_attr("NDA_DST")
                if entry["ifindex"] in found and entry.get_attr("NDA_LLADDR") == _EVERYBODY and end:
                    found[entry["ifindex"]].add(ipaddress.ip_address(end))
    return {number: frozenset(ends) for number, ends in found.items()}


def tunnel_of(data: Attributes, ends: Collection[IpAddress] = ()) -> Tunnel | None:
    """Return where a VXLAN leads; None for one that leads to nobody in particular, as we make none.

    ``ends`` are those to which it sends what is for everybody.
    """
    remote = data.get(_REMOTE) or data.get(_REMOTE6)
    local = data.get(_LOCAL) or data.get(_LOCAL6)
    if not remote:
        return None
    source = ipaddress.ip_address(local) if local else None
    first = ipaddress.ip_address(remote)
    return Tunnel(
        vni=int.from_bytes(data[_VNI], sys.byteorder),
        remote=first,
        local=None if source is None or source.is_unspecified else source,
        port=int.from_bytes(data[_PORT], "big"),
        others=tuple(sorted(set(ends) - {first}, key=int)),
    )
