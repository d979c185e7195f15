# SPDX-License-Identifier: GPL-2.0-or-later
"""One rule of the policy to rules of nftables, keeping exactly what it fits.

A rule without addresses stays one rule for both families; one with addresses becomes one per family in which
both sides have some. Lists of prefixes, ports and protocols become sets, so a rule costs the same however
long they are.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from patronus.core.kept import Kept
from patronus.firewall.addresses import VERSIONS, AddressSet, Version
from patronus.firewall.classes import class_mark
from patronus.firewall.model.limits import ConnectionLimit, Limit, Per
from patronus.firewall.model.match import ICMP, ICMPV6, TCP, UDP
from patronus.firewall.optimise.shape import Keys, keys_of
from patronus.firewall.policy import Match, PolicyRule
from patronus.firewall.table import statements as say
from patronus.firewall.table.ruleset import (
    Chain,
    Container,
    Expression,
    Helper,
    Meter,
    NftRule,
    RateLimit,
    halves,
    set_reference,
)

REJECT_CHAIN = "reject"
EITHER: tuple[Version | None, ...] = (None,)
FORMS: Mapping[tuple[bool, bool], tuple[Version | None, ...]] = {
    (True, True): VERSIONS,
    (True, False): (4,),
    (False, True): (6,),
    (False, False): (),
}
"""Whether a rule fits IPv4, and IPv6 → its forms; the same objects for thousands of rules."""


@dataclass(frozen=True, slots=True)
class CompiledRule:
    """One rule of the policy: what stands in the chains of its pairs, and what has to stand beside them.

    ``versions`` says of each of the rules for which family it is, None for both. A rule that has ``keys``
    mostly becomes elements of an index: its rules are made where they are needed.
    """

    keys: Keys
    rules: tuple[NftRule, ...]
    versions: tuple[Version | None, ...]
    limits: Mapping[str, RateLimit] | None = None
    sets: Mapping[str, Container] | None = None
    logging: Chain | None = None


Compiled = Kept[PolicyRule, CompiledRule]
"""A rule of the policy, compiled."""


def compile_rule(rule: PolicyRule) -> CompiledRule:
    """Return all that one rule of the policy becomes; parts that it does not need are None."""
    keys = keys_of(rule)
    if keys:  # it only decides, by addresses that it names itself: nothing stands beside it
        return CompiledRule(keys, (), ())
    versions = versions_of(rule)
    return CompiledRule(
        keys=keys,
        rules=tuple(filter_rules(rule, versions)),
        versions=versions,
        limits=dict(limits_of(rule)) or None,
        sets=(dict(meters_of(rule)) | _aliases(rule.match)) or None,
        logging=logging_chain(rule) if rule.log else None,
    )


def _aliases(match: Match) -> dict[str, Container]:
    return {**alias_sets(match.source), **alias_sets(match.destination)}


def alias_sets(addresses: AddressSet | None) -> dict[str, Container]:
    """Return the named sets of an alias; none where the addresses are not those of one."""
    if addresses is None or addresses.alias is None:
        return {}
    return halves(say.alias_set(addresses.alias), addresses)


def filter_rules(rule: PolicyRule, versions: Iterable[Version | None]) -> Iterator[NftRule]:
    """Yield the rules that stand in the chain of a pair of zones, each of a version of ``versions_of``."""
    for version in versions:
        statements = match_statements(rule.match, version)
        verdict = [say.jump(rule.origin)] if rule.log else verdict_of(rule)
        yield NftRule(rule.origin, (*statements, *_limited(rule, version), *verdict))


def verdict_of(rule: PolicyRule) -> list[Expression]:
    """Return the statements that count a packet and decide it."""
    counted = say.counter(rule.origin)
    if rule.decides is None:
        marks = [rule.set_mark, class_mark(rule.set_dscp) if rule.set_dscp is not None else None]
        return [*(one for mark in marks if mark is not None for one in say.set_mark(mark)), counted]
    read = ({"ct helper": helper.name} for helper in helpers_of(rule))
    if rule.queue is not None:
        return [counted, say.queue(rule.queue)]
    return [*read, counted, decide(rule.action, rule.reject_with)]


def helpers_of(rule: PolicyRule) -> Iterator[Helper]:
    """Yield the helpers that read what the rule allows, one for each protocol; each takes its own alone."""
    protocols = rule.match.protocols or ()
    if rule.helper is not None and TCP in protocols:
        yield Helper(rule.helper, "tcp")
    if rule.helper is not None and UDP in protocols:
        yield Helper(rule.helper, "udp")


def decide(action: str, reject_with: str | None = None) -> Expression:
    """Return an action as a verdict."""
    if action == "reject" and reject_with is not None:
        return say.REJECT_TCP if reject_with == "tcp-reset" else say.refuse(reject_with)
    verdicts = {"allow": say.ACCEPT, "drop": say.DROP, "reject": say.goto(REJECT_CHAIN)}
    return verdicts[action]


def logging_chain(rule: PolicyRule) -> Chain:
    """Return the chain of a rule that logs: it logs within the rate, and decides in any case."""
    name = limit_name(rule, "log")
    assert rule.log is not None
    word = f"{rule.log.prefix} " if rule.log.prefix else ""
    line: Expression = {"log": {"prefix": f"patronus {rule.origin} {rule.action} {word}", "level": "info"}}
    return Chain(
        (
            NftRule(rule.origin, ({"limit": name}, line)),
            NftRule(rule.origin, tuple(verdict_of(rule))),
        )
    )


def limits_of(rule: PolicyRule) -> Iterator[tuple[str, RateLimit]]:
    """Yield the rule's named limits; a changed rate gives a new name, an unchanged one lives on."""
    if rule.log:
        rate = rule.log.rate
        yield limit_name(rule, "log"), RateLimit(rate.count, rate.unit, rule.log.burst)
    if rule.limit and rule.limit.per is None:
        rate = rule.limit.rate
        yield limit_name(rule, "rule"), RateLimit(rate.count, rate.unit, rule.limit.burst, rule.limit.over)


def meters_of(rule: PolicyRule) -> Iterator[tuple[str, Container]]:
    """Yield the sets in which the kernel counts each address by itself."""
    if rule.limit and rule.limit.per is not None:
        for version in versions_of(rule):
            assert version is not None
            yield set_reference(limit_name(rule, "rule"), version), Meter(version)
    if rule.connections and rule.connections.per is not None:
        for version in versions_of(rule):
            assert version is not None
            yield set_reference(connections_name(rule), version), Meter(version, timeout_s=0)


def limit_name(rule: PolicyRule, what: str) -> str:
    """Return the name of a rule's limit, with its figures."""
    limit = rule.log if what == "log" else rule.limit
    assert limit is not None
    over = "-over" if isinstance(limit, Limit) and limit.over else ""
    return f"{what}-limit/{rule.origin}/{limit.rate.count}-{limit.rate.unit}-{limit.burst}{over}"


def connections_name(rule: PolicyRule) -> str:
    """Return the name of the set in which a rule's connections are counted for each address."""
    assert rule.connections is not None
    return f"connections/{rule.origin}/{rule.connections.most}{'-over' if rule.connections.over else ''}"


def _limited(rule: PolicyRule, version: Version | None) -> Iterator[Expression]:
    """Yield what counts connections, then what counts in time: a match too many does not cost the rate."""
    if rule.connections is not None:
        few: Expression = {"ct count": {"val": rule.connections.most} | _turned(rule.connections)}
        yield _each(rule.connections.per, connections_name(rule), version, few, "add")
    if rule.limit is not None and rule.limit.per is None:
        yield {"limit": limit_name(rule, "rule")}
    elif rule.limit is not None:
        rate = {"rate": rule.limit.rate.count, "per": rule.limit.rate.unit, "burst": rule.limit.burst}
        each: Expression = {"limit": rate | _turned(rule.limit)}
        yield _each(rule.limit.per, limit_name(rule, "rule"), version, each, "update")


def _turned(limit: Limit | ConnectionLimit) -> Expression:
    """Return what makes a limit fit what exceeds it; nothing for one that fits what is within."""
    return {"inv": True} if limit.over else {}


def _each(per: Per | None, name: str, version: Version | None, what: Expression, op: str) -> Expression:
    """Return a statement that holds for all together, or for each address in a set that the kernel fills."""
    if per is None:
        return what
    assert version is not None, "a limit per address is compiled for each family"
    key = say.payload(say.IP[version], "saddr" if per == "source" else "daddr")
    return {"set": {"op": op, "elem": key, "set": f"@{set_reference(name, version)}", "stmt": [what]}}


def versions_of(rule: PolicyRule) -> tuple[Version | None, ...]:
    """Return the families that the rule needs a form of its own for; (None,) where one form does for both."""
    match = rule.match
    if match.interfaces is not None and not match.interfaces:
        return ()
    if _one_form_does(rule):
        return EITHER
    return FORMS[fits_family(match, 4), fits_family(match, 6)]


def _one_form_does(rule: PolicyRule) -> bool:
    """Return whether nothing of the rule is of one family alone."""
    match = rule.match
    if match.source is not None or match.destination is not None or match.dscp is not None:
        return False
    if match.icmp is not None or match.icmpv6 is not None:
        return False
    per_address = [limit for limit in (rule.limit, rule.connections) if limit is not None and limit.per]
    return not per_address


def fits_family(match: Match, version: Version) -> bool:
    """Return whether a packet of the family can fit at all."""
    for side in (match.source, match.destination):
        if side is not None and not side.lives and not (side.ipv4 if version == 4 else side.ipv6):
            return False
    if match.icmp is None and match.icmpv6 is None:
        return True
    return bool(match.icmp if version == 4 else match.icmpv6)


def match_statements(match: Match, version: Version | None) -> list[Expression]:
    """Return the match as statements, cheapest first; addresses and ICMP types only with a family."""
    found: list[Expression] = []
    if match.interfaces is not None:
        found.append(say.arrives_on(match.interfaces))
    if version is not None and match.source is None and match.destination is None:
        found.append(say.version_is(version))
    if version is not None:
        found += _addresses(match, version)
    if match.mac is not None:
        found.append(say.match(say.payload("ether", "saddr"), match.mac))
    found += _transport(match, version)
    if version is not None and match.dscp is not None:
        found.append(say.dscp_in(version, match.dscp))
    if match.mark is not None:
        found.append(say.mark_is(match.mark))
    if match.translated:
        found.append(say.TRANSLATED)
    return found


def _addresses(match: Match, version: Version) -> Iterator[Expression]:
    for name, addresses in (("saddr", match.source), ("daddr", match.destination)):
        if addresses is not None:
            yield say.address_in(version, name, addresses)


def _transport(match: Match, version: Version | None) -> Iterator[Expression]:
    types = match.icmp if version == 4 else match.icmpv6
    if version is not None and types:
        yield say.protocol_in([ICMP if version == 4 else ICMPV6])
        yield say.icmp_in(version, types)
    elif match.protocols is not None:
        yield say.protocol_in(match.protocols)
    if match.source_ports is not None:
        yield say.ports_in("sport", match.source_ports)
    if match.destination_ports is not None:
        yield say.ports_in("dport", match.destination_ports)
    if match.tcp_flags is not None:
        yield say.flags_are(match.tcp_flags)
