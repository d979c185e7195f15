# SPDX-License-Identifier: GPL-2.0-or-later
"""The firewall inside patronusd: one nft batch for each change, XDP behind it, forbidden connections ended.

nftables decides and its batch either applies whole or fails the change. XDP only accelerates: where it cannot
run, nftables drops the same packets, the reason is reported, and the change stands.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, Protocol

from patronus.core.bus import Event
from patronus.core.errors import KernelError, PatronusError, Unavailable
from patronus.core.events import ConfigChanged, ConfigReverted
from patronus.core.feature import Consequence, Difference, Earlier, Feature, Step
from patronus.core.files import LISTS
from patronus.core.kept import Kept
from patronus.core.model import Configuration
from patronus.core.problem import Problem
from patronus.core.verb import Caller, Nothing, Verb
from patronus.firewall.block_verbs import BlockVerbs, TimedBlocks
from patronus.firewall.check import Checked, check
from patronus.firewall.connection_verbs import ConnectionVerbs
from patronus.firewall.connections import ZoneOf, zone_at
from patronus.firewall.early_plane import EarlyPlane
from patronus.firewall.edit_verbs import Seen, changing
from patronus.firewall.expect import Tried
from patronus.firewall.expect_verbs import Try, TryReport, run
from patronus.firewall.explain_verbs import Explain, Explanation
from patronus.firewall.explain_verbs import run as explain
from patronus.firewall.export_verbs import Export, Exported, export
from patronus.firewall.flows import forbidden
from patronus.firewall.foresee import World, foresee
from patronus.firewall.import_verbs import ImportReport, ImportRules, bring_in
from patronus.firewall.model import SECTIONS, Rules
from patronus.firewall.names.service import HostNames
from patronus.firewall.nat_verbs import NatVerbs
from patronus.firewall.nft_json import LOCKDOWN, Contents, batch, recreate, remove_table
from patronus.firewall.plan import FirewallPlan, Memory, plan
from patronus.firewall.protection_verbs import ProtectionVerbs
from patronus.firewall.read_back import differences
from patronus.firewall.resolve import FirewallFacts, asleep
from patronus.firewall.rule_verbs import RuleVerbs
from patronus.firewall.ruleset import FAMILY, TABLE
from patronus.firewall.source_verbs import SourceList, list_sources
from patronus.firewall.sources.service import FoundSources, SourceFiles
from patronus.firewall.standing import Standing
from patronus.firewall.tracking import resize, tracking_differences, tracking_steps
from patronus.firewall.verbs import CounterInfo, CounterList, DropInfo, DropList, WatchDrops
from patronus.kernel import sysctl
from patronus.kernel.conntrack import Conntrack
from patronus.kernel.host import Host
from patronus.kernel.lookup import route_lookup
from patronus.kernel.memory import give_back, total_bytes
from patronus.lists.task import Places

log = logging.getLogger(__name__)

FORWARDING = ("net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding")
"""Off until the first ruleset stands."""
MINUTE_S = 60.0
BOOT_S = 2.0
"""How soon the alarm looks again while the engine is still starting."""


class FirewallFeature(Feature[FirewallPlan, FirewallFacts]):
    """Zones, rules, translations and blocks in; nftables, XDP and ended connections out."""

    name = "firewall"
    sections = SECTIONS

    def __init__(self, host: Host) -> None:
        self._host = host
        self._conntrack = Conntrack()
        self._timed = TimedBlocks(host.state, host.clock)
        self._plan = FirewallPlan()
        self._early = EarlyPlane(host.bpf)
        self._checked: Checked = Kept()
        self._tried = Tried()
        self._memory = Memory()
        self._standing = Standing(host.nft)
        self._just_applied = False
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
        self._sources.files.begin()
        return FirewallFacts(
            blocked=tuple(block.prefix for block in self._timed.all()),
            now_s=self._host.clock.wall(),
            local=tuple(self._host.netlink.snapshot().addresses),
            sources=self._sources,
            memory_bytes=total_bytes(),
        )

    def plan(self, config: Configuration, facts: FirewallFacts, earlier: Earlier) -> FirewallPlan:
        """Return what the firewall shall be."""
        return plan(config, facts, earlier, self._memory)

    def rehearse(self, plan: FirewallPlan) -> Iterable[Problem]:
        """Say which rules never decide, and let the kernel take the ruleset and drop it again."""
        yield from plan.warnings
        refused = self._standing.refuses(plan.ruleset)
        if refused is not None:
            yield Problem(("firewall/rules",), refused)

    def foresee(self, plan: FirewallPlan, running: FirewallPlan, caller: Caller) -> Iterator[Consequence]:
        """Judge the committer's session, the services and the open connections by both policies."""
        addresses = self._host.netlink.snapshot().addresses
        with route_lookup() as lookup:
            world = World(self._conntrack.connections(), addresses, lookup.device)
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
            for connection in self._conntrack.connections():
                if not forbidden(plan.policy, connection, lookup.device):
                    continue
                if running is None or not forbidden(running.policy, connection, lookup.device):
                    self._conntrack.end(connection)

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
        elif self._sources.files.changed():
            self._host.control.refresh("a list has changed")

    # -- verbs

    def verbs(self) -> Iterable[Verb[Any, Any]]:
        """Return the verbs on rules, translations, zones, blocks and counters."""
        control = self._host.control
        yield from RuleVerbs(control, self._seen, lambda zone: self._plan.policy.zones.get(zone, ())).verbs()
        yield from NatVerbs(control, self._seen).verbs()
        yield from ProtectionVerbs(control, self._seen, lambda: self._plan.policy.guards).verbs()
        yield from ConnectionVerbs(self._conntrack, self._zones, _tracked_sizes).verbs()
        never = lambda: self._plan.policy.never  # noqa: E731
        yield from BlockVerbs(control, self._timed, self._host.clock, never).verbs()
        yield Verb("firewall.Counters", Nothing, CounterList, self.counters, route="GET /firewall/counters")
        yield Verb("firewall.Drops", WatchDrops, DropList, self.drops, route="POST /firewall/drops")
        yield Verb(
            "firewall.ListSources", Nothing, SourceList, self.list_sources, route="GET /firewall/sources"
        )
        yield Verb("firewall.Test", Try, TryReport, self.test, route="POST /firewall/test")
        yield Verb("firewall.Export", Export, Exported, self.export, route="POST /firewall/export")
        yield changing("Import", ImportRules, ImportReport, self.bring_in, "POST /firewall/import")
        yield Verb("firewall.Explain", Explain, Explanation, self.explain, route="POST /firewall/explain")

    def _seen(self) -> dict[str, Seen]:
        return self._early.seen(self._host.nft.counters(FAMILY, TABLE), self._plan.policy.counted)

    @contextmanager
    def _zones(self) -> Iterator[ZoneOf]:
        """Lend what says from which zone an address is reached."""
        with route_lookup() as lookup:
            yield partial(zone_at, self._plan.policy.zone_of, lookup.device)

    def counters(self, _: Caller, __: Nothing) -> CounterList:
        """Show what nftables and XDP have counted, and where XDP runs."""
        found = [
            CounterInfo(name=name, packets=one.packets, bytes=one.bytes) for name, one in self._seen().items()
        ]
        try:
            reasons, where = self._early.reasons(), self._early.devices()
        except KernelError as error:
            fault = self._early.fault or str(error)
            return CounterList(counters=found, xdp_counters=[], xdp=[], xdp_fault=fault)
        return CounterList(counters=found, xdp_counters=reasons, xdp=where, xdp_fault=self._early.fault)

    def drops(self, _: Caller, given: WatchDrops) -> DropList:
        """Wait, and show a sample of the packets that XDP dropped meanwhile, with the rule of each."""
        try:
            found = self._early.drops(given.seconds, self._plan.policy.counted)
        except KernelError as error:
            return DropList(drops=[], xdp_fault=self._early.fault or str(error))
        return DropList(
            xdp_fault=self._early.fault,
            drops=[
                DropInfo(
                    age_s=one.age_s,
                    device=one.device,
                    vlan=one.vlan_id or None,
                    reason=one.reason,
                    rule=one.origin.removeprefix("rule/") if one.origin else None,
                    source=str(one.source),
                    destination=str(one.destination),
                    bytes=one.bytes,
                )
                for one in found
            ],
        )

    def list_sources(self, _: Caller, __: Nothing) -> SourceList:
        """List the aliases whose addresses lie elsewhere, and what they hold now."""
        return list_sources(self._host.control.config, self._sources)

    def test(self, _: Caller, given: Try) -> TryReport:
        """Try expectations on the rules that run, and say which rule decides each."""
        return run(self._host.control.config, given)

    def export(self, _: Caller, given: Export) -> Exported:
        """Write the rules that run as a file for another firewall; nothing is changed."""
        return export(self._plan.policy, given)

    def bring_in(self, caller: Caller, given: ImportRules) -> ImportReport:
        """Put rules of another firewall into your draft, and name each line that cannot be kept."""
        return bring_in(self._host.control, self._plan.policy, caller, given)

    def explain(self, _: Caller, given: Explain) -> Explanation:
        """Say what becomes of a packet: which rule decides, on which plane, what NAT does, where it goes."""
        works = self._early.fault is None
        with route_lookup() as lookup:
            return explain(self._host.control.config, self._plan, given, lookup.hop, xdp=works)


class Waking(Protocol):
    """What an alarm wakes."""

    def next_change_s(self) -> float | None:
        """Return the seconds until something may be due, or None."""

    def refresh_if_due(self) -> None:
        """Do what is due. Raises PatronusError."""


def _tracked_sizes() -> tuple[int, int]:
    """Return how many connections are tracked, and how many can be at a time."""
    count, most = (sysctl.read(f"net.netfilter.nf_conntrack_{name}") for name in ("count", "max"))
    return int(count), int(most)


class Alarm:
    """A thread that wakes when a block ends, a schedule may change, or a name is due; ``set`` starts it."""

    def __init__(self, feature: Waking) -> None:
        self._feature = feature
        self._changed = threading.Event()
        self._started = False
        self._thread = threading.Thread(target=self._watch, name="firewall-alarm", daemon=True)

    def set(self) -> None:
        """Look again when to wake."""
        self._changed.set()
        if not self._started:
            self._started = True
            self._thread.start()

    def _watch(self) -> None:
        while True:
            self._changed.clear()
            try:
                if not self._changed.wait(self._feature.next_change_s()):
                    self._feature.refresh_if_due()
            except Unavailable:
                self._changed.wait(BOOT_S)
            except PatronusError as error:
                log.error("what has changed could not be brought into the ruleset: %s", error)
                self._changed.wait(MINUTE_S)
            except Exception:  # this thread must outlive a mistake: nobody else ends blocks
                log.exception("what has changed could not be brought into the ruleset")
                self._changed.wait(MINUTE_S)


def _nothing() -> None:
    """Leave ended connections ended: their peers open them again if they may."""


def _early(plan: FirewallPlan) -> tuple[Any, ...]:
    return plan.blocked, plan.never, plan.watched, plan.tagged, plan.early


def _early_step(plan: FirewallPlan) -> str:
    rules = len({entry.origin for entry in plan.early if entry.origin})
    where = ", ".join(plan.watched) or "no device"
    return f"XDP: drop {len(plan.blocked)} prefixes and for {rules} rules on {where}"


def create(host: Host) -> FirewallFeature:
    """Make the feature; called once by the daemon."""
    return FirewallFeature(host)
