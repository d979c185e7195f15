# SPDX-License-Identifier: GPL-2.0-or-later
"""A ruleset of nftables, as ``nft -j list ruleset`` prints it, as our rules and translations. Pure.

Each family is walked by itself, as packets are; what both come to is one rule of ours for both. Rules are
named by their handles.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from patronus.core.errors import InvalidRequest
from patronus.firewall.addresses import VERSIONS, Version
from patronus.firewall.importing.iptables import Import, written
from patronus.firewall.importing.nft_words import FAMILIES, SHOWN, NamedSet, lines_of
from patronus.firewall.importing.saved import Line, Table
from patronus.firewall.importing.translated import EVERYWHERE, Interface

HOOKS = {
    ("filter", "input"): ("filter", "INPUT"), ("filter", "forward"): ("filter", "FORWARD"),
    ("filter", "output"): ("filter", "OUTPUT"), ("nat", "prerouting"): ("nat", "PREROUTING"),
    ("nat", "postrouting"): ("nat", "POSTROUTING"), ("nat", "input"): ("nat", "INPUT"),
    ("nat", "output"): ("nat", "OUTPUT"),
}  # fmt: skip
"""Type and hook of a chain → the table and the chain that iptables has for it."""
SECOND = "a further chain at this place, behind one that allows: here the first rule that fits decides"
NO_RULESET = "this is not what nft -j list ruleset prints"
NOTHING = "there is nothing of a ruleset in this"
WHO_PRINTS = "iptables-save, ip6tables-save and nft -j list ruleset print one"


@dataclass(frozen=True)
class _Chain:
    """A chain; ``place`` is type and hook, empty where only other chains lead to it."""

    family: str
    place: tuple[str, str]
    priority: int
    handle: int
    policy: str


@dataclass
class _Ruleset:
    """What the file has. Chains are named ``inet/filter/input``."""

    chains: dict[str, _Chain] = field(default_factory=dict)
    rules: dict[str, list[Mapping[str, Any]]] = field(default_factory=dict)
    sets: dict[str, dict[str, NamedSet]] = field(default_factory=dict)


def imported_nft(text: str, interfaces: Mapping[str, Interface], taken: Iterable[str] = ()) -> Import:
    """Return what the ruleset means in our words. ``taken`` are ids that rules and translations have already.

    Raises InvalidRequest where it is no ruleset, or comes to more than a router can hold.
    """
    ruleset, taken = _read(text), set(taken)
    four, six = (_family(ruleset, version, interfaces) for version in VERSIONS)
    found = Import(tried=four.tried)
    found.name((*four.left, *six.left))
    found.name_idle(six.tried)
    found.add("rules", _numbered(_both(four.rules, six.rules), taken))
    found.add("nat", _numbered(_both(four.nat, six.nat), taken))
    return found


def _read(text: str) -> _Ruleset:
    found = _Ruleset()
    try:
        for entry in json.loads(text)["nftables"]:
            ((kind, item),) = entry.items()
            if kind == "chain":
                place = (str(item.get("type", "")), str(item.get("hook", "")))
                policy = str(item.get("policy", "accept"))
                made = _Chain(item["family"], place, int(item.get("prio", 0)), int(item["handle"]), policy)
                found.chains[_name(item, item["name"])] = made
            elif kind == "rule":
                found.rules.setdefault(_name(item, item["chain"]), []).append(
                    {**item, "handle": int(item["handle"])}
                )
            elif kind in ("set", "map"):
                flags = item.get("flags", ())
                lives = bool({"dynamic", "timeout"} & {*([flags] if isinstance(flags, str) else flags)})
                elements = NamedSet(tuple(item.get("elem", ())), lives)
                found.sets.setdefault(_name(item, ""), {})[item["name"]] = elements
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise InvalidRequest(NO_RULESET) from error
    if not found.chains:
        raise InvalidRequest(f"{NOTHING}; {WHO_PRINTS}")
    return found


def _name(item: Mapping[str, Any], chain: str) -> str:
    return f"{item['family']}/{item['table']}/{chain}"


def _family(ruleset: _Ruleset, version: Version, interfaces: Mapping[str, Interface]) -> Import:
    """Return what the packets of one family meet."""
    tables = {"filter": Table(), "nat": Table()}
    others: list[tuple[Line, str]] = []
    based: dict[tuple[str, str], list[str]] = {}
    for name, chain in ruleset.chains.items():
        ours = chain.family in ("inet", FAMILIES[version])
        lines = _lines(ruleset, name, version) if ours else []
        place = HOOKS.get(chain.place)
        if not chain.place[1]:
            for table in tables.values():
                table.chains[name] = lines
        elif place is None or not ours:
            others += _strange(ruleset, name, version, lines)
        else:
            tables[place[0]].chains[name] = lines
            based.setdefault(place, []).append(name)
    for (kind, hook), names in based.items():
        names.sort(key=lambda name: ruleset.chains[name].priority)
        others += _put(tables[kind], hook, {name: ruleset.chains[name] for name in names})
    made = written(tables, version, interfaces)
    made.leave(others)
    return made


def _lines(ruleset: _Ruleset, name: str, version: Version) -> list[Line]:
    scope = f"{name.rpartition('/')[0]}/"
    sets = ruleset.sets.get(scope, {})
    return [line for rule in ruleset.rules.get(name, ()) for line in lines_of(rule, version, sets, scope)]


def _strange(
    ruleset: _Ruleset, name: str, version: Version, lines: Sequence[Line]
) -> Iterator[tuple[Line, str]]:
    """Yield the rules of a chain at a place that has no words here, or of a family that is not routed."""
    chain = ruleset.chains[name]
    if chain.family in ("inet", "ip", "ip6"):
        reason = f"what a chain of type {chain.place[0]} does at {chain.place[1]} has no words here"
        yield from ((line, reason) for line in lines)
    elif version == 4:
        for rule in ruleset.rules.get(name, ()):
            said = f"{name}: {json.dumps(rule.get('expr'))}"[:SHOWN]
            yield Line(rule["handle"], (), version, said), f"the family {chain.family} has no words here"


def _put(table: Table, hook: str, chains: Mapping[str, _Chain]) -> Iterator[tuple[Line, str]]:
    """Put the chains of one hook into one, as far as that means the same; yield what is not in it."""
    kept = table.chains.setdefault(hook, [])
    several = sum(1 for name in chains if table.chains[name]) > 1
    stopped = False
    for name, chain in chains.items():
        lines = table.chains[name]
        if stopped:
            yield from ((line, SECOND) for line in lines)
            continue
        kept += [Line(chain.handle, ("-j", name))] if several else lines
        table.policies[hook] = (chain.handle, chain.policy.upper())
        stopped = chain.policy != "accept" or _allows(table, lines)


def _allows(table: Table, lines: Sequence[Line]) -> bool:
    """Return whether any line, or one behind it, lets a packet go on."""
    seen: set[str] = set()
    waiting = [line.target for line in lines]
    while waiting:
        target = waiting.pop()
        if target == "ACCEPT":
            return True
        if target in table.chains and target not in seen:
            seen.add(target)
            waiting += [line.target for line in table.chains[target]]
    return False


def _both(four: Sequence[dict[str, Any]], six: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield the items of both families, each in its order; those that are the same in both, as one."""
    left, right = list(map(_key, four)), list(map(_key, six))
    more_left, more_right = Counter(left), Counter(right)
    at = by = 0
    while at < len(four) or by < len(six):
        if at < len(four) and by < len(six) and left[at] == right[by]:
            yield _for_both(four[at])
            more_left[left[at]] -= 1
            more_right[right[by]] -= 1
            at, by = at + 1, by + 1
        elif by == len(six) or (at < len(four) and (not more_right[left[at]] or more_left[right[by]])):
            yield four[at]
            more_left[left[at]] -= 1
            at += 1
        else:
            yield six[by]
            more_right[right[by]] -= 1
            by += 1


def _key(item: Mapping[str, Any]) -> str:
    return json.dumps({**_for_both(item), "id": None}, sort_keys=True)


def _for_both(item: Mapping[str, Any]) -> dict[str, Any]:
    """Return an item without what keeps it to one family and says nothing else."""
    if item.get("type") == "masquerade":
        return {**item, "family": "both"}
    return {key: value for key, value in item.items() if key != "source" or value not in EVERYWHERE.values()}


def _numbered(items: Iterable[dict[str, Any]], taken: set[str]) -> Iterator[dict[str, Any]]:
    """Yield the items with ids that nothing has yet: each family has counted for itself."""
    for item in items:
        base = wanted = "-".join(item["id"].split("-")[:2])
        times = 1
        while wanted in taken:
            times += 1
            wanted = f"{base}-{times}"
        taken.add(wanted)
        yield {**item, "id": wanted}
