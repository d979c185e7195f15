# SPDX-License-Identifier: GPL-2.0-or-later
"""Tunnels of GRE as rtnetlink(7) writes them: what one is made with, and what one that stands is.

The kernel has a kind for each family of the ends and for what is inside; here they are one.
Source: linux/if_tunnel.h, linux/ip6_tunnel.h; flags and keys are in the network's byte order.
"""

from __future__ import annotations

import ipaddress
import sys
from typing import Any

from patronus.core.link import GreTunnel
from patronus.kernel.nfnetlink import Attributes
from patronus.kernel.rtnetlink import index_of

KINDS = frozenset({"gre", "gretap", "ip6gre", "ip6gretap"})
PARENT, _FLAGS, _KEY, _LOCAL, _REMOTE, _TTL = 1, 2, 4, 6, 7, 8
"""IFLA_GRE_."""
_HAS_KEY = 0x2000
_NO_LIMIT = 0x1
"""IP6_TNL_F_IGN_ENCAP_LIMIT: send no option that limits tunnels in tunnels, which firewalls like to drop."""


def words(route: Any, parent: str, tunnel: GreTunnel) -> dict[str, Any]:
    """Return what a tunnel over the parent is made with; the kernel takes its MTU from that."""
    six = tunnel.remote.version == 6
    given: dict[str, Any] = {
        "link": index_of(route, parent),
        "remote": str(tunnel.remote),
        "ttl": tunnel.ttl,
    }
    if tunnel.local is not None:
        given["local"] = str(tunnel.local)
    if tunnel.key is not None:
        flag = int.from_bytes(_HAS_KEY.to_bytes(2, "big"), sys.byteorder) if six else _HAS_KEY
        given |= {"iflags": flag, "oflags": flag, "ikey": tunnel.key, "okey": tunnel.key}
    if six:
        given["flags"] = _NO_LIMIT
    return {f"{'ip6gre' if six else 'gre'}_{name}": value for name, value in given.items()}


def tunnel_of(kind: str, data: Attributes) -> GreTunnel | None:
    """Return where a tunnel leads; None for one that leads to nobody in particular, as we make none."""
    remote, local = _address(data, _REMOTE), _address(data, _LOCAL)
    if remote is None:
        return None
    keyed = int.from_bytes(data.get(_FLAGS, b""), "big") & _HAS_KEY
    return GreTunnel(
        remote=remote,
        local=local,
        key=int.from_bytes(data[_KEY], "big") if keyed else None,
        ttl=data.get(_TTL, b"\0")[0],
        frames=kind.endswith("tap"),
    )


def _address(data: Attributes, kind: int) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    found = ipaddress.ip_address(data[kind]) if data.get(kind) else None
    return None if found is None or found.is_unspecified else found
