# SPDX-License-Identifier: GPL-2.0-or-later
"""The firewall's plan: the policy, the table of nftables made from it, and what XDP drops early."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from copy import copy
from dataclasses import dataclass, field, replace

from patronus.core.early import EarlyLimits, Ingress, XdpMode
from patronus.core.feature import Earlier, Plan
from patronus.core.kept import Kept
from patronus.core.model import Configuration
from patronus.core.problem import Path, Problem
from patronus.firewall.addresses import IpNetwork
from patronus.firewall.check.known import warning
from patronus.firewall.compile.nft import CompiledBefore, compile_nft
from patronus.firewall.early.drops import Entry, early_drops, tagged_nics, watched, ways_in
from patronus.firewall.early.forwarding import forwarding_cards, forwarding_warnings
from patronus.firewall.early.limits import early_limits
from patronus.firewall.model import Rules, Tracking
from patronus.firewall.optimise.shadow import shadows, without
from patronus.firewall.policy import Policy
from patronus.firewall.resolve.configuration import FirewallFacts, Resolved, Surroundings, resolve
from patronus.firewall.resolve.schedule import asleep
from patronus.firewall.resolve.uplinks import narrow_links
from patronus.firewall.sources import Held, held
from patronus.firewall.table.ruleset import Ruleset
from patronus.firewall.tracking.offload import flow_devices, offload_warnings
from patronus.firewall.tracking.settings import table_size, timeouts
from patronus.network.interfaces.model import Interfaces
from patronus.network.interfaces.plan import InterfacesPlan
from patronus.network.mappable import Mappable
from patronus.network.opening import Opening
from patronus.network.qos.plan import QosPlan
from patronus.network.routing.steering import Steering
from patronus.network.routing.vrfs import networks_within
from patronus.network.uplinks.plan import UplinksPlan


@dataclass(frozen=True)
class FirewallPlan(Plan):
    """What the firewall shall be.

    ``blocked``, ``never``, ``early`` and ``limits`` are what XDP is given, and ``watched`` the NICs at which
    it has something to drop: those below every zone while something is blocked, else those where a rule drops
    early or a guard limits. ``modes`` are those of NICs that shall not be chosen by themselves; where one is
    off XDP does not stand. ``forwarding`` are the cards between which it sends open connections on.
    ``ways`` are how packets come in, ``below`` the NICs under each device of a zone, ``tagged`` the NICs that
    carry VLANs, ``queued`` those whose packets a shaper holds as they arrive. ``asleep`` are rules that
    their schedule puts off, ``timed`` the blocks that end by themselves, ``openings`` what the other features
    offer to zones.
    ``warnings`` say which rules never decide, and the ruleset has none of those. ``faults`` are the aliases
    that do not hold what they should, and why; ``names`` are the hosts that aliases name; ``held`` is what
    the aliases that live held when the plan was made. ``timeouts`` and ``table_size`` are conntrack's
    settings, ``no_flow_table`` is why open connections cannot go past the rules as they should.
    ``steering`` is what chooses a way beside the destination. ``links`` and ``routing`` are the plans that
    this one was made with; they say nothing of its own.
    """

    policy: Policy = field(default_factory=Policy)
    ruleset: Ruleset = field(default_factory=Ruleset)
    blocked: tuple[IpNetwork, ...] = ()
    never: tuple[IpNetwork, ...] = ()
    early: tuple[Entry, ...] = ()
    limits: EarlyLimits = field(default_factory=EarlyLimits)
    ways: Mapping[str, Ingress] = field(default_factory=dict)
    tagged: frozenset[str] = frozenset()
    below: Mapping[str, frozenset[str]] = field(default_factory=dict)
    watched: tuple[str, ...] = ()
    modes: Mapping[str, XdpMode] = field(default_factory=dict)
    forwarding: tuple[str, ...] = ()
    queued: frozenset[str] = frozenset()
    asleep: frozenset[str] = frozenset()
    timed: tuple[IpNetwork, ...] = ()
    openings: tuple[Opening, ...] = ()
    warnings: tuple[Problem, ...] = ()
    faults: tuple[tuple[str, str], ...] = ()
    names: frozenset[str] = frozenset()
    held: tuple[Held, ...] = ()
    timeouts: Mapping[str, str] = field(default_factory=dict)
    table_size: int | None = None
    no_flow_table: str | None = None
    steering: Steering = field(default_factory=Steering)
    links: InterfacesPlan = field(default_factory=InterfacesPlan, compare=False)
    routing: UplinksPlan = field(default_factory=UplinksPlan, compare=False)


@dataclass(frozen=True)
class Memory:
    """What the last plan made of each rule."""

    resolved: Resolved = field(default_factory=Kept)
    compiled: CompiledBefore = field(default_factory=CompiledBefore)

    def lent(self) -> Memory:
        """Return it for a plan beside the one that runs: that may use it, and changes nothing of it."""
        parted = {name: {**before} for name, before in self.compiled.pairs.parted.items()}
        pairs = replace(self.compiled.pairs, parted=parted)
        return Memory(copy(self.resolved), CompiledBefore(copy(self.compiled.rules), pairs))


def plan(
    config: Configuration, facts: FirewallFacts, earlier: Earlier, memory: Memory | None = None
) -> FirewallPlan:
    """Return the plan. Pure but for what it keeps."""
    memory = memory or Memory()
    links = earlier.find(InterfacesPlan) or InterfacesPlan()
    routing = earlier.find(UplinksPlan) or UplinksPlan()
    shaping = earlier.find(QosPlan) or QosPlan()
    openings = earlier.contributions(Opening)
    around = Surroundings(links, openings, earlier.contributions(Mappable), facts)
    refused = facts.no_flow_table() if config.get(Tracking).offload else None
    policy = _led(resolve(config, around, memory.resolved), config, links, routing)
    if config.get(Tracking).offload and refused is None:
        slow = shaping.shaped | {*policy.narrow, *links.vrfs}
        policy = replace(policy, offload=flow_devices(policy, links, slow))
    shadowed = shadows(policy.rules, lambda: _fickle(config) | _living(policy))
    living = held(config, facts.sources)
    faults = list(_faults(config, living))
    effective = without(policy, shadowed)
    modes = xdp_modes(config, links)
    forwarding = forwarding_cards(policy.offload, modes, links) if config.get(Tracking).xdp_forwarding else ()
    return replace(
        _early(effective, policy, links),
        policy=policy,
        ruleset=compile_nft(effective, memory.compiled),
        queued=shaping.arriving,
        modes=modes,
        forwarding=forwarding,
        timeouts=timeouts(config.get(Tracking).timeouts),
        table_size=table_size(config.get(Tracking), facts.memory_bytes),
        no_flow_table=refused,
        steering=routing.steering(),
        links=links,
        routing=routing,
        asleep=asleep(config, facts.now_s),
        timed=facts.blocked,
        openings=tuple(openings),
        warnings=(
            *_fault_warnings(config, faults),
            *(_warnings(config, shadowed) if shadowed else ()),
            *(_offload_warnings(config, policy, shaping, refused)),
            *(_forwarding_warnings(config, policy, forwarding, refused)),
        ),
        faults=tuple((alias, why) for _, alias, why in faults),
        names=frozenset(name for alias in config.get(Rules).aliases for name in alias.names or ()),
        held=living,
    )


def _led(policy: Policy, config: Configuration, links: InterfacesPlan, routing: UplinksPlan) -> Policy:
    """Return the policy with the ways that packets take: uplinks, narrow links, networks of VRFs."""
    return replace(
        policy,
        uplinks=routing.numbers(),
        narrow=narrow_links(config, links),
        within=networks_within(links, routing.routing),
    )


def _early(effective: Policy, policy: Policy, links: InterfacesPlan) -> FirewallPlan:
    """Return a plan of what XDP drops, and where, and nothing else."""
    blocked = tuple(policy.blocked.networks())
    devices = {device for devices in policy.zones.values() for device in devices}
    early, ways, tagged = early_drops(effective, links), ways_in(policy, links), tagged_nics(links)
    limits = early_limits(policy, ways, tagged)
    below = {device: frozenset(nics([device], links)) for device in devices}
    limited = {way.device for way in limits.limits}
    dropping = frozenset[str]().union(*below.values()) if blocked else watched(early)
    return FirewallPlan(
        blocked=blocked,
        never=tuple(policy.never.networks()),
        early=early,
        limits=limits,
        ways=ways,
        below=below,
        tagged=tagged if early or limited else frozenset(),
        watched=tuple(sorted(dropping | limited)),
    )


def _fault_warnings(config: Configuration, faults: Iterable[tuple[Path, str, str]]) -> Iterator[Problem]:
    for path, alias, why in faults:
        yield replace(warning(path, f"the alias {alias}: {why}"), location=config.locate(path))


def _offload_warnings(
    config: Configuration, policy: Policy, shaping: QosPlan, refused: str | None
) -> Iterator[Problem]:
    if config.get(Tracking).offload:
        for problem in offload_warnings(policy.offload, shaping.shaped, policy.uplinks, refused):
            yield replace(problem, location=config.locate(problem.path))


def _forwarding_warnings(
    config: Configuration, policy: Policy, cards: tuple[str, ...], refused: str | None
) -> Iterator[Problem]:
    if config.get(Tracking).xdp_forwarding:
        for problem in forwarding_warnings(policy.offload, cards, refused):
            yield replace(problem, location=config.locate(problem.path))


def _fickle(config: Configuration) -> frozenset[str]:
    """Return the origins of rules that a schedule puts off and on."""
    return frozenset(f"rule/{rule.id}" for rule in config.get(Rules).rules if rule.schedule is not None)


def _living(policy: Policy) -> frozenset[str]:
    """Return the origins of rules that fit other addresses tomorrow."""
    return frozenset(
        rule.origin
        for rule in policy.rules
        if ((source := rule.match.source) is not None and source.lives)
        or ((destination := rule.match.destination) is not None and destination.lives)
    )


def _faults(config: Configuration, living: Iterable[Held]) -> Iterator[tuple[Path, str, str]]:
    """Yield the place and the name of each alias that does not hold what it should, and why."""
    places = {alias.id: position for position, alias in enumerate(config.get(Rules).aliases)}
    for one in living:
        if one.fault is not None:
            yield ("firewall/rules", "aliases", places[one.alias.id], one.alias.kind), one.alias.id, one.fault


def _warnings(config: Configuration, shadowed: Mapping[str, str]) -> Iterator[Problem]:
    """Yield a warning at each rule that never decides, naming the one that leaves it nothing."""
    places = {f"rule/{rule.id}": position for position, rule in enumerate(config.get(Rules).rules)}
    for origin, before in shadowed.items():
        path: Path = ("firewall/rules", "rules", places[origin])
        rule = config.get(Rules).rules[places[before]]
        where = config.locate(("firewall/rules", "rules", places[before]))
        message = f"the rule never decides: {rule.title} before it ({where}) fits all that it fits"
        hint = "move it before that one, or take it away"
        yield replace(warning(path, message, hint=hint), location=config.locate(path))


def xdp_modes(config: Configuration, links: InterfacesPlan) -> dict[str, XdpMode]:
    """Return NIC → the mode of XDP that is asked for there, where that is not left to the router."""
    found = ((links.devices.get(item.id), item.xdp) for item in config.get(Interfaces).interfaces)
    return {device: mode for device, mode in found if device is not None and mode != "auto"}


def nics(devices: Iterable[str], links: InterfacesPlan) -> set[str]:
    """Return the devices at the bottom: a VLAN's parent and a bridge's members see the packets first.

    Sessions and tunnels are left out: XDP does not see the addresses inside.
    """
    parents = {link.name: link.parent for link in links.links if link.parent is not None}
    members: dict[str, set[str]] = {}
    for link in links.links:
        if link.master is not None:
            members.setdefault(link.master, set()).add(link.name)
    found: set[str] = set()
    wrapped = {link.name for link in links.links if link.kind in ("pppoe", "vxlan", "gre", "nat64")}
    for device in set(devices) - wrapped:
        below = {parents[device]} if device in parents else members.get(device, set())
        found |= nics(below, links) if below else {device}
    return found
