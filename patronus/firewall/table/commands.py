# SPDX-License-Identifier: GPL-2.0-or-later
"""A ruleset to commands of libnftables, and the way from one ruleset to the next in one transaction.

Only parts that differ are sent, chains rule by rule and sets element by element; a chain of which no rule
stays is flushed and filled in the same transaction, so no packet sees it empty. Counters, limits, helpers and
meters are objects of their own and live on. What is made is made before it is named, what goes is freed
before it is deleted.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from patronus.firewall.table import statements as say
from patronus.firewall.table.chain_diff import ChainDiff, chain_diff, filled
from patronus.firewall.table.command import Command, named, ours
from patronus.firewall.table.ruleset import (
    FAMILY,
    TABLE,
    Chain,
    Container,
    Dispatch,
    Helper,
    Hook,
    Keyed,
    NftRule,
    RateLimit,
    Ruleset,
    Ways,
)
from patronus.firewall.table.sets import grown, jumps, made, shrunk

LOCKDOWN = "patronus_lockdown"
"""The table that stands from before the first link until the first ruleset (rootfs/lockdown.nft)."""
PROBE = "patronus_probe"
"""A table that never stands: the kernel is asked whether it would take it."""


@dataclass(frozen=True)
class Contents:
    """What a table holds, as far as the kernel can tell it back: chains by their rules' comments.

    ``handles`` are the kernel's names of the rules, chain by chain, where they are known.
    """

    counters: frozenset[str] = frozenset()
    limits: frozenset[str] = frozenset()
    helpers: frozenset[str] = frozenset()
    sets: Mapping[str, Container] = field(default_factory=dict)
    chains: Mapping[str, tuple[Hook | None, tuple[str, ...]]] = field(default_factory=dict)
    flow_tables: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    handles: Mapping[str, tuple[int, ...]] = field(default_factory=dict, compare=False)

    @staticmethod
    def of(ruleset: Ruleset) -> Contents:
        """Return what the kernel will tell once the ruleset is in."""
        chains = {name: (chain.hook, chain.comments) for name, chain in ruleset.chains.items()}
        helpers = frozenset(helper.name for helper in ruleset.helpers)
        return Contents(
            ruleset.counters,
            frozenset(ruleset.limits),
            helpers,
            ruleset.sets,
            chains,
            {name: tuple(devices) for name, devices in ruleset.flow_tables.items()},
        )


NOTHING = Contents()


def transaction(before: Contents, wanted: Ruleset) -> list[Command]:
    """Return the commands from what there is to the ruleset; none where nothing differs."""
    after = Contents.of(wanted)
    changed = sorted(name for name in wanted.chains if before.chains.get(name) != after.chains[name])
    gone = sorted(before.chains.keys() - after.chains.keys())
    diffs = {name: diff for name in changed if (diff := _diff(before, after, name)) is not None}
    commands = [
        *_new_objects(before, wanted),
        *(_chain(name, wanted.chains[name]) for name in changed if name not in diffs),
        *shrunk(before.sets, after.sets),
        *(_flush(name) for name in sorted([*gone, *(before.chains.keys() & changed - diffs.keys())])),
        *(_remove_rule(name, handle) for name, diff in diffs.items() for handle in diff.gone),
        *grown(before.sets, after.sets),
        *(command for name in changed for command in _rules(name, wanted.chains[name], diffs.get(name))),
        *jumps(before.sets, after.sets, "add"),
        *(_delete("chain", name) for name in gone),
        *_old_objects(before, after),
    ]
    return [named("add", "table", {"family": FAMILY, "name": TABLE}), *commands] if commands else []


def _diff(before: Contents, after: Contents, name: str) -> ChainDiff | None:
    """Return the way rule by rule; None where the chain is new, has another hook, or keeps no rule."""
    if name not in before.chains or name not in before.handles:
        return None
    (old_hook, there), (new_hook, wanted) = before.chains[name], after.chains[name]
    if old_hook != new_hook:
        return None
    diff = chain_diff(there, before.handles[name], wanted)
    return diff if len(diff.new) < len(wanted) else None


def told(before: Contents, wanted: Ruleset, commands: Iterable[Mapping[str, Any]]) -> Contents:
    """Return what stands after a transaction, from its commands as the kernel told them with their handles.

    Raises ValueError where they are not those of ``transaction(before, wanted)``.
    """
    fresh: dict[str, list[int]] = {}
    for command in commands:
        for verb in ("add", "insert"):
            if rule := command.get(verb, {}).get("rule"):
                fresh.setdefault(rule["chain"], []).append(int(rule["handle"]))
    after = Contents.of(wanted)
    handles: dict[str, tuple[int, ...]] = {}
    for name, (_, comments) in after.chains.items():
        if before.chains.get(name) == after.chains[name]:
            handles[name] = before.handles.get(name, ())
        else:
            diff = _diff(before, after, name)
            empty: tuple[None, ...] = (None,) * len(comments)
            handles[name] = filled(diff.handles if diff else empty, fresh.get(name, ()))
    return replace(after, handles=handles)


def whole(ruleset: Ruleset) -> list[Command]:
    """Return the commands that make the table from nothing."""
    return transaction(NOTHING, ruleset)


def batch(commands: list[Command], *, lockdown: bool = False) -> dict[str, list[Command]]:
    """Return commands as one transaction, the end of the lockdown in it where that stands."""
    end = [remove_table(LOCKDOWN)] if lockdown else []
    return {"nftables": [*commands, *end]}


def recreate(items: Iterable[Mapping[str, Any]]) -> list[Command]:
    """Return the commands that make a table as it was listed, counters with their values.

    What the kernel fills by itself starts empty. Chains come before the maps that jump to them.
    """
    order = ("table", "counter", "limit", "ct helper", "flowtable", "chain", "set", "map", "rule")
    parts = [(kind, dict(fields)) for item in items for kind, fields in item.items() if kind in order]
    for _, fields in parts:
        fields.pop("handle", None)
        if "dynamic" in fields.get("flags", ()):
            fields.pop("elem", None)
    return [
        named("add", kind, fields) for kind, fields in sorted(parts, key=lambda part: order.index(part[0]))
    ]


def flow_table_probe() -> list[Command]:
    """Return commands that a kernel takes which has flow tables; they are to be checked, and not applied."""
    where = {"family": FAMILY, "table": PROBE}
    hook = {"type": "filter", "hook": "forward", "prio": 0, "policy": "accept"}
    return [
        named("add", "table", {"family": FAMILY, "name": PROBE}),
        named("add", "flowtable", {**where, "name": "f", "hook": "ingress", "prio": 0, "dev": ["lo"]}),
        named("add", "chain", {**where, "name": "c", **hook}),
        named("add", "rule", {**where, "chain": "c", "expr": [say.offload("f")]}),
    ]


def remove_table(name: str) -> Command:
    """Return the command that deletes a table of ours with all it holds."""
    return named("delete", "table", {"family": FAMILY, "name": name})


def _delete(kind: str, name: str) -> Command:
    return named("delete", kind, ours(name=name))


def _flush(name: str) -> Command:
    return named("flush", "chain", ours(name=name))


def _new_objects(before: Contents, wanted: Ruleset) -> Iterator[Command]:
    for name in sorted(wanted.counters - before.counters):
        yield named("add", "counter", ours(name=name))
    for name, limit in sorted(wanted.limits.items()):
        if name not in before.limits:
            yield _limit(name, limit)
    for helper in sorted(wanted.helpers, key=lambda one: one.name):
        if helper.name not in before.helpers:
            yield _helper(helper)
    for name, devices in sorted(wanted.flow_tables.items()):
        if before.flow_tables.get(name) != devices:
            yield _flow_table(name, devices)
    for name, container in sorted(wanted.sets.items()):
        if name not in before.sets:
            yield made(name, container)


def _old_objects(before: Contents, after: Contents) -> Iterator[Command]:
    for name in sorted(before.sets.keys() - after.sets.keys()):
        kind = "map" if isinstance(before.sets[name], Dispatch | Keyed | Ways) else "set"
        yield _delete(kind, name)
    for name in sorted(before.flow_tables.keys() - after.flow_tables.keys()):
        yield _delete("flowtable", name)
    for kind, gone in (
        ("ct helper", before.helpers - after.helpers),
        ("limit", before.limits - after.limits),
        ("counter", before.counters - after.counters),
    ):
        for name in sorted(gone):
            yield _delete(kind, name)


def _limit(name: str, limit: RateLimit) -> Command:
    turned = {"inv": True} if limit.over else {}
    return named("add", "limit", ours(name=name, rate=limit.rate, per=limit.per, burst=limit.burst, **turned))


def _helper(helper: Helper) -> Command:
    fields = ours(name=helper.name, type=helper.type, protocol=helper.protocol)
    return named("add", "ct helper", fields)


def _flow_table(name: str, devices: Sequence[str]) -> Command:
    fields = ours(name=name, hook="ingress", prio=0, dev=list(devices))
    return named("add", "flowtable", fields)


def _chain(name: str, chain: Chain) -> Command:
    if chain.hook is None:
        return named("add", "chain", ours(name=name))
    hook = chain.hook
    fields = ours(name=name, type=hook.type, hook=hook.hook, prio=hook.priority, policy=hook.policy)
    return named("add", "chain", fields)


def _rules(name: str, chain: Chain, diff: ChainDiff | None) -> Iterator[Command]:
    """Yield the rules that are new, each at its place: before the rule of a handle, or at the end."""
    if diff is None:
        yield from (named("add", "rule", _rule(name, rule)) for rule in chain.rules)
        return
    for position, before in diff.new:
        fields = _rule(name, chain.rules[position])
        if before is None:
            yield named("add", "rule", fields)
        else:
            yield named("insert", "rule", {**fields, "handle": before})


def _rule(chain: str, rule: NftRule) -> dict[str, Any]:
    return ours(chain=chain, expr=rule, comment=rule.comment)


def _remove_rule(chain: str, handle: int) -> Command:
    return named("delete", "rule", ours(chain=chain, handle=handle))
