# SPDX-License-Identifier: GPL-2.0-or-later
"""Which routes the kernel would take at this moment. Pure.

A client may have lost its address since the plan was made, or a card be down: the kernel refuses a hop on it,
and with it the whole change. Such a hop is left out; what brings the address back brings the hop.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from patronus.core.link import Address, IpNetwork, Link
from patronus.core.route_table import NextHop, TableRoute


def reachable(
    routes: Iterable[TableRoute], links: Iterable[Link], addresses: Iterable[Address]
) -> Iterator[TableRoute]:
    """Yield those that refuse, and others with the hops on links that are up, in one of their networks."""
    up = {link.name: link for link in links if link.up}
    subnets: dict[str, list[IpNetwork]] = {}
    for address in addresses:
        subnets.setdefault(address.device, []).append(address.interface.network)

    def stands(hop: NextHop) -> bool:
        gateway = hop.gateway
        if hop.device not in up:
            return False
        near = gateway is None or gateway.is_link_local or up[hop.device].to_peer
        return near or any(gateway in subnet for subnet in subnets.get(hop.device, ()))

    for route in routes:
        hops = tuple(filter(stands, route.hops))
        if hops or route.kind != "unicast":
            yield replace(route, hops=hops)
