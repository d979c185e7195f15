# SPDX-License-Identifier: GPL-2.0-or-later
"""What the kernel tells of our table, as the values that the plan is made of, and how the two differ."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol

from patronus.core.feature import Difference
from patronus.firewall.table.commands import Contents
from patronus.firewall.table.containers import FoundSet, container
from patronus.firewall.table.ruleset import Hook

SHOWN = 5
"""Elements or rules that one difference names."""


class Found(Protocol):
    """A rule in the kernel."""

    @property
    def chain(self) -> str:
        """The chain that it stands in."""

    @property
    def handle(self) -> int:
        """What the kernel calls it."""

    @property
    def comment(self) -> str:
        """What is kept beside it; empty for a rule that is not ours."""


class FoundChain(Protocol):
    """A chain in the kernel."""

    @property
    def name(self) -> str:
        """Its name."""

    @property
    def hook(self) -> tuple[Any, Any, int, Any] | None:
        """Type, hook, priority and policy of a base chain."""


class Parts(Protocol):
    """What a table has beside rules and objects."""

    @property
    def chains(self) -> Sequence[FoundChain]:
        """Its chains, without their rules."""

    @property
    def sets(self) -> Sequence[FoundSet]:
        """Its sets and maps, with their elements."""


Objects = tuple[frozenset[str], frozenset[str], frozenset[str]]
"""The names of counters, of limits and of helpers."""
FlowTables = Iterable[Mapping[str, Any]]
"""Flow tables in libnftables' JSON."""


def contents(parts: Parts, rules: Iterable[Found], objects: Objects, flow_tables: FlowTables) -> Contents:
    """Return a table as contents, from its parts and the rules in their order.

    Rules without a comment count as ``foreign``.
    """
    comments: dict[str, list[str]] = {}
    handles: dict[str, list[int]] = {}
    for rule in rules:
        comments.setdefault(rule.chain, []).append(rule.comment or "foreign")
        handles.setdefault(rule.chain, []).append(rule.handle)
    counters, limits, helpers = objects
    return Contents(
        counters=counters,
        limits=limits,
        helpers=helpers,
        sets={found.name: container(found) for found in parts.sets},
        chains={
            chain.name: (Hook(*chain.hook) if chain.hook else None, tuple(comments.get(chain.name, ())))
            for chain in parts.chains
        },
        flow_tables={fields["name"]: _devices(fields) for fields in flow_tables},
        handles={chain.name: tuple(handles.get(chain.name, ())) for chain in parts.chains},
    )


def _devices(fields: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the devices of a flow table: one is told alone, and none not at all."""
    found = fields.get("dev", [])
    return (found,) if isinstance(found, str) else tuple(sorted(found))


def differences(wanted: Contents, found: Contents) -> Iterator[Difference]:
    """Yield how a table differs from what was planned; meters are the kernel's to fill."""
    for what, left, right in (
        ("counters", wanted.counters, found.counters),
        ("limits", wanted.limits, found.limits),
        ("helpers", wanted.helpers, found.helpers),
        ("sets", frozenset(wanted.sets), frozenset(found.sets)),
        ("chains", frozenset(wanted.chains), frozenset(found.chains)),
    ):
        if left != right:
            yield Difference(f"nft {what}", _some(left - right), _some(right - left))
    for name in sorted(wanted.flow_tables.keys() | found.flow_tables.keys()):
        ours, theirs = wanted.flow_tables.get(name), found.flow_tables.get(name)
        if ours != theirs:
            yield Difference(f"nft flowtable {name}", _on(ours), _on(theirs))
    for name in sorted(wanted.chains.keys() & found.chains.keys()):
        if wanted.chains[name] != found.chains[name]:
            yield Difference(f"nft chain {name}", _chain(wanted, name), _chain(found, name))
    for name in sorted(wanted.sets.keys() & found.sets.keys()):
        if wanted.sets[name] != found.sets[name]:
            yield Difference(f"nft set {name}", _container_text(wanted, name), _container_text(found, name))


def _some(names: frozenset[str]) -> str:
    shown = ", ".join(sorted(names)[:SHOWN])
    return f"{shown} and {len(names) - SHOWN} more" if len(names) > SHOWN else shown or "nothing more"


def _on(devices: tuple[str, ...] | None) -> str:
    return "none" if devices is None else f"on {', '.join(devices) or 'no device'}"


def _chain(contents: Contents, name: str) -> str:
    hook, comments = contents.chains[name]
    return f"{hook.hook if hook else 'no hook'}, {len(comments)} rules: {'; '.join(comments[:SHOWN])}"


def _container_text(contents: Contents, name: str) -> str:
    return str(contents.sets[name])[: 40 * SHOWN]
