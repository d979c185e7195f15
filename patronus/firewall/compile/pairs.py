# SPDX-License-Identifier: GPL-2.0-or-later
"""The chains between two zones: indexes first (``optimise.index``), the rest folded (``optimise.fold``)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from patronus.firewall.compile.fold import Cell, Folded, Made
from patronus.firewall.compile.guards import knocks
from patronus.firewall.compile.index import index_parts
from patronus.firewall.compile.match import CompiledRule, decide, filter_rules, versions_of
from patronus.firewall.optimise.fold import Before, Kind, fold
from patronus.firewall.optimise.index import Placed, indexed, placed
from patronus.firewall.optimise.shape import keys_of
from patronus.firewall.policy import Policy, PolicyRule
from patronus.firewall.table import statements as say
from patronus.firewall.table.ruleset import Chain, Container, NftRule


@dataclass
class PairsBefore:
    """Which rules between zones had places in indexes, and how the rest was parted, into which cells."""

    placed: dict[str, Placed] = field(default_factory=dict)
    parted: dict[str, Before] = field(default_factory=dict)
    cells: dict[Cell, Made] = field(default_factory=dict)


@dataclass(frozen=True)
class Pairs:
    """The chains between zones, each by its pair; what they need beside them, by name."""

    chains: Mapping[tuple[str, str], Chain]
    beside: Mapping[str, Chain]
    maps: Mapping[str, Container]


def pair_name(from_zone: str, to_zone: str) -> str:
    """Return the name of the chain, and of the counter of its default, between two zones."""
    return f"pair/{from_zone}/{to_zone}"


def pair_chains(policy: Policy, compiled: Sequence[CompiledRule], before: PairsBefore) -> Pairs:
    """Return the chains of the pairs that somebody says something about. Pure but for ``before``."""
    made = {id(rule): one for rule, one in zip(policy.rules, compiled, strict=True)}
    folded = Folded(partial(_rules_for, made), before.cells)
    parted, before.parted = before.parted, {}
    known, before.placed = before.placed, {}
    maps: dict[str, Container] = {}
    chains = {}
    for pair in policy.pairs:
        if policy.pair(*pair) or pair in policy.defaults:
            name = pair_name(*pair)
            before.parted[name] = parted.get(name, {})
            rules = [_in_pair(rule, policy, pair[0]) for rule in policy.pair(*pair)]
            keys = [made[id(rule)].keys if id(rule) in made else keys_of(rule) for rule in rules]
            before.placed[name] = placed(rules, keys, known.get(name))
            indexes, left = indexed(rules, before.placed[name])
            parts = [part for index in indexes for part in index_parts(name, index)]
            maps |= {key: found for _, key, found in parts}
            body = folded.body(name, fold(left, before=before.parted[name]))
            chains[pair] = Chain((*(asked for asked, *_ in parts), *body, *_end(policy, *pair)))
    before.cells = folded.made
    return Pairs(chains, folded.chains, {**maps, **folded.ways})


def _end(policy: Policy, from_zone: str, to_zone: str) -> Iterator[NftRule]:
    """Yield what becomes of packets that no rule of a pair decides."""
    name, default = pair_name(from_zone, to_zone), policy.default_for(from_zone, to_zone)
    if default != "allow":
        yield from knocks(policy, [from_zone])
    yield NftRule(name, (say.counter(name), decide(default)))


def _rules_for(made: Mapping[int, CompiledRule], rule: PolicyRule, kind: Kind) -> Sequence[NftRule]:
    """Return what a rule becomes for packets of a family.

    One that might have stood in an index, or that only stands in a pair, is compiled now.
    """
    known = made.get(id(rule))
    if known is None or known.keys:
        versions = versions_of(rule)
        rules = tuple(filter_rules(rule, versions))
    else:
        versions, rules = known.versions, known.rules
    if not kind:
        return rules
    return [one for version, one in zip(versions, rules, strict=True) if version in (None, kind)]


def _in_pair(rule: PolicyRule, policy: Policy, from_zone: str) -> PolicyRule:
    """Return the rule without what the pair already says: the zone's only interface."""
    if rule.match.interfaces and rule.match.interfaces == frozenset(policy.zones[from_zone]):
        return replace(rule, match=replace(rule.match, interfaces=None))
    return rule
