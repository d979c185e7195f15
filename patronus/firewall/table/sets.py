# SPDX-License-Identifier: GPL-2.0-or-later
"""The commands that make sets and maps, and bring their elements from what stands to what is wanted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal

from patronus.firewall.addresses import Version
from patronus.firewall.table import statements as say
from patronus.firewall.table.command import Command, named, ours
from patronus.firewall.table.ruleset import Container, Dispatch, Hosts, Intervals, Ways

KINDS: Mapping[Version | Literal[0], str] = {4: "ipv4_addr", 6: "ipv6_addr", 0: "inet_service"}
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
    kind = KINDS[container.version]
    if isinstance(container, Intervals):
        return named("add", "set", ours(name=name, type=kind, flags=["interval"]))
    if isinstance(container, Hosts):
        return named("add", "set", ours(name=name, type=kind, size=container.size))
    flags = ["dynamic", "timeout"] if container.timeout_s else ["dynamic"]
    timeout = {"timeout": container.timeout_s} if container.timeout_s else {}
    return named("add", "set", ours(name=name, type=kind, flags=flags, **timeout, size=container.size))


def shrunk(before: Containers, after: Containers) -> Iterator[Command]:
    """Yield the elements that go, of maps and of sets; those of sets that go as a whole go with them."""
    yield from jumps(before, after, "delete")
    yield from _addresses("delete", before, after)


def grown(before: Containers, after: Containers) -> Iterator[Command]:
    """Yield the addresses that come to sets."""
    yield from _addresses("add", before, after)


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
