# SPDX-License-Identifier: GPL-2.0-or-later
"""The text of iptables-save as tables, chains and lines; each line's options become a condition."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network
from typing import Any

from patronus.core.values import Refused
from patronus.firewall.importing.condition import (
    ALL_ADDRESSES,
    ALL_PORTS,
    Condition,
    Intervals,
    Unsaid,
    outside,
)
from patronus.firewall.model.flags import FLAGS
from patronus.firewall.model.match import parse_icmp_type, parse_protocol

SERVICES = {
    "ssh": 22,
    "domain": 53,
    "http": 80,
    "https": 443,
    "ntp": 123,
    "smtp": 25,
    "bootps": 67,
    "bootpc": 68,
}
QUIET = frozenset({"-m", "--match", "--log-level", "--limit-burst", "--connlimit-mask", "--mode"})
"""Options with a value that say nothing by themselves, or are read with another."""


@dataclass(frozen=True)
class Line:
    """One rule. ``words`` are its options; ``name`` is its comment."""

    number: int
    words: tuple[str, ...]

    @property
    def text(self) -> str:
        """Return the line without the chain."""
        return shlex.join(self.words)

    def value(self, *names: str) -> str | None:
        """Return what follows an option, or None."""
        found = (after for word, after in zip(self.words, self.words[1:], strict=False) if word in names)
        return next(found, None)


@dataclass
class Table:
    """Chains with their lines, and the policies of those that the kernel calls."""

    chains: dict[str, list[Line]] = field(default_factory=dict)
    policies: dict[str, tuple[int, str]] = field(default_factory=dict)


def tables(text: str) -> tuple[dict[str, Table], list[tuple[int, str, str]]]:
    """Return the tables by name, and the lines that could not be read with the reason."""
    found: dict[str, Table] = {}
    faults: list[tuple[int, str, str]] = []
    table = found.setdefault("filter", Table())
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.strip()
        if line.startswith("*"):
            table = found.setdefault(line[1:], Table())
        elif line.startswith(":"):
            name, _, rest = line[1:].partition(" ")
            table.chains.setdefault(name, [])
            if not rest.startswith("-"):
                table.policies[name] = (number, rest.partition(" ")[0])
        elif line and not line.startswith("#") and line != "COMMIT":
            fault = _read(table, number, line)
            faults += [(number, line, fault)] if fault else []
    return found, faults


def _read(table: Table, number: int, line: str) -> str | None:
    try:
        words = shlex.split(line)
    except ValueError as error:
        return f"it cannot be read: {error}"
    if words and words[0].startswith("["):
        words = words[1:]
    if len(words) < 2 or words[0] not in ("-A", "--append"):
        return "it is no rule that is appended to a chain (-A)"
    table.chains.setdefault(words[1], []).append(Line(number, tuple(words[2:])))
    return None


def condition(line: Line, names: frozenset[str]) -> Condition:
    """Return what the line fits. ``names`` are all interfaces that there are. Raises Unsaid."""
    found = Condition()
    for negated, word, value in _options(line):
        found = found.both(_one(word, value, line, names, negated=negated))
    return found


def _options(line: Line) -> Iterator[tuple[bool, str, str]]:
    """Yield the options that ask for something, up to the target."""
    words, at, negated = line.words, 0, False
    while at < len(words):
        word = words[at]
        if word in ("-j", "--jump", "-g", "--goto"):
            return
        if word == "!":
            negated, at = True, at + 1
            continue
        if word == "--syn":
            yield negated, word, ""
            at += 1
        elif word == "--tcp-flags":
            yield negated, word, " ".join(words[at + 1 : at + 3])
            at += 3
        else:
            if word not in (*QUIET, "--comment"):
                yield negated, word, words[at + 1] if at + 1 < len(words) else ""
            at += 2
        negated = False


def _one(word: str, value: str, line: Line, names: frozenset[str], *, negated: bool) -> Condition:
    if word in SETS:
        key, read, everything = SETS[word]
        try:
            items = read(value)
        except (ValueError, Refused) as error:
            raise Unsaid(f"{word} {value} is not understood") from error
        return Condition.of(key, outside(items, everything) if negated else items)
    if word in ("-i", "--in-interface", "-o", "--out-interface"):
        known = frozenset(one for one in names if one == value or _is_like(one, value))
        key = "arrives" if word in ("-i", "--in-interface") else "leaves"
        if not negated and not known:
            raise Unsaid(f"{value} is no interface of this router; --map {value}=ROLE names it")
        return Condition.of(key, names - known if negated else known)
    if negated:
        raise Unsaid(f"! {word} has no word here")
    reader = READERS.get(word)
    if reader is None:
        raise Unsaid(f"{word} has no word here")
    return reader(value, line)


def _is_like(name: str, pattern: str) -> bool:
    return pattern.endswith("+") and name.startswith(pattern[:-1])


def _addresses(text: str) -> Intervals:
    networks = [IPv4Network(item, strict=False) for item in text.split(",")]
    return tuple(sorted((int(one.network_address), int(one.broadcast_address)) for one in networks))


def _range(text: str) -> Intervals:
    first, _, last = text.partition("-")
    return ((int(IPv4Address(first)), int(IPv4Address(last or first))),)


def _ports(text: str) -> Intervals:
    found = []
    for item in text.split(","):
        first, _, last = item.partition(":")
        low = _port(first) if first else 0
        found.append((low, (_port(last) if last else 65535) if ":" in item else low))
    return tuple(sorted(found))


def _port(text: str) -> int:
    return SERVICES[text] if text in SERVICES else int(text)


def _protocol(value: str, _: Line) -> Condition:
    if value in ("all", "0"):
        return Condition()
    try:
        return Condition(protocols=frozenset({parse_protocol(value).number}))
    except Refused as refused:
        raise Unsaid(refused.message) from None


def _states(value: str, _: Line) -> Condition:
    found = frozenset(value.upper().split(","))
    if found & {"DNAT", "SNAT"}:
        raise Unsaid("rules do not ask whether an address was translated: say whom it is for")
    return Condition(states=found)


def _icmp(value: str, _: Line) -> Condition:
    if value == "any":
        return Condition()
    if "/" in value:
        raise Unsaid("an ICMP code has no word here")
    names = {"ping": "echo-request", "pong": "echo-reply", "ttl-exceeded": "time-exceeded"}
    try:
        kind = parse_icmp_type(int(value) if value.isdigit() else names.get(value, value))
    except Refused as refused:
        raise Unsaid(refused.message) from None
    return Condition(more={"icmp_type": kind})


def _flags(value: str, _: Line) -> Condition:
    mask, wanted = [*value.lower().split(" "), ""][:2]
    asked = ["fin", "syn", "rst", "psh", "ack", "urg"] if mask == "all" else mask.split(",")
    there = asked if wanted == "all" else [] if wanted == "none" else wanted.split(",")
    if not set(asked) | set(there) <= FLAGS.keys():
        raise Unsaid(f"--tcp-flags {value} is not understood")
    return Condition(more={"tcp_flags": [one if one in there else f"!{one}" for one in asked]})


def _limit(value: str, line: Line) -> Condition:
    count, _, unit = value.partition("/")
    limit: dict[str, Any] = {"rate": f"{count}/{(unit or 's')[0]}"}
    burst = line.value("--limit-burst")
    return Condition(more={"limit": {**limit, "burst": int(burst) if burst else 5}})


def _open(value: str, line: Line) -> Condition:
    mask = line.value("--connlimit-mask") or "32"
    if mask not in ("0", "32"):
        raise Unsaid("--connlimit-mask of a prefix has no word here")
    per = {"per": "source"} if mask == "32" else {}
    return Condition(more={"connections": {"most": int(value), **per}})


def _type(value: str, _: Line) -> Condition:
    if value != "LOCAL":
        raise Unsaid(f"--dst-type {value} has no word here")
    return Condition(own=True)


def _key(key: str) -> Callable[[str, Line], Condition]:
    return lambda value, _: Condition(more={key: value})


SETS: dict[str, tuple[str, Callable[[str], Intervals], Intervals]] = {
    **dict.fromkeys(("-s", "--source", "--src"), ("source", _addresses, ALL_ADDRESSES)),
    **dict.fromkeys(("-d", "--destination", "--dst"), ("destination", _addresses, ALL_ADDRESSES)),
    "--src-range": ("source", _range, ALL_ADDRESSES),
    "--dst-range": ("destination", _range, ALL_ADDRESSES),
    **dict.fromkeys(("--sport", "--source-port", "--sports"), ("source_ports", _ports, ALL_PORTS)),
    **dict.fromkeys(("--dport", "--destination-port", "--dports"), ("destination_ports", _ports, ALL_PORTS)),
}
"""Options that name a set: the field, how it is read, and all that there is."""
READERS: dict[str, Callable[[str, Line], Condition]] = {
    **dict.fromkeys(("-p", "--protocol"), _protocol),
    **dict.fromkeys(("--state", "--ctstate"), _states),
    "--icmp-type": _icmp,
    "--tcp-flags": _flags,
    "--syn": lambda _, line: _flags("fin,syn,rst,ack syn", line),
    "--limit": _limit,
    "--connlimit-upto": _open,
    "--dst-type": _type,
    "--mac-source": _key("mac"),
    "--mark": _key("mark"),
}
"""Options that say one thing."""
