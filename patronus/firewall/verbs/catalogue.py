# SPDX-License-Identifier: GPL-2.0-or-later
"""Every verb of the firewall. Loaded when callers are received: no packet waits for it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from patronus.core.errors import KernelError
from patronus.core.verb import Caller, Nothing, Verb
from patronus.firewall.blocks import TimedBlocks
from patronus.firewall.counted import Counted, Seen
from patronus.firewall.early.plane import EarlyPlane
from patronus.firewall.guards import REASONS
from patronus.firewall.plan import FirewallPlan
from patronus.firewall.sources.service import FoundSources
from patronus.firewall.table.ruleset import FAMILY, TABLE
from patronus.firewall.tracking.connections import ZoneOf, zone_at
from patronus.firewall.tracking.flows import device_towards
from patronus.firewall.verbs.aliases import AliasVerbs
from patronus.firewall.verbs.blocks import BlockVerbs
from patronus.firewall.verbs.connections import ConnectionVerbs
from patronus.firewall.verbs.edit import changing
from patronus.firewall.verbs.expect import Try, TryReport, run
from patronus.firewall.verbs.explain import Explain, Explanation, World
from patronus.firewall.verbs.explain import run as explain
from patronus.firewall.verbs.export import Export, Exported, export
from patronus.firewall.verbs.forms import CounterInfo, CounterList, DropInfo, DropList, WatchDrops, XdpInfo
from patronus.firewall.verbs.importing import ImportReport, ImportRules, bring_in
from patronus.firewall.verbs.nat import NatVerbs
from patronus.firewall.verbs.protection import ProtectionVerbs
from patronus.firewall.verbs.rules import RuleVerbs
from patronus.firewall.verbs.sources import SourceList, list_sources
from patronus.firewall.verbs.trace import TraceVerbs
from patronus.firewall.verbs.tracking import TrackingVerbs
from patronus.firewall.verbs.zones import ZoneVerbs
from patronus.kernel import sysctl
from patronus.kernel.conntrack import Conntrack
from patronus.kernel.host import Host
from patronus.kernel.lookup import route_lookup
from patronus.kernel.nft_trace import tracing


class Catalogue:
    """Answers callers out of the plan that runs and of what both planes say."""

    def __init__(
        self,
        host: Host,
        early: EarlyPlane,
        timed: TimedBlocks,
        conntrack: Conntrack,
        sources: FoundSources,
        plan: Callable[[], FirewallPlan],
    ) -> None:
        self._host = host
        self._early = early
        self._timed = timed
        self._conntrack = conntrack
        self._sources = sources
        self._plan = plan

    def verbs(self) -> Iterable[Verb[Any, Any]]:
        """Return the verbs on rules, translations, zones, blocks and counters."""
        control = self._host.control
        yield from RuleVerbs(control, self._seen).verbs()
        yield from ZoneVerbs(control, lambda zone: self._plan().policy.zones.get(zone, ())).verbs()
        yield from AliasVerbs(control, self._sources).verbs()
        yield from NatVerbs(control, self._seen).verbs()
        yield from ProtectionVerbs(control, self._seen, self._plan, self._early.standing).verbs()
        yield from ConnectionVerbs(self._conntrack, self._zones, _tracked_sizes).verbs()
        spoken = lambda: offload_spoken(self._plan())  # noqa: E731
        yield from TrackingVerbs(control, _tracked_sizes, spoken, self._early.forwarding).verbs()
        never = lambda: self._plan().policy.never  # noqa: E731
        yield from BlockVerbs(control, self._timed, self._host.clock, never).verbs()
        yield from TraceVerbs(self._host.nft, tracing, lambda: self._plan().policy).verbs()
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
        return self._early.seen(
            self._host.nft.counters(FAMILY, TABLE), (*self._plan().policy.counted, *REASONS)
        )

    @contextmanager
    def _zones(self) -> Iterator[ZoneOf]:
        """Lend what says from which zone an address is reached."""
        with route_lookup() as lookup:
            policy = self._plan().policy
            yield partial(zone_at, policy.zone_of, partial(device_towards, policy, lookup.device_for))

    def counters(self, _: Caller, __: Nothing) -> CounterList:
        """Show what nftables and XDP have counted, and where XDP runs."""
        found = [_counter(name, one) for name, one in self._seen().items()]
        try:
            reasons = [_counter(name, one) for name, one in self._early.reasons().items()]
            where = [XdpInfo(**vars(one)) for one in self._early.devices()]
        except KernelError as error:
            fault = self._early.fault or str(error)
            return CounterList(counters=found, xdp_counters=[], xdp=[], xdp_fault=fault)
        return CounterList(counters=found, xdp_counters=reasons, xdp=where, xdp_fault=self._early.fault)

    def drops(self, _: Caller, given: WatchDrops) -> DropList:
        """Wait, and show a sample of the packets that XDP dropped meanwhile, with the rule of each."""
        try:
            found = self._early.drops(given.seconds, (*self._plan().policy.counted, *REASONS))
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
                    rule=_of_rule(one.origin),
                    guard=one.origin if one.origin in REASONS else None,
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
        return export(self._plan().policy, given)

    def bring_in(self, caller: Caller, given: ImportRules) -> ImportReport:
        """Put rules of another firewall into your draft, and name each line that cannot be kept."""
        return bring_in(self._host.control, self._plan().policy, caller, given)

    def explain(self, _: Caller, given: Explain) -> Explanation:
        """Say what becomes of a packet: which rule decides, on which plane, what NAT does, where it goes."""
        with route_lookup() as lookup:
            world = World(lookup.hop, lookup.leads, self._conntrack.tracked)
            return explain(self._host.control.config, self._plan(), given, world, xdp=self._early.standing())


def _of_rule(origin: str | None) -> str | None:
    """Return the id of the rule of an origin."""
    return origin.removeprefix("rule/") if origin is not None and origin not in REASONS else None


def offload_spoken(plan: FirewallPlan) -> str:
    """Return where packets of open connections go past the rules, or why nowhere."""
    if plan.policy.offload:
        return f"open connections go past the rules at {', '.join(plan.policy.offload)}"
    return plan.no_flow_table or "all packets meet the rules"


def _tracked_sizes() -> tuple[int, int]:
    """Return how many connections are tracked, and how many can be at a time."""
    count, most = (sysctl.read(f"net.netfilter.nf_conntrack_{name}") for name in ("count", "max"))
    return int(count), int(most)


def _counter(name: str, one: Counted) -> CounterInfo:
    return CounterInfo(name=name, packets=one.packets, bytes=one.bytes)
