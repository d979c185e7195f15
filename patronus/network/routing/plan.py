# SPDX-License-Identifier: GPL-2.0-or-later
"""Which of the configured routes can stand now, and why others wait. Pure.

A route whose gateway cannot be reached yet (an uplink without a lease, a card that is pulled out) waits, and
comes with the address. It never keeps another route, nor the change it came with, from being applied.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from patronus.core.link import IpAddress, IpNetwork, Route
from patronus.core.route_table import NextHop
from patronus.network.routing.model import Gateway, Routing, StaticRoute


@dataclass(frozen=True)
class Links:
    """What routes stand on: role → device, None where it is missing, and role → subnets.

    ``tables``: device in a VRF → the table of that.
    """

    devices: Mapping[str, str | None] = field(default_factory=dict)
    subnets: Mapping[str, tuple[IpNetwork, ...]] = field(default_factory=dict)
    tables: Mapping[str, int] = field(default_factory=dict)


def standing(routing: Routing, links: Links) -> tuple[dict[str, Route], dict[str, str]]:
    """Return id → route of those with one way that can stand, and id → reason of those that wait.

    Those in the table of a VRF are left out.
    """
    routes: dict[str, Route] = {}
    waiting: dict[str, str] = {}
    for item in routing.routes:
        if not item.enabled or item.gateways or way_in_vrf(item, links) is not None:
            continue
        found = _resolve(item, links)
        if isinstance(found, Route):
            routes[item.id] = found
        else:
            waiting[item.id] = found
    return routes, waiting


def _resolve(item: StaticRoute, links: Links) -> Route | str:
    if item.type != "unicast":
        return Route(item.destination, "", None, item.metric, item.type)
    hop = hop_by(item, links)
    if isinstance(hop, str):
        return hop
    return Route(item.destination, hop.device, hop.gateway, item.metric)


def way_in_vrf(item: StaticRoute, links: Links) -> NextHop | None:
    """Return the one way of a route if it is in a VRF."""
    if not links.tables or item.type != "unicast" or item.gateways:
        return None
    hop = hop_by(item, links)
    return hop if isinstance(hop, NextHop) and hop.device in links.tables else None


def hop_by(way: StaticRoute | Gateway, links: Links) -> NextHop | str:
    """Return the next hop of a way, or why it cannot stand now."""
    role = way.interface or _behind(way.gateway, links)
    if role is None:
        return f"{way.gateway} is in no subnet that the router has now"
    device = links.devices.get(role)
    if device is None:
        return f"{role} has no device"
    if way.interface and not _reaches(way.gateway, links.subnets.get(role, ())):
        return f"{way.gateway} is in no subnet that {role} has now"
    return NextHop(device, way.gateway, way.weight if isinstance(way, Gateway) else 1)


def _behind(gateway: IpAddress | None, links: Links) -> str | None:
    """Return the first interface whose subnet the gateway is in."""
    found = (role for role, subnets in links.subnets.items() if _reaches(gateway, subnets))
    return next(found, None)


def _reaches(gateway: IpAddress | None, subnets: tuple[IpNetwork, ...]) -> bool:
    return gateway is None or gateway.is_link_local or any(gateway in subnet for subnet in subnets)
