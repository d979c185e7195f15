# SPDX-License-Identifier: GPL-2.0-or-later
"""The plan of all that is routed: routes, policies and uplinks together, and what leaves an uplink. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from patronus.core.connection import Tracked
from patronus.core.feature import Plan
from patronus.core.link import IpAddress, IpNetwork
from patronus.core.model import Configuration
from patronus.core.route_table import ANSWERS, MARKED, NUMBERED, UPLINK_BITS, uplink_mark
from patronus.network.interfaces.model import Interfaces
from patronus.network.interfaces.plan import InterfacesPlan
from patronus.network.routing.delegated import Delegated, routes_to
from patronus.network.routing.model import Routing
from patronus.network.routing.plan import Links
from patronus.network.routing.steering import Steering
from patronus.network.routing.tables import RoutingPlan, build, planned
from patronus.network.routing.vrfs import routes_of_vrfs
from patronus.network.uplinks.model import Uplinks
from patronus.network.uplinks.task import Task
from patronus.network.uplinks.ways import WayOut, own_addresses, routes_of, rules_of, ways_out


@dataclass(frozen=True)
class UplinksPlan(Plan):
    """Where packets go.

    ``ways``   the uplinks as they stand; ``tasks``: what of them is watched.
    ``own``    role of an uplink → the router's addresses there; ``inside``: the networks of all others.
    ``vrfs``   table → the VRF whose it is.
    """

    routing: RoutingPlan = field(default_factory=RoutingPlan)
    ways: tuple[WayOut, ...] = ()
    tasks: Mapping[str, Task] = field(default_factory=dict)
    own: Mapping[str, tuple[IpAddress, ...]] = field(default_factory=dict)
    inside: tuple[IpNetwork, ...] = ()
    vrfs: Mapping[int, str] = field(default_factory=dict)

    def numbers(self) -> dict[str, int]:
        """Return device → the number of the uplink that it is."""
        return {way.device: way.number for way in self.ways if way.device is not None}

    def steering(self) -> Steering:
        """Return what chooses a way beside the destination, and what it is called."""
        kept = {
            place + way.number - 1: f"uplink/{way.role}"
            for way in self.ways
            for place in (MARKED, ANSWERS, NUMBERED)
        }
        tables = self.routing.tables
        return Steering(tables.rules, {**kept, **tables.names}, tables.routes, self.vrfs)


def plan(
    config: Configuration,
    down: Collection[str],
    links: InterfacesPlan,
    delegated: frozenset[Delegated] = frozenset(),
) -> UplinksPlan:
    """Return the plan; ``down`` are the uplinks that do not answer, ``delegated`` are routers' prefixes."""
    uplinks, routing = config.get(Uplinks), config.get(Routing)
    ways = ways_out(uplinks, config.get(Interfaces), links, down)
    tables = build(
        routing,
        Links(links.devices, links.subnets(), links.vrf_tables()),
        (
            *routes_of_vrfs(config.get(Interfaces), links),
            *routes_of(ways, links),
            *routes_to(delegated, links.devices),
        ),
        rules_of(ways, links),
        {way.role: way for way in ways},
    )
    settings = {item.id: item for item in uplinks.uplinks}
    return UplinksPlan(
        routing=planned(routing, links.static, links.waiting, tables),
        ways=ways,
        tasks={way.role: Task(settings[way.role], way.device, way.gateway, way.reason) for way in ways},
        own={way.role: own_addresses(way.role, links) for way in ways},
        vrfs={table: vrf for vrf, table in links.tables.items()},
        inside=tuple(_inside({way.role for way in ways}, links, delegated)),
    )


def _inside(
    uplinks: Collection[str], links: InterfacesPlan, delegated: frozenset[Delegated]
) -> Iterator[IpNetwork]:
    for role, subnets in links.subnets().items():
        if role not in uplinks:
            yield from subnets
    yield from (one.prefix for one in sorted(delegated))


@dataclass(frozen=True)
class Departure:
    """A mark that connections lose: ``all`` of them, or those that another uplink can carry on."""

    number: int
    role: str
    all: bool


def departures(before: Sequence[WayOut], now: Sequence[WayOut]) -> Iterator[Departure]:
    """Yield what connections lose: an uplink that failed while another is there, or a number of another now.

    One that failed while there was no other loses them when there is one. One that is merely not taken any
    more, since a better tier is back, keeps its connections.
    """
    present = {way.number: way for way in now}
    others, alone = any(way.taken for way in now), not any(way.taken for way in before)
    for way in before:
        later = present.get(way.number)
        if later is None or later.role != way.role:
            yield Departure(way.number, way.role, all=True)
        elif others and not _goes(later) and (alone or _goes(way)):
            yield Departure(way.number, way.role, all=False)


def _goes(way: WayOut) -> bool:
    return way.well and bool(way.hops)


def leaves(one: Tracked, departure: Departure, before: UplinksPlan, now: UplinksPlan) -> bool:
    """Return whether a connection loses its uplink.

    One from outside, to an address of ours or, as with IPv6, of a host inside, has no other way: its peer
    knows that address alone.
    """
    if one.mark & UPLINK_BITS != uplink_mark(departure.number).value:
        return False
    own = (*before.own.get(departure.role, ()), *now.own.get(departure.role, ()))
    to = one.connection.original.destination
    from_outside = one.connection.translated or to in own or any(to in network for network in now.inside)
    return departure.all or not from_outside
