# SPDX-License-Identifier: GPL-2.0-or-later
"""Configuration, links and openings to a policy: names become addresses, numbers and kernel names."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import sha256
from zoneinfo import ZoneInfo

from patronus.core.kept import Kept
from patronus.core.link import Address
from patronus.core.model import Configuration
from patronus.core.values import PortRange
from patronus.firewall.addresses import AddressSet, IpAddress, IpNetwork, host_networks
from patronus.firewall.classes import apart
from patronus.firewall.guards import guards
from patronus.firewall.model import (
    SELF,
    AliasName,
    Blocklist,
    Log,
    Nat,
    Rule,
    Rules,
    Schedule,
    Zone,
    Zones,
)
from patronus.firewall.model.match import (
    ICMP,
    ICMP_TYPES,
    ICMPV6,
    ICMPV6_TYPES,
    AddressMatch,
    PortMatch,
    Protocol,
)
from patronus.firewall.policy import Match, Policy, PolicyRule
from patronus.firewall.resolve.nat import forward_rules, forwards, sources
from patronus.firewall.sources import NOTHING_FOUND, Sources
from patronus.network.interfaces.plan import InterfacesPlan
from patronus.network.mappable import Mappable
from patronus.network.opening import NUMBERS, Opening


@dataclass(frozen=True)
class FirewallFacts:
    """What the plan must know of the world.

    ``blocked`` are timed blocks that have not ended; ``now_s`` is the wall clock in seconds since the epoch;
    ``local`` are the router's addresses as the kernel has them; ``sources`` tells what lies elsewhere;
    ``memory_bytes`` is all memory that there is; ``no_flow_table`` tells why the kernel has no flow table,
    None where it has.
    """

    blocked: tuple[IpNetwork, ...] = ()
    now_s: float = 0.0
    local: tuple[Address, ...] = ()
    memory_bytes: int = 0
    sources: Sources = NOTHING_FOUND
    no_flow_table: Callable[[], str | None] = lambda: None


@dataclass(frozen=True)
class Surroundings:
    """What earlier plans and facts contribute."""

    links: InterfacesPlan = field(default_factory=InterfacesPlan)
    openings: Sequence[Opening] = ()
    mappable: Sequence[Mappable] = ()
    facts: FirewallFacts = field(default_factory=FirewallFacts)


Resolved = Kept[Rule, PolicyRule]
"""A rule with its names resolved."""


def resolve(
    config: Configuration,
    around: Surroundings,
    resolved: Resolved | None = None,
    off: frozenset[str] | None = None,
) -> Policy:
    """Return the policy that the configuration means at this moment. Never raises for checked files.

    ``off`` are the rules that their schedule puts off; left out, the moment of the facts says it. Pure but
    for what it keeps.
    """
    zones, rules, nat = config.get(Zones), config.get(Rules), config.get(Nat)
    names = Names(rules, around.links, around.facts.sources)
    local = AddressSet.of(host_networks(_local(around)))
    found = tuple(forwards(nat, names))
    off = asleep(config, around.facts.now_s) if off is None else off
    running = [rule for rule in rules.rules if rule.enabled and rule.id not in off]
    policy_rules = (resolved or Kept()).each(running, names.context, lambda rule: policy_rule(rule, names))
    if any(rule.set_dscp is not None for rule in policy_rules):
        policy_rules = [_apart_from_classes(rule) for rule in policy_rules]
    return Policy(
        zones={zone.id: around.links.devices_of(zone.id) for zone in zones.zones},
        defaults={(zone.id, other): action for zone in zones.zones for other, action in zone.to.items()},
        default=zones.default,
        rules=(
            *policy_rules,
            *forward_rules(nat, found, frozenset(zone.id for zone in zones.zones), local),
            *_opening_rules(zones.zones, around.openings, names),
            *_mapped_rules(around.mappable),
        ),
        forwards=found,
        sources=tuple(sources(nat, names)),
        blocked=AddressSet.of([*_prefixes(config.get(Blocklist)), *around.facts.blocked]),
        never=never_blocked(config, around),
        local=local,
        counted=tuple(f"rule/{rule.id}" for rule in rules.rules)
        + tuple(f"nat/{entry.id}" for entry in nat.nat),
        guards=guards(config, around.links),
        mapped=frozenset(one.outside for one in around.mappable),
    )


def never_blocked(config: Configuration, around: Surroundings) -> AddressSet:
    """Return what no blocklist reaches: the file's list, the router, its gateways and its DNS servers."""
    learned = around.links.learned.values()
    gateways = [found.gateway for found in learned if found.gateway is not None]
    routes = [route.gateway for route in around.links.routes if route.gateway is not None]
    servers = [server for found in learned for server in found.dns_servers]
    own = host_networks([*_local(around), *gateways, *routes, *servers, "127.0.0.1", "::1"])
    return AddressSet.of([*config.get(Blocklist).never, *own])


def _local(around: Surroundings) -> list[IpAddress]:
    """Return the router's addresses as they will be: what a file gives a device replaces what it has."""
    links = around.links
    asking = {client.device for client in links.clients}
    given = {device for device in links.devices.values() if device is not None} - asking
    staying = [
        item.interface.ip
        for item in around.facts.local
        if item.device not in given or item.interface.ip.is_link_local
    ]
    configured = [item.ip for addresses in links.addresses.values() for item in addresses]
    learned = [item.ip for found in links.learned.values() for item in found.addresses]
    return [*configured, *learned, *staying]


def _prefixes(blocklist: Blocklist) -> Iterator[IpNetwork]:
    return (entry.prefix for entry in blocklist.prefixes)


def asleep(config: Configuration, now_s: float) -> frozenset[str]:
    """Return the rules whose schedule does not apply at a moment, in seconds since the epoch."""
    system = getattr(config.sections.get("patronus"), "system", None)
    local = getattr(system, "timezone", None) or "UTC"
    now = datetime.fromtimestamp(now_s, tz=UTC)
    rules = ((rule.id, rule.schedule) for rule in config.get(Rules).rules if rule.schedule is not None)
    return frozenset(rule for rule, schedule in rules if not applies(schedule, now, local))


def applies(schedule: Schedule, now: datetime, local: str) -> bool:
    """Return whether a schedule applies at a moment; ``local`` is the zone of one that names none."""
    there = now.astimezone(ZoneInfo(schedule.timezone or local))
    return schedule.applies(there.weekday(), there.hour * 60 + there.minute)


class Names:
    """What the names in rules stand for: aliases, roles, zones."""

    def __init__(self, rules: Rules, links: InterfacesPlan, sources: Sources = NOTHING_FOUND) -> None:
        self._addresses = {item.id: item.addresses for item in rules.aliases if item.addresses is not None}
        self._living = {item.id: sources.addresses(item) for item in rules.aliases if item.lives}
        self._ports = {item.id: item.ports for item in rules.aliases if item.ports is not None}
        self._links = links

    @property
    def context(self) -> tuple[object, ...]:
        """Return all that the names depend on, as values to compare."""
        return self._addresses, self._living, self._ports, self._links.devices, self._links.zones

    def addresses(self, matches: Iterable[AddressMatch] | None) -> AddressSet | None:
        """Return the union of prefixes, ranges and aliases; None stays any."""
        if matches is None:
            return None
        items = tuple(matches)
        alias = items[0].id if len(items) == 1 and isinstance(items[0], AliasName) else None
        literal, living = [], []
        for item in items:
            if not isinstance(item, AliasName):
                literal.append(item)
            elif item.id in self._living:
                living.append(self._living[item.id])
            else:
                literal += self._addresses.get(item.id, ())
        if alias is not None and living:
            return living[0]
        return (
            AddressSet.of(literal).united(living, mixed(items)) if living else AddressSet.of(literal, alias)
        )

    def ports(self, matches: Iterable[PortMatch] | None) -> tuple[PortRange, ...] | None:
        """Return ports with aliases filled in, sorted and merged; None stays any."""
        if matches is None:
            return None
        items = tuple(matches)
        if len(items) == 1 and isinstance(only := items[0], PortRange):
            return (only,)
        found: list[PortRange] = []
        for item in items:
            found += self._ports.get(item.id, ()) if isinstance(item, AliasName) else [item]
        return merged_ports(found)

    def device(self, role: str) -> frozenset[str]:
        """Return the kernel's name of a role, or nothing where its NIC is missing."""
        found = self._links.devices.get(role)
        return frozenset() if found is None else frozenset({found})

    def zone(self, role: str) -> str:
        """Return the zone of a role; an empty name, which is no zone, where it has none."""
        return next((zone for zone, roles in self._links.zones.items() if role in roles), "")

    def zone_addresses(self, zone: str) -> AddressSet:
        """Return the router's addresses on a zone's interfaces, configured and learned."""
        roles = self._links.zones.get(zone, ())
        configured = [item.ip for role in roles for item in self._links.addresses.get(role, ())]
        learned = [self._links.learned[role] for role in roles if role in self._links.learned]
        return AddressSet.of(
            host_networks([*configured, *(item.ip for one in learned for item in one.addresses)])
        )


def mixed(items: Iterable[AddressMatch]) -> str:
    """Return a name that no alias can have, for a union of which some live: it needs a set of its own."""
    return "+" + sha256(" ".join(map(str, items)).encode()).hexdigest()[:16]


def merged_ports(ports: Iterable[PortRange]) -> tuple[PortRange, ...]:
    """Return sorted port ranges with those that overlap or touch made one."""
    result: list[PortRange] = []
    for port in sorted(ports):
        if result and port.first <= result[-1].last + 1:
            result[-1] = PortRange(result[-1].first, max(port.last, result[-1].last))
        else:
            result.append(port)
    return tuple(result)


def policy_rule(rule: Rule, names: Names) -> PolicyRule:
    """Return one rule of the file with its names resolved."""
    origin = rule.from_
    zone = origin.zone if origin else None
    if rule.interface is not None:
        zone = names.zone(rule.interface)
    log = Log() if rule.log is True or (rule.action == "log" and not rule.log) else rule.log or None
    return PolicyRule(
        origin=f"rule/{rule.id}",
        action=rule.action,
        match=_match(rule, names),
        from_zones=None if zone is None else _alone(zone),
        to_zones=_alone(rule.to) if rule.to else None,
        limit=rule.limit,
        connections=rule.connections,
        log=log,
        reject_with=rule.reject_with,
        queue=rule.queue,
        set_mark=rule.set_mark,
        set_dscp=rule.set_dscp,
        helper=rule.helper,
    )


def _apart_from_classes(rule: PolicyRule) -> PolicyRule:
    """Return a rule whose marks leave the bits alone in which connections keep their class."""
    if rule.set_mark is None and rule.match.mark is None:
        return rule
    return replace(
        rule, set_mark=apart(rule.set_mark), match=replace(rule.match, mark=apart(rule.match.mark))
    )


@lru_cache(maxsize=256)
def _alone(zone: str) -> frozenset[str]:
    """Return the set of one zone, the same for all rules: thousands of them name a few."""
    return frozenset({zone})


@lru_cache(maxsize=256)
def _numbers(protocols: tuple[Protocol, ...]) -> tuple[int, ...]:
    """Return the protocols' numbers, the same for all rules that have the same."""
    return tuple(sorted({protocol.number for protocol in protocols}))


def _match(rule: Rule, names: Names) -> Match:
    origin = rule.from_
    protocols = _numbers(rule.protocol) if rule.protocol else None
    return Match(
        interfaces=names.device(rule.interface) if rule.interface else None,
        source=names.addresses(rule.source or (origin.source if origin else None)),
        destination=names.addresses(rule.destination),
        mac=origin.mac if origin else None,
        protocols=protocols,
        source_ports=names.ports(rule.source_port),
        destination_ports=names.ports(rule.destination_port),
        icmp=_icmp(rule, ICMP, ICMP_TYPES),
        icmpv6=_icmp(rule, ICMPV6, ICMPV6_TYPES),
        tcp_flags=rule.tcp_flags,
        dscp=tuple(sorted(set(rule.dscp))) if rule.dscp else None,
        mark=rule.mark,
    )


def _icmp(rule: Rule, protocol: int, numbers: Mapping[str, int]) -> tuple[int, ...] | None:
    if rule.icmp_type is None or protocol not in {item.number for item in rule.protocol or ()}:
        return None
    known = (numbers.get(item, -1) if isinstance(item, str) else item for item in rule.icmp_type)
    return tuple(sorted({number for number in known if number >= 0}))


def _opening_rules(zones: Iterable[Zone], openings: Iterable[Opening], names: Names) -> Iterator[PolicyRule]:
    """Yield a rule for each opening that its zone does not refuse."""
    services = {zone.id: zone.self_services for zone in zones}
    for opening in openings:
        allowed = services.get(opening.zone)
        if opening.zone not in services or (allowed is not None and opening.why not in allowed):
            continue
        ports = merged_ports(PortRange(port, port) for port in opening.ports)
        match = Match(
            interfaces=names.device(opening.interface) if opening.interface is not None else None,
            source=AddressSet.of(opening.sources) if opening.sources else None,
            protocols=(NUMBERS[opening.protocol],),
            destination_ports=ports or None,
        )
        yield PolicyRule(
            f"opening/{opening.why}", "allow", match, frozenset({opening.zone}), frozenset({SELF})
        )


def _mapped_rules(mappable: Iterable[Mappable]) -> Iterator[PolicyRule]:
    """Yield what lets in connections that another table forwards, to the hosts and ports that it may."""
    for one in mappable:
        match = Match(
            destination=AddressSet.of(one.hosts),
            protocols=(6, 17),
            destination_ports=merged_ports(one.ports),
            translated=True,
        )
        yield PolicyRule("opening/mappings", "allow", match, frozenset({one.outside}), frozenset(one.inside))
