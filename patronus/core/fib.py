# SPDX-License-Identifier: GPL-2.0-or-later
"""All routing tables and rules of a router as values, and the route that a packet finds in them. Pure.

Beside ours those of the kernel, of DHCP clients, of routing daemons and of people: what a change leaves alone
decides as well. Sources: rtnetlink(7), linux/fib_rules.h, ip-rule(8).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from patronus.core.link import Hop, IpAddress, IpNetwork, Link, Route, RouteKind, RouteQuery
from patronus.core.route_table import (
    EVERYTHING,
    LAST,
    MAIN_TABLE,
    MARKED,
    MOST_POLICIES,
    MOST_VRF_TABLE,
    POLICY_TABLES,
    PROTOCOL,
    UPLINK_TABLES,
    Family,
    NextHop,
    RouteRule,
    Selector,
    TableRoute,
)
from patronus.core.values import PortRange

FibKind = Literal[
    "unicast", "local", "broadcast", "anycast", "multicast", "blackhole", "unreachable", "prohibit", "throw"
]
LOCAL_TABLE = 255
KERNEL, STATIC, RA, DHCP = 2, 4, 9, 16
"""Who made a route, RTPROT_ of linux/rtnetlink.h: the kernel for an address, an administrator, clients."""
NOWHERE: tuple[FibKind, ...] = ("blackhole", "unreachable", "prohibit")
OURSELVES: tuple[FibKind, ...] = ("local", "anycast")


@dataclass(frozen=True)
class FibRoute:
    """A route of any table. ``owner`` is who made it, ``source`` the address that the router has there."""

    table: int
    destination: IpNetwork
    kind: FibKind = "unicast"
    hops: tuple[NextHop, ...] = ()
    metric: int = 0
    owner: int = KERNEL
    source: IpAddress | None = None

    def as_static(self) -> Route | None:
        """Return the route as one of the main table with one way, or that refuses; None for another."""
        kind = self.kind
        if self.table != MAIN_TABLE:
            return None
        if kind == "unicast" and len(self.hops) == 1:
            return Route(self.destination, self.hops[0].device, self.hops[0].gateway, self.metric)
        if kind == "blackhole" or kind == "unreachable" or kind == "prohibit":  # noqa: PLR1714 - mypy narrows this
            return Route(self.destination, "", None, self.metric, kind)
        return None

    def as_ours(self) -> TableRoute:
        """Return the route as one of several ways or in a table of its own."""
        kind: RouteKind = "unreachable" if self.kind == "unreachable" else "unicast"
        return TableRoute(self.table, self.destination, self.hops, self.metric, kind)

    def leads(self, query: RouteQuery, like: Hop | None = None) -> Hop:
        """Return the next step by this route; of several ways the one ``like`` it was, if it is there.

        Raises LookupError where the route refuses.
        """
        if self.kind in NOWHERE:
            raise LookupError(f"{self.kind} {self.destination}")
        forwarded = query.arrives_on is not None
        if self.kind in OURSELVES or (forwarded and self.kind == "broadcast") or not self.hops:
            return Hop(None)
        ways = [Hop(one.device, one.gateway, self.source, self.table) for one in self.hops]
        kept = (way for way in ways if like and (way.device, way.gateway) == (like.device, like.gateway))
        return next(kept, ways[0])


@dataclass(frozen=True)
class FibRule:
    """A rule: what it fits is looked up in a table, goes on at another rule, or is refused.

    ``kind``        table, vrf (the table of the one that it is in), goto (at ``target``), nothing, or refuse.
    ``suppress``    routes with prefixes of this length or shorter do not count; -1: all do.
    ``inverted``    it fits what the selector does not.
    """

    family: Family
    priority: int
    kind: Literal["table", "vrf", "goto", "nothing", "refuse"] = "table"
    table: int = 0
    target: int = 0
    selector: Selector = field(default=EVERYTHING)
    source_ports: PortRange | None = None
    inverted: bool = False
    suppress: int = -1
    owner: int = KERNEL

    def as_ours(self) -> RouteRule:
        """Return the rule as one that we make."""
        return RouteRule(self.family, self.priority, self.table, self.selector, exact_only=self.suppress == 0)

    def fits(self, query: RouteQuery) -> bool:
        """Return whether the rule is for a packet."""
        ports = self.source_ports is None or query.source_port in self.source_ports
        return (self.selector.fits(query) and ports) != self.inverted


_Table = dict[int, dict[int, list[FibRoute]]]
"""Length of the prefix → its bits → its routes, the best first."""


class Fib:
    """Tables and rules that can be changed and asked. Nothing of it reaches the kernel."""

    def __init__(self, routes: Iterable[FibRoute] = (), rules: Iterable[FibRule] = ()) -> None:
        self._tables: dict[tuple[int, int], _Table] = {}
        self._by: dict[str | IpAddress, dict[int, FibRoute]] = {}
        self.rules: list[FibRule] = []
        self.vrfs: Mapping[str, int] = {}
        """Device in a VRF, or that of one → its table."""
        for rule in rules:
            self.add_rule(rule)
        for route in routes:
            self.add(route)

    def our_routes(self) -> list[TableRoute]:
        """Return our routes with several ways or in tables of their own."""
        return [one.as_ours() for one in self.routes() if is_our_route(one)]

    def our_rules(self) -> list[RouteRule]:
        """Return our rules."""
        return [one.as_ours() for one in self.rules if is_our_rule(one)]

    @property
    def selects(self) -> bool:
        """Return whether any rule looks at more of a packet than where it goes."""
        return any(
            one.source_ports is not None or replace(one.selector, destination=None) != EVERYTHING
            for one in self.rules
        )

    def copy(self) -> Fib:
        """Return tables that can be changed without these."""
        copied = Fib(self.routes(), self.rules)
        copied.vrfs = self.vrfs
        return copied

    def routes(self) -> Iterator[FibRoute]:
        """Yield all routes."""
        for table in self._tables.values():
            for prefixes in table.values():
                for routes in prefixes.values():
                    yield from routes

    def at(self, table: int, destination: IpNetwork) -> tuple[FibRoute, ...]:
        """Return the routes to exactly this prefix, the best first."""
        prefixes = self._tables.get((table, destination.version), {}).get(destination.prefixlen, {})
        return tuple(prefixes.get(_bits(destination), ()))

    def on(self, key: str | IpAddress) -> list[FibRoute]:
        """Return the routes that have a way by a device, or that give packets an address of the router's."""
        return list(self._by.get(key, {}).values())

    def add(self, route: FibRoute) -> None:
        """Add a route, behind those of its metric that are there."""
        destination = route.destination
        table = self._tables.setdefault((route.table, destination.version), {})
        routes = table.setdefault(destination.prefixlen, {}).setdefault(_bits(destination), [])
        routes.append(route)
        routes.sort(key=lambda one: one.metric)
        for key in _keys(route):
            self._by.setdefault(key, {})[id(route)] = route

    def discard(self, route: FibRoute) -> None:
        """Take a route away, if it is there."""
        destination = route.destination
        table = self._tables.get((route.table, destination.version), {})
        routes = table.get(destination.prefixlen, {}).get(_bits(destination), [])
        if route in routes:
            gone = routes.pop(routes.index(route))
            for key in _keys(gone):
                self._by[key].pop(id(gone), None)

    def add_rule(self, rule: FibRule) -> None:
        """Add a rule, behind those of its priority that are there."""
        self.rules.append(rule)
        self.rules.sort(key=lambda one: one.priority)

    def find(self, query: RouteQuery) -> FibRoute | None:
        """Return the route that a packet finds, None where there is none."""
        version, at = query.destination.version, 0
        for rule in self.rules:
            if rule.family != version or rule.priority < at or not rule.fits(query):
                continue
            if rule.kind == "goto":
                at = rule.target
            elif rule.kind == "refuse":
                return None
            elif (table := self._table_of(rule, query)) is not None:
                found = self._longest(table, query.destination)
                if found is not None and found.kind != "throw" and not _suppressed(found, rule):
                    return found
        return None

    def _table_of(self, rule: FibRule, query: RouteQuery) -> int | None:
        """Return the table that a rule has a packet looked up in."""
        if rule.kind == "vrf":
            return self.vrfs.get(query.arrives_on or query.within or "")
        return rule.table if rule.kind == "table" else None

    def _longest(self, number: int, address: IpAddress) -> FibRoute | None:
        table = self._tables.get((number, address.version), {})
        bits, width = int(address), address.max_prefixlen
        for length in sorted(table, reverse=True):
            routes = table[length].get(bits >> (width - length))
            if routes:
                return routes[0]
        return None


def _keys(route: FibRoute) -> set[str | IpAddress]:
    """Return what a route stands on."""
    devices = {hop.device for hop in route.hops}
    return devices | {route.source} if route.source is not None else {*devices}


def is_our_route(route: FibRoute) -> bool:
    """Return whether a route is one of ours with several ways or in a table of its own."""
    of_vrf = 1 <= route.table <= MOST_VRF_TABLE
    ours = route.table == MAIN_TABLE or UPLINK_TABLES <= route.table < POLICY_TABLES + MOST_POLICIES
    kinds = ("unicast", "unreachable") if of_vrf else ("unicast",)
    return (ours or of_vrf) and route.owner == PROTOCOL and route.kind in kinds


def vrf_tables(links: Iterable[Link]) -> dict[str, int]:
    """Return device → table of each VRF and of its members."""
    every = tuple(links)
    tables = {link.name: link.table for link in every if link.table is not None}
    members = {link.name: tables[link.master] for link in every if link.master in tables}
    return tables | members


def is_our_rule(rule: FibRule) -> bool:
    """Return whether a rule is one of ours."""
    return rule.owner == PROTOCOL and MARKED <= rule.priority <= LAST


def _suppressed(route: FibRoute, rule: FibRule) -> bool:
    """Return whether a rule passes over a route. In IPv4 one that refuses ends the search all the same."""
    ends = route.kind in NOWHERE and route.destination.version == 4
    return route.destination.prefixlen <= rule.suppress and not ends


def _bits(prefix: IpNetwork) -> int:
    """Return the bits of a prefix that count."""
    return int(prefix.network_address) >> (prefix.max_prefixlen - prefix.prefixlen)
