# SPDX-License-Identifier: GPL-2.0-or-later
"""The routes inside patronusd: tables, rules, and routes with several hops; the uplinks' watch; the verbs.

Routes with one hop stand in the plan of the links, which knows in what order they and addresses come and go.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from patronus.core.bus import Event
from patronus.core.errors import KernelError, PatronusError, Unavailable
from patronus.core.feature import Difference, Earlier, Feature, Step
from patronus.core.head_start import HeadStart
from patronus.core.link import Route
from patronus.core.model import Configuration
from patronus.core.problem import Problem
from patronus.core.route_table import TableRoute
from patronus.core.verb import Verb
from patronus.kernel import sysctl
from patronus.kernel.conntrack import Conntrack
from patronus.kernel.host import Host
from patronus.kernel.route_tables import RouteTables
from patronus.network.interfaces.plan import InterfacesPlan
from patronus.network.routing.check import check
from patronus.network.routing.delegated import Delegated, as_data, from_data, taken_in
from patronus.network.routing.model import SECTION
from patronus.network.routing.policy_verbs import PolicyVerbs
from patronus.network.routing.reach import reachable
from patronus.network.routing.route_verbs import RouteVerbs
from patronus.network.routing.script import script
from patronus.network.routing.table_changes import SetTableRoute, TableChange, changes
from patronus.network.uplinks.check import check as check_uplinks
from patronus.network.uplinks.model import SECTION as UPLINKS
from patronus.network.uplinks.plan import Departure, UplinksPlan, departures, leaves, plan
from patronus.network.uplinks.server import Watch
from patronus.network.uplinks.verbs import Standing, UplinkVerbs, WanDown, WanUp

log = logging.getLogger(__name__)

HASH_POLICIES = ("net.ipv4.fib_multipath_hash_policy", "net.ipv6.fib_multipath_hash_policy")
"""1: of several ways a connection takes one by its addresses and ports, not by its addresses alone."""


DELEGATED = "delegated-prefixes"
"""Key of the runtime state: the prefixes that routers behind this one were given."""


@dataclass(frozen=True)
class Facts:
    """The uplinks that are down, and the prefixes of routers behind this one."""

    down: frozenset[str]
    delegated: frozenset[Delegated]


class RoutingFeature(Feature[UplinksPlan, Facts]):
    """Static routes, policies and uplinks, as people write and read them."""

    name = "routing"
    sections = (SECTION, UPLINKS)

    def __init__(self, host: Host) -> None:
        self._host = host
        self._tables = RouteTables()
        self._conntrack = Conntrack()
        self._watch = Watch(host.clock, self._on_health)
        self._plan = UplinksPlan()
        self._delegated: frozenset[Delegated] | None = None
        self._following = threading.Lock()
        host.control.observe(self._on_event)
        self._lost = False

    def check(self, config: Configuration) -> Iterable[Problem]:
        """Yield what is wrong with the routes, the policies and the uplinks."""
        yield from check(config)
        yield from check_uplinks(config)

    def facts(self) -> Facts:
        """Return what the watch says, and what DHCP gave to routers; until it speaks, what it gave before."""
        return Facts(self._watch.down(), self._prefixes())

    def _prefixes(self) -> frozenset[Delegated]:
        if self._delegated is None:
            self._delegated = from_data(self._host.state.get(DELEGATED))
        return self._delegated

    def plan(self, config: Configuration, facts: Facts, earlier: Earlier) -> UplinksPlan:
        """Return which routes, policies and uplinks stand, and which wait."""
        links = earlier.find(InterfacesPlan) or InterfacesPlan()
        return plan(config, facts.down, links, facts.delegated)

    def plan_at_boot(self, config: Configuration, earlier: Earlier) -> UplinksPlan:
        """Return the plan in which every uplink is taken for well: nobody has asked it yet."""
        return plan(config, frozenset(), earlier.find(InterfacesPlan) or InterfacesPlan(), self._prefixes())

    def head_start(self, plan: UplinksPlan, earlier: Earlier) -> HeadStart:
        """Return the tables and the rules."""
        links = earlier.find(InterfacesPlan) or InterfacesPlan()
        return HeadStart(tuple(script(plan, links, HASH_POLICIES)))

    def steps(self, plan: UplinksPlan, running: UplinksPlan | None) -> Iterator[Step]:
        """Yield what differs from the kernel; the links have brought their routes along."""
        if plan.routing.spreads:
            yield from self._spreading_steps()
        yield from self._table_steps(plan)
        before = running or UplinksPlan()
        if leaving := list(departures(before.ways, plan.ways)):
            yield Step("move connections", do=partial(self._move, leaving, before, plan), undo=_nothing)
        yield Step(
            "remember the routes", do=partial(self._remember, plan), undo=partial(self._remember, before)
        )

    def _table_steps(self, plan: UplinksPlan) -> Iterator[Step]:
        """Yield what differs; once more where a link has gone meanwhile, as a route may do without it."""
        self._lost = False
        yield from map(self._step, self._left(plan))
        if self._lost:
            yield from map(self._step, self._left(plan))

    def _left(self, plan: UplinksPlan) -> list[TableChange]:
        """Return what differs from the kernel, of what it would take at this moment."""
        seen, links = self._tables.snapshot(), self._host.netlink.snapshot()
        tables = plan.routing.tables
        able = tuple(reachable(tables.routes, links.links, links.addresses))
        return changes(able, tables.rules, seen.routes, seen.rules)

    def _move(self, leaving: Iterable[Departure], before: UplinksPlan, plan: UplinksPlan) -> None:
        """End the connections that have another way now, so that their next packet takes it.

        Where that does not work they stay on theirs; what is new takes the other one in any case.
        """
        try:
            for one in self._conntrack.tracked():
                if any(leaves(one, departure, before, plan) for departure in leaving):
                    self._conntrack.end(one.connection)
        except KernelError as error:
            log.error("connections stay on an uplink that they should leave: %s", error)

    def _step(self, change: TableChange) -> Step:
        return Step(str(change), lambda: self._set(change), lambda: self._set(change.inverse()))

    def _set(self, change: TableChange) -> None:
        """Do it. A card or a lease that went a moment ago keeps nothing else from being applied."""
        try:
            change.apply(self._tables)
        except KernelError as error:
            if self._stands(change):
                raise
            self._lost = True
            log.warning("%s", error)

    def _stands(self, change: TableChange) -> bool:
        """Return whether the kernel should take it: no way of the route has gone since."""
        if not isinstance(change, SetTableRoute) or change.after is None:
            return True
        seen = self._host.netlink.snapshot()
        return [*reachable((change.after,), seen.links, seen.addresses)] == [change.after]

    def _spreading_steps(self) -> Iterator[Step]:
        """Let connections, not pairs of hosts, be what is spread over several ways; it stays so."""
        for name in HASH_POLICIES:
            if (before := sysctl.read(name)) != "1":
                yield Step(
                    name, do=partial(sysctl.write, name, "1"), undo=partial(sysctl.write, name, before)
                )

    def _remember(self, plan: UplinksPlan) -> None:
        self._plan = plan
        self._watch.tell(plan.tasks)

    def _on_health(self, role: str, up: bool, reason: str | None) -> None:  # noqa: FBT001
        """Plan again, and tell. Raises Unavailable while the daemon is still starting."""
        try:
            self._host.control.refresh(f"{role} is {'up' if up else 'down'}")
        except Unavailable:
            raise
        except PatronusError as error:  # the engine tries again by itself
            log.error("%s is %s, and that could not be applied: %s", role, "up" if up else "down", error)
        self._host.control.publish(WanUp(role) if up else WanDown(role, reason or "its checks fail"))

    def _on_event(self, event: Event) -> None:
        """Follow what DHCP gives to routers, in a thread: that of the event has more to tell."""
        before = self._prefixes()
        self._delegated = found = taken_in(event, before)
        if found != before:
            threading.Thread(target=self._follow, name="delegated", daemon=True).start()

    def _follow(self) -> None:
        """Bring the routes to the prefixes of now; what changes meanwhile is left to who is at it."""
        while self._following.acquire(blocking=False):
            done = self._prefixes()
            try:
                self._host.state.put(DELEGATED, as_data(done))
                self._host.control.refresh("routers have other prefixes")
            except PatronusError as error:  # the engine tries again by itself
                log.error("the routes to routers' prefixes are not as they should be: %s", error)
            finally:
                self._following.release()
            if self._prefixes() == done:
                return

    def stop(self) -> None:
        """Watch the uplinks no longer; they stay as they are."""
        self._watch.stop()

    def observe(self, plan: UplinksPlan) -> Iterator[Difference]:
        """Read tables and rules back: each change that would still be needed is a difference."""
        for change in self._left(plan):
            yield Difference(str(change), "done", "not done")
        for name in HASH_POLICIES if plan.routing.spreads else ():
            if (value := sysctl.read(name)) != "1":
                yield Difference(name, "1", value)

    def verbs(self) -> Iterable[Verb[Any, Any]]:
        """Return the verbs on routes, policies and uplinks."""
        control = self._host.control
        yield from RouteVerbs(control, lambda: self._plan.routing, self._present).verbs()
        yield from PolicyVerbs(control, lambda: self._plan.routing, self._asked).verbs()
        yield from UplinkVerbs(control, self._standing).verbs()

    def _standing(self) -> Standing:
        return Standing(self._plan.ways, self._watch.health(), self._host.clock.boottime())

    def _present(self) -> set[Route | TableRoute]:
        """Return the routes of ours that the kernel has. Raises KernelError."""
        return {*self._host.netlink.snapshot().routes, *self._tables.snapshot().routes}

    def _asked(self) -> set[int]:
        """Return the priorities at which a rule leads to a table that has a route. Raises KernelError."""
        seen = self._tables.snapshot()
        filled = {route.table for route in seen.routes}
        return {rule.priority for rule in seen.rules if rule.table in filled}


def _nothing() -> None:
    """Leave ended connections ended: they began anew."""


def create(host: Host) -> RoutingFeature:
    """Make the feature; called once by the daemon."""
    return RoutingFeature(host)
