# SPDX-License-Identifier: GPL-2.0-or-later
"""Routes with several hops, and policies: the routes, tables and rules that they become. Pure.

A way that cannot be reached now is left out of its route; a route or a policy without any waits, and the
packets go as if it were not there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from patronus.core.feature import Plan
from patronus.core.link import Route
from patronus.core.route_table import (
    EVERYWHERE,
    FAMILIES,
    MAIN_TABLE,
    OVER_ALL,
    OVER_DEFAULT,
    OWN_ROUTES,
    POLICY_TABLES,
    UPLINK_BITS,
    Family,
    NextHop,
    RouteRule,
    Selector,
    TableRoute,
)
from patronus.core.values import Mark
from patronus.network.routing.model import Gateway, RoutePolicy, Routing, StaticRoute
from patronus.network.routing.plan import Links, hop_by, way_in_vrf

PROTOCOLS = {"tcp": 6, "udp": 17}


class UplinkWay(Protocol):
    """An uplink as a policy sees it: its table, its default gateways, and whether it is well."""

    @property
    def table(self) -> int:
        """Return the number of its table."""

    @property
    def hops(self) -> Mapping[Family, NextHop]:
        """Return family → its default gateway."""

    @property
    def well(self) -> bool:
        """Return whether its checks are answered."""


NO_UPLINKS: Mapping[str, UplinkWay] = {}


@dataclass(frozen=True)
class Tables:
    """What shall be in the kernel, and what of it each entry of the file has.

    ``hops``    id of a route or ``policy/`` and the id of a policy → the ways that stand.
    ``left_out`` the same → why the others do not.
    ``names``   priority of a rule → the policy that it is of.
    ``standing`` id of a route → itself, of those with several ways, or in the table of a VRF.
    """

    routes: tuple[TableRoute, ...] = ()
    rules: tuple[RouteRule, ...] = ()
    hops: Mapping[str, tuple[NextHop, ...]] = field(default_factory=dict)
    left_out: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    names: Mapping[int, str] = field(default_factory=dict)
    standing: Mapping[str, TableRoute] = field(default_factory=dict)


@dataclass
class _Made:
    """What has been made so far."""

    routes: list[TableRoute] = field(default_factory=list)
    rules: list[RouteRule] = field(default_factory=list)
    hops: dict[str, tuple[NextHop, ...]] = field(default_factory=dict)
    left_out: dict[str, tuple[str, ...]] = field(default_factory=dict)
    names: dict[int, str] = field(default_factory=dict)
    standing: dict[str, TableRoute] = field(default_factory=dict)

    def stand(self, item: StaticRoute, hops: tuple[NextHop, ...], links: Links) -> None:
        """Note a route: in the table of the VRF that its ways are in, else in the main one."""
        table = links.tables.get(hops[0].device, MAIN_TABLE)
        self.standing[item.id] = route = TableRoute(table, item.destination, hops, item.metric)
        self.routes.append(route)

    def ways(self, name: str, gateways: Iterable[Gateway], links: Links) -> tuple[NextHop, ...]:
        """Return the ways that stand, and note both them and the others under a name."""
        found = [hop_by(way, links) for way in gateways]
        self.hops[name] = tuple(one for one in found if isinstance(one, NextHop))
        self.left_out[name] = tuple(one for one in found if isinstance(one, str))
        return self.hops[name]


def build(
    routing: Routing,
    links: Links,
    routes: Iterable[TableRoute] = (),
    rules: Iterable[RouteRule] = (),
    uplinks: Mapping[str, UplinkWay] = NO_UPLINKS,
) -> Tables:
    """Return the routes of several hops, the tables of the policies, and the rules that lead there.

    ``routes`` are those of the uplinks and to routers' prefixes, ``rules`` those of the uplinks; policies may
    name one of these.
    """
    made = _Made(list(routes), list(rules))
    for item in routing.routes:
        if item.enabled and item.gateways and (hops := made.ways(item.id, item.gateways, links)):
            made.stand(item, hops, links)
        elif item.enabled and (hop := way_in_vrf(item, links)) is not None:
            made.stand(item, (hop,), links)
    for position, policy in enumerate(routing.policies):
        if policy.enabled:
            _add_policy(made, policy, position, links, uplinks)
    made.rules += _own_routes(made.rules)
    return Tables(tuple(made.routes), tuple(made.rules), made.hops, made.left_out, made.names, made.standing)


def policy_name(policy: RoutePolicy) -> str:
    """Return the name under which a policy is kept: routes may have its id."""
    return f"policy/{policy.id}"


def _add_policy(
    made: _Made, policy: RoutePolicy, position: int, links: Links, uplinks: Mapping[str, UplinkWay]
) -> None:
    device = links.devices.get(policy.interface) if policy.interface else None
    name, table, priority = policy_name(policy), POLICY_TABLES + position, priority_of(policy, position)
    hops = made.ways(name, policy.gateways, links)
    if policy.interface and device is None:
        made.hops[name], made.left_out[name] = (), (f"{policy.interface} has no device",)
        return
    if policy.uplink is not None:
        way = uplinks.get(policy.uplink)
        if way is None or not way.well or not way.hops:
            made.left_out[name] = (f"{policy.uplink} is not well",)
            return
        made.hops[name] = hops = tuple(way.hops.values())
        table = way.table
    made.names[priority] = name
    for family in families_of(policy):
        able = tuple(hop for hop in hops if hop.gateway is None or hop.gateway.version == family)
        if able:
            if policy.uplink is None:
                made.routes.append(TableRoute(table, EVERYWHERE[family], able))
            made.rules += rules_of(policy, device, family, priority, table)


def priority_of(policy: RoutePolicy, position: int) -> int:
    """Return the priority of the rules of a policy at a place in the file."""
    return (OVER_ALL if policy.over == "all" else OVER_DEFAULT) + position


def families_of(policy: RoutePolicy) -> tuple[Family, ...]:
    """Return the families that a policy is for: that of its prefixes, else both."""
    prefixes = [prefix for prefix in (policy.source, policy.destination) if prefix is not None]
    return tuple(family for family in FAMILIES if all(prefix.version == family for prefix in prefixes))


def rules_of(
    policy: RoutePolicy, device: str | None, family: Family, priority: int, table: int
) -> Iterator[RouteRule]:
    """Yield the rules of one family that lead to a table, one for each range of ports."""
    mark = Mark(policy.mark.value, policy.mark.mask & ~UPLINK_BITS) if policy.mark else None
    protocol = PROTOCOLS[policy.protocol] if policy.protocol else None
    for ports in policy.ports or (None,):
        selector = Selector(policy.source, policy.destination, device, mark, protocol, ports)
        yield RouteRule(family, priority, table, selector)


def _own_routes(rules: Sequence[RouteRule]) -> list[RouteRule]:
    """Return the rules that ask the router's own routes before what stands in place of the default one."""
    needed = {rule.family for rule in rules if rule.priority > OWN_ROUTES}
    return [RouteRule(family, OWN_ROUTES, MAIN_TABLE, exact_only=True) for family in sorted(needed)]


@dataclass(frozen=True)
class RoutingPlan(Plan):
    """The routes and policies that shall be.

    ``standing``  id → route of those that stand; ``waiting``: id → why another cannot yet.
    ``tables``    those with several ways, and the policies.
    """

    standing: Mapping[str, Route | TableRoute] = field(default_factory=dict)
    waiting: Mapping[str, str] = field(default_factory=dict)
    tables: Tables = field(default_factory=Tables)

    @property
    def spreads(self) -> bool:
        """Return whether any route has several ways."""
        return any(len(route.hops) > 1 for route in self.tables.routes)


def planned(
    routing: Routing, static: Mapping[str, Route], waiting: Mapping[str, str], tables: Tables
) -> RoutingPlan:
    """Return the plan from what the links bring along, ``static`` and ``waiting``, and the tables."""
    standing: dict[str, Route | TableRoute] = {**static, **tables.standing}
    held_up = dict(waiting)
    for item in routing.routes:
        if item.enabled and item.gateways and item.id not in standing:
            held_up[item.id] = "; ".join(tables.left_out[item.id])
    return RoutingPlan(standing=standing, waiting=held_up, tables=tables)
