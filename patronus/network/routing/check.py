# SPDX-License-Identifier: GPL-2.0-or-later
"""What one route alone cannot show: gateways out of reach, doubles, routes for our own subnets. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from ipaddress import ip_network

from patronus.core.link import IpNetwork
from patronus.core.model import Configuration
from patronus.core.problem import Path, Problem
from patronus.network.interfaces.model import Interface, Interfaces, Ipv4, Ipv6
from patronus.network.interfaces.plan import FIRST_METRIC
from patronus.network.routing.model import Routing, StaticRoute

SECTION_PATH = "network/routing"


def check(config: Configuration) -> Iterator[Problem]:
    """Yield every problem of the routes, each with its place."""
    interfaces = {item.id: item for item in config.get(Interfaces).interfaces}
    for problem in _problems(config.get(Routing), interfaces):
        yield replace(problem, location=config.locate(problem.path))


def _problems(routing: Routing, interfaces: Mapping[str, Interface]) -> Iterator[Problem]:
    seen = dict(_default_routes(interfaces))
    for position, item in enumerate(routing.routes):
        path: Path = (SECTION_PATH, "routes", position)
        yield from _check_destination(path, item, interfaces)
        if item.type == "unicast":
            yield from _check_way(path, item, interfaces)
        elif item.gateway or item.interface:
            text = f"a route of type {item.type} leads nowhere, so it has no gateway and no interface"
            yield Problem((*path, "type"), text, item.type, hint="type: unicast")
        other = seen.setdefault((item.destination, item.metric), item.id) if item.enabled else item.id
        if other != item.id:
            text = f"{other} leads to {item.destination} with metric {item.metric} as well"
            yield Problem((*path, "metric"), text, item.metric, hint="the smaller metric is taken first")


def _default_routes(interfaces: Mapping[str, Interface]) -> Iterator[tuple[tuple[IpNetwork, int], str]]:
    """Yield destination and metric of the default routes that the interfaces make, with their names."""
    for position, item in enumerate(interfaces.values()):
        for gateway in (item.ipv4.gateway, item.ipv6.gateway):
            if gateway is not None:
                everything = ip_network("0.0.0.0/0" if gateway.version == 4 else "::/0")
                yield (everything, FIRST_METRIC + position), f"the gateway of {item.id}"


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


def _check_way(path: Path, item: StaticRoute, interfaces: Mapping[str, Interface]) -> Iterator[Problem]:
    """Check gateway and interface; what an uplink or a provider gives later is not known here."""
    gateway = item.gateway
    if item.interface is not None and item.interface not in interfaces:
        known = "one of " + ", ".join(sorted(interfaces)) if interfaces else "none is configured"
        yield Problem((*path, "interface"), f"there is no interface {item.interface}", item.interface, known)
        return
    if gateway is None:
        if item.interface is None:
            yield Problem(path, f"nothing says where {item.id} leads", allowed="gateway, interface, or both")
        return
    path = (*path, "gateway")
    if gateway.version != item.destination.version:
        text = f"{gateway} cannot lead to {item.destination}"
        yield Problem(path, text, gateway, f"an IPv{item.destination.version} address")
        return
    if gateway.is_link_local:
        if item.interface is None:
            text = f"{gateway} is on every link"
            yield Problem(path, text, gateway, hint="add interface: the one behind which it is")
        return
    yield from _check_reach(path, item, interfaces)


def _check_reach(path: Path, item: StaticRoute, interfaces: Mapping[str, Interface]) -> Iterator[Problem]:
    gateway = item.gateway
    assert gateway is not None
    asked = [interfaces[item.interface]] if item.interface else list(interfaces.values())
    families: list[Ipv4 | Ipv6] = [one.ipv4 if gateway.version == 4 else one.ipv6 for one in asked]
    own = [address for family in families for address in family.addresses]
    if any(gateway == address.ip for address in own):
        yield Problem(path, f"{gateway} is the router itself", gateway)
    elif not any(gateway in address.network for address in own) and not any(map(_comes_later, families)):
        where = f"in no subnet of {item.interface}" if item.interface else "in no interface's subnet"
        yield Problem(path, f"{gateway} is {where}", gateway, hint="a gateway is a neighbour of the router")


def _comes_later(family: Ipv4 | Ipv6) -> bool:
    """Return whether an interface gets addresses that the file does not name."""
    return family.method not in ("static", "none")
