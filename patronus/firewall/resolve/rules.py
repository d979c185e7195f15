# SPDX-License-Identifier: GPL-2.0-or-later
"""The rules of the policy: those of the file, and those that other rooms ask for. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import lru_cache

from patronus.core.values import PortRange
from patronus.firewall.addresses import AddressSet
from patronus.firewall.classes import apart
from patronus.firewall.model import SELF, Log, Rule, Zone
from patronus.firewall.model.match import ICMP, ICMP_TYPES, ICMPV6, ICMPV6_TYPES, Protocol
from patronus.firewall.policy import Match, PolicyRule
from patronus.firewall.resolve.names import Names, merged_ports
from patronus.network.mappable import Mappable
from patronus.network.opening import NUMBERS, Opening


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


def apart_from_classes(rule: PolicyRule) -> PolicyRule:
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


_ONE_PROTOCOL = tuple((number,) for number in range(256))
"""A protocol's number alone, the same for all rules that have it."""


def _numbers(protocols: tuple[Protocol, ...]) -> tuple[int, ...]:
    """Return the protocols' numbers."""
    if len(protocols) == 1:
        return _ONE_PROTOCOL[protocols[0].number]
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
        icmp=_icmp(rule, rule.icmp_type, ICMP, ICMP_TYPES) if rule.icmp_type else None,
        icmpv6=_icmp(rule, rule.icmp_type, ICMPV6, ICMPV6_TYPES) if rule.icmp_type else None,
        tcp_flags=rule.tcp_flags,
        dscp=tuple(sorted(set(rule.dscp))) if rule.dscp else None,
        mark=rule.mark,
    )


def _icmp(
    rule: Rule, types: tuple[str | int, ...], protocol: int, numbers: Mapping[str, int]
) -> tuple[int, ...] | None:
    if protocol not in {item.number for item in rule.protocol or ()}:
        return None
    known = (numbers.get(item, -1) if isinstance(item, str) else item for item in types)
    return tuple(sorted({number for number in known if number >= 0}))


def opening_rules(zones: Iterable[Zone], openings: Iterable[Opening], names: Names) -> Iterator[PolicyRule]:
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


def mapped_rules(mappable: Iterable[Mappable]) -> Iterator[PolicyRule]:
    """Yield what lets in connections that another table forwards, to the hosts and ports that it may."""
    for one in mappable:
        match = Match(
            destination=AddressSet.of(one.hosts),
            protocols=(6, 17),
            destination_ports=merged_ports(one.ports),
            translated=True,
        )
        yield PolicyRule("opening/mappings", "allow", match, frozenset({one.outside}), frozenset(one.inside))
