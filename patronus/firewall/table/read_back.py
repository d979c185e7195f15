# SPDX-License-Identifier: GPL-2.0-or-later
"""What libnftables tells of our table, as the values that the plan is made of, and how the two differ."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Protocol

from patronus.core.feature import Difference
from patronus.firewall.addresses import Interval, Version
from patronus.firewall.table.commands import Contents
from patronus.firewall.table.ruleset import Container, Dispatch, Hook, Hosts, Intervals, Keyed, Meter, Ways
from patronus.firewall.table.sets import KINDS
from patronus.lists.addresses import WIDTH, parse_address

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


def contents(
    parts: Iterable[Mapping[str, Any]],
    rules: Iterable[Found],
    counters: frozenset[str],
    limits: frozenset[str],
    helpers: frozenset[str],
) -> Contents:
    """Return a table as contents, from libnftables' list of its parts and the rules in their order.

    Rules without a comment count as ``foreign``.
    """
    objects = [(kind, fields) for item in parts for kind, fields in item.items()]
    comments: dict[str, list[str]] = {}
    handles: dict[str, list[int]] = {}
    for rule in rules:
        comments.setdefault(rule.chain, []).append(rule.comment or "foreign")
        handles.setdefault(rule.chain, []).append(rule.handle)
    hooks = {fields["name"]: _hook(fields) for kind, fields in objects if kind == "chain"}
    return Contents(
        counters=counters,
        limits=limits,
        helpers=helpers,
        sets={fields["name"]: _container(fields) for kind, fields in objects if kind in ("set", "map")},
        chains={name: (hook, tuple(comments.get(name, ()))) for name, hook in hooks.items()},
        flow_tables={fields["name"]: _devices(fields) for kind, fields in objects if kind == "flowtable"},
        handles={name: tuple(handles.get(name, ())) for name in hooks},
    )


def _devices(fields: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the devices of a flow table: one is told alone, and none not at all."""
    found = fields.get("dev", [])
    return (found,) if isinstance(found, str) else tuple(sorted(found))


def _hook(fields: Mapping[str, Any]) -> Hook | None:
    if "hook" not in fields:
        return None
    return Hook(fields["type"], fields["hook"], int(fields["prio"]), fields["policy"])


def _container(fields: Mapping[str, Any]) -> Container:
    elements = fields.get("elem", [])
    if fields.get("map") == "counter":
        return _keyed(fields)
    if "map" in fields and "interval" in fields.get("flags", ()):
        kind = next(kind for kind, name in KINDS.items() if name == fields["type"])
        return Ways(kind, {_interval(key): verdict["jump"]["target"] for key, verdict in elements})
    if "map" in fields:
        jumps = {_key(key): verdict["jump"]["target"] for key, verdict in elements}
        return Dispatch(1 if isinstance(fields["type"], str) else 2, jumps)
    version: Version = 4 if fields["type"] == "ipv4_addr" else 6
    if "dynamic" in fields.get("flags", ()):
        return Meter(version, fields.get("timeout", 0), fields.get("size", 0))
    if "flags" not in fields:
        return Hosts(version, fields.get("size", 0), tuple(sorted(map(_number, elements))))
    return Intervals(version, tuple(sorted(_interval(element) for element in elements)))


def _keyed(fields: Mapping[str, Any]) -> Keyed:
    """Return a map to counters, by one field or several."""
    kinds = (fields["type"],) if isinstance(fields["type"], str) else tuple(fields["type"])
    found = {
        tuple(map(_value, key["concat"] if isinstance(key, dict) else (key,))): counter
        for key, counter in fields.get("elem", [])
    }
    return Keyed(kinds, fields.get("size", 0), found)


def _value(value: Any) -> int | Interval:
    return _interval(value) if isinstance(value, dict) else _number(value)


def _key(key: Any) -> tuple[str, ...]:
    return (key,) if isinstance(key, str) else tuple(key["concat"])


def _interval(element: Any) -> Interval:
    if isinstance(element, int | str):
        number = _number(element)
        return number, number
    if "range" in element:
        first, last = element["range"]
        return _number(first), _number(last)
    prefix = element["prefix"]
    version, first = parse_address(prefix["addr"])
    return first, first + (1 << WIDTH[version] - prefix["len"]) - 1


def _number(value: int | str) -> int:
    """Return an address as a number; a port is one."""
    return value if isinstance(value, int) else parse_address(value)[1]


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
