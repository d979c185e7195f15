# SPDX-License-Identifier: GPL-2.0-or-later
"""What links must hear that the firewall would take for uninvited: their openings. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_network

from patronus.network.interfaces.model import Interfaces
from patronus.network.interfaces.tunnel_model import Vxlan
from patronus.network.opening import Opening

DHCPV6_CLIENT_PORT = 546


def openings(model: Interfaces) -> Iterator[Opening]:
    """Yield what DHCPv6 clients must hear, and what comes through tunnels.

    The answer to a multicast is no reply that conntrack knows (RFC 8415 section 7.2); DHCPv4 needs none, as
    its client reads frames. The other end of a VXLAN sends from ports that it chooses (RFC 7348 section 5).
    """
    asking = (
        item.zone
        for item in model.interfaces
        if item.zone and (item.ipv6.method == "dhcp" or item.ipv6.prefix_delegation)
    )
    for zone in dict.fromkeys(asking):
        yield Opening(zone, "udp", (DHCPV6_CLIENT_PORT,), "dhcpv6-client")
    yield from dict.fromkeys(_tunnels(model))


def _tunnels(model: Interfaces) -> Iterator[Opening]:
    roles = {item.id: item for item in model.interfaces}
    for item in model.interfaces:
        below, tunnel = roles.get(item.parent or ""), item.vxlan or item.gre
        if tunnel is None or below is None or below.zone is None:
            continue
        source = tuple(map(ip_network, tunnel.remotes))
        if isinstance(tunnel, Vxlan):
            yield Opening(below.zone, "udp", (tunnel.port,), "vxlan", source, below.id)
        else:
            yield Opening(below.zone, "gre", (), "gre", source, below.id)
