# SPDX-License-Identifier: GPL-2.0-or-later
"""What one route alone cannot show: gateways out of reach, doubles, routes for our own subnets. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from ipaddress import ip_network

from patronus.core.link import IpNetwork
from patronus.core.model import Configuration
from patronus.core.problem import Path, Problem
from patronus.network.interfaces.model import Interface, Interfaces, vrfs_of
from patronus.network.interfaces.plan import FIRST_METRIC
from patronus.network.routing.check_policies import check_policies
from patronus.network.routing.check_vrf import check_one_table, vrf_of
from patronus.network.routing.check_way import SECTION_PATH, check_gateways, check_way
from patronus.network.routing.model import Routing, StaticRoute


def check(config: Configuration) -> Iterator[Problem]:
    """Yield every problem of the routes, each with its place."""
    interfaces = {item.id: item for item in config.get(Interfaces).interfaces}
    routing = config.get(Routing)
    for problem in (*_problems(routing, interfaces), *check_policies(routing, interfaces)):
        yield replace(problem, location=config.locate(problem.path))


def _problems(routing: Routing, interfaces: Mapping[str, Interface]) -> Iterator[Problem]:
    seen: dict[tuple[str | None, IpNetwork, int], str] = dict(_default_routes(interfaces))
    for position, item in enumerate(routing.routes):
        path: Path = (SECTION_PATH, "routes", position)
        yield from _check_destination(path, item, interfaces)
        if item.type == "unicast":
            yield from _check_ways(path, item, interfaces)
        elif item.gateway or item.interface or item.gateways:
            text = f"a route of type {item.type} leads nowhere, so it has no gateway and no interface"
            yield Problem((*path, "type"), text, item.type, hint="type: unicast")
        vrf = vrf_of(item.gateways[0] if item.gateways else item, interfaces)
        key = (vrf, item.destination, item.metric)
        other = seen.setdefault(key, item.id) if item.enabled else item.id
        if other != item.id:
            text = f"{other} leads to {item.destination} with metric {item.metric} as well"
            yield Problem((*path, "metric"), text, item.metric, hint="the smaller metric is taken first")


def _default_routes(
    interfaces: Mapping[str, Interface],
) -> Iterator[tuple[tuple[str | None, IpNetwork, int], str]]:
    """Yield VRF, destination and metric of the default routes that the interfaces make, with their names."""
    vrfs = vrfs_of(interfaces.values())
    for position, item in enumerate(interfaces.values()):
        for gateway in (item.ipv4.gateway, item.ipv6.gateway):
            if gateway is not None:
                everything = ip_network("0.0.0.0/0" if gateway.version == 4 else "::/0")
                yield (vrfs.get(item.id), everything, FIRST_METRIC + position), f"the gateway of {item.id}"


def _check_destination(
    path: Path, item: StaticRoute, interfaces: Mapping[str, Interface]
) -> Iterator[Problem]:
    path = (*path, "destination")
    destination = item.destination
    if destination.is_multicast or destination.is_loopback or destination.is_link_local:
        yield Problem(path, f"{destination} is never routed", destination)
    for interface in interfaces.values():
        own = (*interface.ipv4.addresses, *interface.ipv6.addresses)
        if any(destination == address.network for address in own):
            yield Problem(path, f"{destination} is {interface.id}'s own subnet", destination)


def _check_ways(path: Path, item: StaticRoute, interfaces: Mapping[str, Interface]) -> Iterator[Problem]:
    """Check the one way of a route, or each of several."""
    if not item.gateways:
        yield from check_way(path, item, item.destination.version, interfaces, f"where {item.id} leads")
        return
    if item.gateway or item.interface:
        text = f"{item.id} has a way beside its gateways"
        yield Problem((*path, "gateways"), text, allowed="gateway and interface, or gateways")
    yield from check_gateways((*path, "gateways"), item.gateways, item.destination.version, interfaces)
    yield from check_one_table((*path, "gateways"), item.gateways, interfaces)
