# SPDX-License-Identifier: GPL-2.0-or-later
"""The routes of VRFs: their default gateways, and what ends a search in their tables. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from patronus.core.link import IpNetwork
from patronus.core.route_table import EVERYWHERE, REFUSES, NextHop, TableRoute
from patronus.network.interfaces.model import Interfaces
from patronus.network.interfaces.plan import InterfacesPlan, default_metric
from patronus.network.routing.tables import RoutingPlan


def routes_of_vrfs(model: Interfaces, links: InterfacesPlan) -> Iterator[TableRoute]:
    """Yield the routes that the interfaces of VRFs make; what finds none there finds none elsewhere."""
    tables = links.vrf_tables()
    for position, item in enumerate(model.interfaces):
        device = links.devices.get(item.id)
        table = tables.get(device or "")
        if device is None or table is None:
            continue
        if item.vrf is not None:
            yield from (
                TableRoute(table, prefix, (), REFUSES, "unreachable") for prefix in EVERYWHERE.values()
            )
        for gateway in (item.ipv4.gateway, item.ipv6.gateway):
            if gateway is not None:
                everything = EVERYWHERE[4 if gateway.version == 4 else 6]
                yield TableRoute(table, everything, (NextHop(device, gateway),), default_metric(position))


def networks_within(links: InterfacesPlan, plan: RoutingPlan) -> dict[str, tuple[IpNetwork, ...]]:
    """Return VRF → the networks that its table leads to, but for the default route."""
    tables = links.vrf_tables()
    roles = {device: role for role, device in links.devices.items() if device in tables}
    subnets = links.subnets()
    found: dict[str, list[IpNetwork]] = {vrf: [] for vrf in links.tables}
    names = {table: vrf for vrf, table in links.tables.items()}
    for device, role in roles.items():
        found[links.vrfs[device]] += subnets.get(role, ())
    for route in plan.tables.routes:
        if route.table in names and route.destination.prefixlen:
            found[names[route.table]].append(route.destination)
    return {vrf: tuple(dict.fromkeys(networks)) for vrf, networks in found.items()}
