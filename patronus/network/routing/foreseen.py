# SPDX-License-Identifier: GPL-2.0-or-later
"""The links and routing tables that a change will leave: its own steps, done to values instead of the kernel.

What DHCP, a provider or another router has given stays as it is, unless its interface, its client or its
session goes. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from patronus.core.fib import DHCP, RA, Fib, FibRoute, FibRule
from patronus.core.link import Address, Link
from patronus.core.route_table import PROTOCOL, RouteRule, TableRoute
from patronus.network.interfaces.difference import Look, phases
from patronus.network.interfaces.plan import DhcpClient, InterfacesPlan
from patronus.network.routing.link_twin import LinkTwin
from patronus.network.routing.reach import reachable
from patronus.network.routing.table_changes import changes
from patronus.network.uplinks.plan import UplinksPlan


@dataclass(frozen=True)
class Coming:
    """What there will be: tables, links by name and addresses; ``remade`` links are on another wire."""

    fib: Fib
    links: Mapping[str, Link]
    addresses: tuple[Address, ...]
    remade: frozenset[str] = frozenset()


def foreseen(
    fib: Fib, look: Look, running: InterfacesPlan, plan: InterfacesPlan, routing: UplinksPlan
) -> Coming:
    """Return what a change leaves of tables and links as they are now."""
    twin = LinkTwin(fib.copy(), look)
    _end_clients(twin, running, plan)
    for found in phases(plan, running, twin.look):
        for change in found:
            change.apply(twin)
    tables, wanted = _TableTwin(twin.fib), routing.routing.tables
    able = reachable(wanted.routes, twin.links.values(), twin.addresses)
    for one in changes(able, wanted.rules, twin.fib.our_routes(), twin.fib.our_rules()):
        one.apply(tables)
    return Coming(twin.fib, twin.links, tuple(twin.addresses), frozenset(twin.remade))


def _end_clients(twin: LinkTwin, running: InterfacesPlan, plan: InterfacesPlan) -> None:
    """Take away what DHCP clients and sessions brought that will run no more."""
    wanted = {link.name for link in plan.links}
    for link in running.links:
        if link.kind == "pppoe" and link.name not in wanted:
            twin.delete_link(link.name)
    ended = set(_asking(running.clients)) - set(_asking(plan.clients))
    if ended:
        twin.lose(
            lambda route: (
                route.owner in (DHCP, RA)
                and any((hop.device, route.destination.version) in ended for hop in route.hops)
            )
        )


def _asking(clients: Iterable[DhcpClient]) -> Iterator[tuple[str, int]]:
    """Yield the devices and families that clients ask for."""
    for client in clients:
        yield from [(client.device, 4)] if client.ipv4 else []
        yield from [(client.device, 6)] if client.ipv6 else []


class _TableTwin:
    """Our tables and rules as values."""

    def __init__(self, fib: Fib) -> None:
        self._fib = fib

    def set_route(self, before: TableRoute | None, after: TableRoute) -> None:
        """Add a route, or put it in the place of another."""
        if before is not None:
            self.delete_route(before)
        made = FibRoute(after.table, after.destination, after.kind, after.hops, after.metric, PROTOCOL)
        self._fib.add(made)

    def delete_route(self, wanted: TableRoute) -> None:
        """Delete a route."""
        for one in self._fib.at(wanted.table, wanted.destination):
            if (one.owner, one.metric) == (PROTOCOL, wanted.metric):
                self._fib.discard(one)

    def add_rule(self, wanted: RouteRule) -> None:
        """Add a rule."""
        self._fib.add_rule(
            FibRule(
                wanted.family, wanted.priority, table=wanted.table, selector=wanted.selector,
                suppress=0 if wanted.exact_only else -1, owner=PROTOCOL,
            )
        )  # fmt: skip

    def delete_rule(self, rule: RouteRule) -> None:
        """Delete a rule."""
        meant = (rule.family, rule.priority, rule.table, rule.selector)
        self._fib.rules = [
            one for one in self._fib.rules
            if one.owner != PROTOCOL or (one.family, one.priority, one.table, one.selector) != meant
        ]  # fmt: skip
