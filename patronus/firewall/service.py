# SPDX-License-Identifier: GPL-2.0-or-later
"""The firewall inside patronusd: one nft batch for each change, XDP behind it, forbidden connections ended.

nftables decides and its batch either applies whole or fails the change. XDP only accelerates: where it cannot
run, nftables drops the same packets, the reason is reported, and the change stands.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from patronus.core.bus import Event
from patronus.core.events import ConfigChanged, ConfigReverted
from patronus.core.feature import Consequence, Difference, Earlier, Feature, Step
from patronus.core.fib import vrf_tables
from patronus.core.files import LISTS
from patronus.core.head_start import HeadStart, Line
from patronus.core.kept import Kept
from patronus.core.model import Configuration
from patronus.core.problem import Problem
from patronus.core.verb import Caller, Verb
from patronus.firewall.alarm import MINUTE_S, Alarm
from patronus.firewall.blocks import TimedBlocks
from patronus.firewall.check.configuration import Checked, check
from patronus.firewall.early.plane import EarlyPlane
from patronus.firewall.judge.expect import Tried
from patronus.firewall.judge.foresee import World, foresee
from patronus.firewall.model import SECTIONS, Rules
from patronus.firewall.names.service import HostNames
from patronus.firewall.plan import FirewallPlan, Memory, plan
from patronus.firewall.resolve.configuration import FirewallFacts
from patronus.firewall.resolve.schedule import asleep
from patronus.firewall.resolve.turns import next_turn_s
from patronus.firewall.sources import Held
from patronus.firewall.sources.service import FoundSources, SourceFiles
from patronus.firewall.table.commands import (
    LOCKDOWN,
    Contents,
    batch,
    flow_table_probe,
    recreate,
    remove_table,
)
from patronus.firewall.table.read_back import differences
from patronus.firewall.table.ruleset import FAMILY, TABLE
from patronus.firewall.table.script import script
from patronus.firewall.table.standing import Standing
from patronus.firewall.tracking.flows import forbidden
from patronus.firewall.tracking.offload import once
from patronus.firewall.tracking.settings import resize, tracking_differences, tracking_steps
from patronus.kernel import sysctl
from patronus.kernel.bpf_part import ASKED, ForwardingPart
from patronus.kernel.conntrack import Conntrack
from patronus.kernel.fib import read_fib
from patronus.kernel.host import Host
from patronus.kernel.lookup import route_lookup
from patronus.kernel.memory import give_back, total_bytes
from patronus.lists.task import Places
from patronus.network.interfaces.plan import InterfacesPlan
from patronus.network.routing.foreseen import foreseen
from patronus.network.routing.outlook import Outlook
from patronus.network.uplinks.plan import UplinksPlan

if TYPE_CHECKING:
    from patronus.firewall.verbs.catalogue import Catalogue

log = logging.getLogger(__name__)

FORWARDING = ("net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding")
"""Off until the first ruleset stands."""


class FirewallFeature(Feature[FirewallPlan, FirewallFacts]):
    """Zones, rules, translations and blocks in; nftables, XDP and ended connections out."""

    name = "firewall"
    sections = SECTIONS

    def __init__(self, host: Host) -> None:
        self._host = host
        self._conntrack = Conntrack()
        self._timed = TimedBlocks(host.state, host.clock)
        self._plan = FirewallPlan()
        part = ForwardingPart(host.places.state / ASKED, host.units, host.bpf.forwarding.asks_flow_table)
        self._early = EarlyPlane(host.bpf, part)
        self._checked: Checked = Kept()
        self._tried = Tried()
        self._memory = Memory()
        self._standing = Standing(host.nft)
        self._just_applied = False
        self._no_flow_table = once(self._ask_for_flow_table)
        self._alarm = Alarm(self)
        lists = Places.below(host.places.run, host.places.state).folder
        self._names = HostNames(host.state, host.clock, host.control.refresh)
        self._sources = FoundSources(SourceFiles(lists, host.places.config / LISTS), self._names)
        self._name_alarm = Alarm(self._names)
        host.control.observe(self._on_event)

    def check(self, config: Configuration) -> Iterable[Problem]:
        """Yield what is wrong between the files."""
        return check(config, self._checked, self._tried)

    def facts(self) -> FirewallFacts:
        """Read the timed blocks that have not ended, the time, the router's addresses, and the lists."""
        self._sources.files.keep(one.alias for one in self._plan.held if not one.alias.names)
        return FirewallFacts(
            blocked=tuple(block.prefix for block in self._timed.all()),
            now_s=self._host.clock.wall(),
            local=self._host.netlink.addresses(),
            sources=self._sources,
            memory_bytes=total_bytes(),
            no_flow_table=self._no_flow_table,
        )

    def plan(self, config: Configuration, facts: FirewallFacts, earlier: Earlier) -> FirewallPlan:
        """Return what the firewall shall be."""
        return plan(config, facts, earlier, self._memory)

    def plan_at_boot(self, config: Configuration, earlier: Earlier) -> FirewallPlan:
        """Return the plan without what uplinks have told: what runs, where it was made without that too."""
        around = earlier.find(InterfacesPlan), earlier.find(UplinksPlan)
        if around == (self._plan.links, self._plan.routing):
            return self._plan
        facts = self.facts()
        staying = tuple(one for one in facts.local if one.interface.is_link_local)
        return plan(config, replace(facts, local=staying), earlier, self._memory.lent())

    def head_start(self, plan: FirewallPlan, earlier: Earlier) -> HeadStart:  # noqa: ARG002
        """Return the table and forwarding, until a timed block ends or a schedule says something else."""
        clock = self._host.clock
        turn = next_turn_s(self._host.control.config, clock.wall())
        ends = [seconds for seconds in (turn, self._timed.next_end_s()) if seconds is not None]
        forwarding = (Line("sysctl", f"{name.replace('.', '/')} 1") for name in FORWARDING)
        return HeadStart((script(plan.ruleset), *forwarding), min(ends, default=None))

    def rehearse(self, plan: FirewallPlan) -> Iterable[Problem]:
        """Say which rules never decide, and let the kernel take the ruleset and drop it again."""
        yield from plan.warnings
        refused = self._standing.refuses(plan.ruleset)
        if refused is not None:
            yield Problem(("firewall/rules",), refused)

    def foresee(self, plan: FirewallPlan, running: FirewallPlan, caller: Caller) -> Iterator[Consequence]:
        """Judge the committer's session, the services and the open connections by both plans."""
        seen = self._host.netlink.snapshot()
        with route_lookup() as lookup:
            outlook = None
            if (plan.links, plan.routing) != (running.links, running.routing):
                fib, look = read_fib(vrf_tables(seen.links)), (seen.links, seen.addresses, seen.routes)
                coming = foreseen(fib, look, running.links, plan.links, plan.routing)
                outlook = Outlook(lookup.step, fib, {link.name: link for link in seen.links}, coming)
            world = World(self._conntrack.tracked(), seen.addresses, lookup.device_for, outlook)
            yield from foresee(plan, running, world, caller.address)

    def steps(self, plan: FirewallPlan, running: FirewallPlan | None) -> Iterator[Step]:
        """Bring the ruleset in, then let packets through, then XDP, then end what is forbidden now."""
        yield self._ruleset_step(plan, running)
        yield from self._forwarding_steps()
        yield from tracking_steps(plan.timeouts, sysctl.read, sysctl.write)
        if plan.table_size is not None and (running is None or plan.table_size != running.table_size):
            before = (running and running.table_size) or plan.table_size
            yield Step(
                "table of connections",
                do=partial(resize, plan.table_size, sysctl.write),
                undo=partial(resize, before, sysctl.write),
            )
        if running is None or _early(plan) != _early(running):
            yield Step(
                _early_step(plan),
                do=partial(self._early.bring, plan),
                undo=partial(self._early.bring, running or FirewallPlan()),
            )
        if running is None or plan.policy != running.policy:
            yield Step("end forbidden connections", do=partial(self._end, plan, running), undo=_nothing)
        yield Step(
            "remember",
            do=partial(self._remember, plan),
            undo=partial(self._remember, running or FirewallPlan()),
        )

    def observe(self, plan: FirewallPlan) -> Iterator[Difference]:
        """Read the table back and compare it with the plan; right after the steps, what they changed."""
        found = self._standing.read_back(whole=not self._just_applied)
        self._just_applied = False
        unlike = list(differences(Contents.of(plan.ruleset), found))
        if not unlike:
            self._standing.adopt(plan.ruleset)
        yield from unlike
        for name, why in plan.faults:
            yield Difference(f"alias {name}", "its addresses", why, refuses=False)
        if plan.no_flow_table is not None:
            yield Difference(
                "flow table", "open connections past the rules", plan.no_flow_table, refuses=False
            )
        yield from self._early.differences()
        yield from tracking_differences(plan.timeouts, sysctl.read)
        for name in FORWARDING:
            if (value := sysctl.read(name)) != "1":
                yield Difference(name, "1", value)

    def _ruleset_step(self, plan: FirewallPlan, running: FirewallPlan | None) -> Step:
        """Return the step of the one batch; where nobody knows what ran, the way back is what stands now."""
        if running is not None:
            undo = partial(self._standing.bring, running.ruleset)
        else:
            undo = partial(self._put_back, self._listed(TABLE), self._listed(LOCKDOWN))
        return Step("ruleset", do=partial(self._standing.bring, plan.ruleset), undo=undo)

    def _ask_for_flow_table(self) -> str | None:
        refused = self._host.nft.check(batch(flow_table_probe()))
        if refused is None:
            return None
        log.info("no flow table: %s", refused)
        return "this kernel has no flow table (nf_flow_table)"

    def _listed(self, table: str) -> list[dict[str, Any]] | None:
        return self._host.nft.list_table(FAMILY, table)

    def _put_back(self, ours: list[dict[str, Any]] | None, lockdown: list[dict[str, Any]] | None) -> None:
        """Make the tables again as they were listed."""
        commands = [remove_table(TABLE), *recreate(ours or ()), *recreate(lockdown or ())]
        self._standing.forget()
        self._host.nft.load(batch(commands))

    def _forwarding_steps(self) -> Iterator[Step]:
        for name in FORWARDING:
            before = sysctl.read(name)
            if before != "1":
                yield Step(
                    name, do=partial(sysctl.write, name, "1"), undo=partial(sysctl.write, name, before)
                )

    def _end(self, plan: FirewallPlan, running: FirewallPlan | None) -> None:
        """End the connections that the plan forbids and the running one did not."""
        with route_lookup() as lookup:
            for one in self._conntrack.tracked():
                if not forbidden(plan.policy, one, lookup.device_for):
                    continue
                if running is None or not forbidden(running.policy, one, lookup.device_for):
                    self._conntrack.end(one.connection)

    def _remember(self, plan: FirewallPlan) -> None:
        self._plan = plan
        self._just_applied = True
        self._alarm.set()
        self._names.want(plan.names)
        if plan.names:
            self._name_alarm.set()

    # -- what ends by itself

    def _on_event(self, event: Event) -> None:
        """Look again when to wake: during the steps the running configuration is still the old one."""
        if isinstance(event, ConfigChanged | ConfigReverted):
            self._alarm.set()
            if self._standing.moved_much:
                self._standing.moved_much = False
                give_back()

    def next_change_s(self) -> float | None:
        """Return the seconds until a block may end or a schedule may change, or None."""
        ends = self._timed.next_end_s()
        rules = self._host.control.config.get(Rules)
        scheduled = any(rule.schedule for rule in rules.rules)
        minute = MINUTE_S - self._host.clock.wall() % MINUTE_S if scheduled else None
        watched = MINUTE_S if any(alias.lives for alias in rules.aliases) else None
        known = [seconds for seconds in (ends, minute, watched) if seconds is not None]
        return max(min(known), 0.0) if known else None

    def refresh_if_due(self) -> None:
        """Ask for another walk where a block has ended or a schedule has changed. Raises PatronusError."""
        blocked = {block.prefix for block in self._timed.all()}
        planned = asleep(self._host.control.config, self._host.clock.wall())
        if planned != self._plan.asleep:
            self._host.control.refresh("a schedule of the firewall has changed")
        elif any(prefix not in blocked for prefix in self._plan.timed):
            self._host.control.refresh("a timed block has ended")
        elif any(Held.of(one.alias, self._sources) != one for one in self._plan.held):
            self._host.control.refresh("a list has changed")

    # -- verbs

    def verbs(self) -> Iterable[Verb[Any, Any]]:
        """Return the verbs on rules, translations, zones, blocks and counters."""
        return self.catalogue().verbs()

    def catalogue(self) -> Catalogue:
        """Return what answers callers."""
        from patronus.firewall.verbs.catalogue import Catalogue  # no packet waits for it to be loaded

        return Catalogue(
            self._host, self._early, self._timed, self._conntrack, self._sources, lambda: self._plan
        )


def _nothing() -> None:
    """Leave ended connections ended: their peers open them again if they may."""


def _early(plan: FirewallPlan) -> tuple[Any, ...]:
    given = plan.blocked, plan.never, plan.early, plan.limits
    return *given, plan.watched, plan.modes, plan.queued, plan.tagged, plan.forwarding


def _early_step(plan: FirewallPlan) -> str:
    rules = len({entry.origin for entry in plan.early if entry.origin})
    modes = {device: plan.modes.get(device) for device in plan.watched}
    there = [f"{device} ({mode})" if mode else device for device, mode in modes.items() if mode != "off"]
    off = [device for device, mode in modes.items() if mode == "off"]
    limits = (
        f" and beyond the limits of {', '.join(sorted(plan.limits.origins))}" if plan.limits.origins else ""
    )
    where = f"{', '.join(there) or 'no device'}{', off on ' + ', '.join(off) if off else ''}"
    ways = f", send open connections on between {', '.join(plan.forwarding)}" if plan.forwarding else ""
    return f"XDP: drop {len(plan.blocked)} prefixes and for {rules} rules{limits} on {where}{ways}"


def create(host: Host) -> FirewallFeature:
    """Make the feature; called once by the daemon."""
    return FirewallFeature(host)
