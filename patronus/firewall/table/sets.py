# SPDX-License-Identifier: GPL-2.0-or-later
"""The commands that make sets and maps, and bring their elements from what stands to what is wanted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal

from patronus.firewall.addresses import Interval, Version, spelled
from patronus.firewall.table import statements as say
from patronus.firewall.table.command import Command, named, ours
from patronus.firewall.table.ruleset import Container, Dispatch, Hosts, Intervals, Keyed, Values, Ways

KINDS: Mapping[Version | Literal[0], str] = {4: "ipv4_addr", 6: "ipv6_addr", 0: "inet_service"}
VERSIONS_OF: Mapping[str, Version] = {"ipv4_addr": 4, "ipv6_addr": 6}
CHUNK = 4096
"""Elements in one command: libnftables merges intervals of one command in one go."""
Containers = Mapping[str, Container]


def made(name: str, container: Container) -> Command:
    """Return the command that makes a set or map, without elements."""
    if isinstance(container, Dispatch):
        kind: Any = "ifname" if container.width == 1 else ["ifname"] * container.width
        return named("add", "map", ours(name=name, type=kind, map="verdict"))
    if isinstance(container, Ways):
        kind = KINDS[container.kind]
        return named("add", "map", ours(name=name, type=kind, map="verdict", flags=["interval"]))
    if isinstance(container, Keyed):
        return named("add", "map", ours(name=name, **_keyed(container)))
    kind = KINDS[container.version]
    if isinstance(container, Intervals):
        return named("add", "set", ours(name=name, type=kind, flags=["interval"]))
    if isinstance(container, Hosts):
        return named("add", "set", ours(name=name, type=kind, size=container.size))
    flags = ["dynamic", "timeout"] if container.timeout_s else ["dynamic"]
    timeout = {"timeout": container.timeout_s} if container.timeout_s else {}
    return named("add", "set", ours(name=name, type=kind, flags=flags, **timeout, size=container.size))


def _keyed(container: Keyed) -> dict[str, Any]:
    kind: Any = container.kinds[0] if len(container.kinds) == 1 else list(container.kinds)
    form: dict[str, Any] = {"size": container.size} if container.size else {"flags": ["interval"]}
    return {"type": kind, "map": "counter", **form}


def shrunk(before: Containers, after: Containers) -> Iterator[Command]:
    """Yield the elements that go, of maps and of sets; those of sets that go as a whole go with them."""
    yield from jumps(before, after, "delete")
    yield from _counters("delete", before, after)
    yield from _addresses("delete", before, after)


def grown(before: Containers, after: Containers) -> Iterator[Command]:
    """Yield the addresses that come to sets, and the keys that come to maps to counters."""
    yield from _addresses("add", before, after)
    yield from _counters("add", before, after)


def _addresses(verb: str, before: Containers, after: Containers) -> Iterator[Command]:
    for name, container in sorted(after.items()):
        if not isinstance(container, Intervals | Hosts):
            continue
        known = before.get(name)
        there = known if isinstance(known, Intervals | Hosts) else None
        left, right = (container, there) if verb == "add" else (there, container)
        elements = list(_beyond(left, right))
        for start in range(0, len(elements), CHUNK):
            yield named(verb, "element", ours(name=name, elem=elements[start : start + CHUNK]))


def _beyond(left: Intervals | Hosts | None, right: Intervals | Hosts | None) -> Iterator[Any]:
    """Yield the elements that the one set has and the other has not."""
    if isinstance(left, Intervals):
        intervals = right.intervals if isinstance(right, Intervals) else ()
        for interval in sorted(set(left.intervals).difference(intervals)):
            yield say.interval(left.version, interval)
    elif left is not None:
        hosts = right.addresses if isinstance(right, Hosts) else ()
        for number in sorted(set(left.addresses).difference(hosts)):
            yield say.host(left.version, number)


def jumps(before: Containers, after: Containers, verb: str) -> Iterator[Command]:
    """Yield the elements of maps that go, or come; what leads elsewhere goes and comes."""
    for name in sorted(before.keys() | after.keys()):
        pair = before.get(name), after.get(name)
        container, other = pair if verb == "delete" else pair[::-1]
        if not isinstance(container, Dispatch | Ways):
            continue
        there: Mapping[Any, str] = other.jumps if isinstance(other, Dispatch | Ways) else {}
        keys: Iterable[Any] = sorted(key for key, to in container.jumps.items() if there.get(key) != to)
        if elements := [_entry(container, key) for key in keys]:
            yield named(verb, "element", ours(name=name, elem=elements))


def _entry(container: Dispatch | Ways, key: Any) -> list[Any]:
    """Return an element of a map."""
    if isinstance(container, Ways):
        return [say.value_of(container.kind, key), say.jump(container.jumps[key])]
    return [key[0] if len(key) == 1 else {"concat": list(key)}, say.jump(container.jumps[key])]


def _counters(verb: str, before: Containers, after: Containers) -> Iterator[Command]:
    """Yield the elements of maps to counters; those of maps that go as a whole go with them."""
    for name, container in sorted(after.items()):
        known = before.get(name)
        if not isinstance(container, Keyed) or known == container:
            continue
        there = known if isinstance(known, Keyed) else Keyed(container.kinds, container.size, {})
        left, right = (container, there) if verb == "add" else (there, container)
        changed = left.counters.items() - right.counters.items() if right.counters else left.counters.items()
        order = sorted(changed) if container.size else sorted(changed, key=_place)
        elements = [_counted(container.kinds, key, counter) for key, counter in order]
        for start in range(0, len(elements), CHUNK):
            yield named(verb, "element", ours(name=name, elem=elements[start : start + CHUNK]))


def _place(element: tuple[Values, str]) -> list[Interval]:
    """Return where an element stands among others, some of which are ranges: those have no fixed size."""
    return [(value, value) if isinstance(value, int) else value for value in element[0]]


def _counted(kinds: Sequence[str], key: Values, counter: str) -> list[Any]:
    """Return an element of a map to counters."""
    values = list(map(_value, kinds, key))
    return [{"elem": {"val": values[0] if len(values) == 1 else {"concat": values}}}, counter]


def _value(kind: str, value: int | Interval) -> Any:
    if isinstance(value, int):
        return spelled(VERSIONS_OF[kind], value) if kind in VERSIONS_OF else value
    return {"range": list(value)}
