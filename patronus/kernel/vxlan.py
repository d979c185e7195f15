# SPDX-License-Identifier: GPL-2.0-or-later
"""VXLANs as rtnetlink(7) writes them: what one is made with, and what one that stands is."""

from __future__ import annotations

import ipaddress
import sys
from typing import Any

from patronus.core.link import Tunnel
from patronus.kernel.nfnetlink import Attributes
from patronus.kernel.rtnetlink import index_of

_VNI, _REMOTE, PARENT, _LOCAL, _PORT, _REMOTE6, _LOCAL6 = 1, 2, 3, 4, 15, 16, 17
"""IFLA_VXLAN_ of linux/if_link.h; the port alone is in the network's byte order."""


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


def tunnel_of(data: Attributes) -> Tunnel | None:
    """Return where a VXLAN leads; None for one that leads to nobody in particular, as we make none."""
    remote = data.get(_REMOTE) or data.get(_REMOTE6)
    local = data.get(_LOCAL) or data.get(_LOCAL6)
    if not remote:
        return None
    source = ipaddress.ip_address(local) if local else None
    return Tunnel(
        vni=int.from_bytes(data[_VNI], sys.byteorder),
        remote=ipaddress.ip_address(remote),
        local=None if source is None or source.is_unspecified else source,
        port=int.from_bytes(data[_PORT], "big"),
    )
