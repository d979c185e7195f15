# SPDX-License-Identifier: GPL-2.0-or-later
"""The options of a line of iptables as a condition, up to its target."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from patronus.core.values import Refused
from patronus.firewall.addresses import outside
from patronus.firewall.importing import times
from patronus.firewall.importing.condition import ALL_ADDRESSES, ALL_PORTS, KINDS, STATES, Condition, Unsaid
from patronus.firewall.importing.readers import READERS, SETS
from patronus.firewall.importing.saved import Line

MATCHES = frozenset(
    {
        "tcp", "udp", "udplite", "sctp", "dccp", "icmp", "icmp6", "icmpv6", "comment", "conntrack", "state",
        "multiport", "iprange", "limit", "hashlimit", "connlimit", "mac", "mark", "addrtype", "dscp", "time",
    }
)  # fmt: skip
"""Matches of iptables that ask for what their options say; any other may ask by its name alone."""
QUIET = frozenset(
    {"--log-level", "--limit-burst", "--connlimit-mask", "--mode", "--log-with", "--comment",
     "--hashlimit-burst", "--hashlimit-mode", "--hashlimit-name", "--hashlimit-htable-size",
     "--hashlimit-htable-max", "--hashlimit-htable-expire", "--hashlimit-htable-gcinterval"}
)  # fmt: skip
"""Options with a value that say nothing by themselves, or are read with another."""
INTERFACES = {
    **dict.fromkeys(("-i", "--in-interface", "--in-set"), "arrives"),
    **dict.fromkeys(("-o", "--out-interface", "--out-set"), "leaves"),
}
"""Options that name interfaces; those that end with set name several, as only nft does."""
CLOSED = {
    **dict.fromkeys(("--state", "--ctstate"), ("states", STATES)),
    "--dst-type": ("kinds", KINDS),
}
"""Options that may be turned round: the field, and all that it can be."""
SIDES = frozenset({"--connlimit-saddr", "--connlimit-daddr"}) | times.FLAGS
"""Options without a value that are read with another."""


def condition(line: Line, names: frozenset[str]) -> Condition:
    """Return what the line fits. ``names`` are all interfaces that there are. Raises Unsaid."""
    found = Condition()
    for negated, word, value in _options(line):
        found = found.both(_one(word, value, line, names, negated=negated))
    return found


def _options(line: Line) -> Iterator[tuple[bool, str, str]]:
    """Yield the options that ask for something, up to the target; last the matches without words here."""
    words, at, negated = line.words, 0, False
    strange: list[str] = []
    while at < len(words):
        word = words[at]
        if word in ("-j", "--jump", "-g", "--goto"):
            break
        if word == "!":
            negated, at = True, at + 1
            continue
        if word == "--syn":
            yield negated, word, ""
            at += 1
        elif word in SIDES:
            at += 1
        elif word == "--tcp-flags":
            yield negated, word, " ".join(words[at + 1 : at + 3])
            at += 3
        else:
            value = words[at + 1] if at + 1 < len(words) else ""
            if word in ("-m", "--match"):
                strange += [value] if value not in MATCHES else []
            elif word not in QUIET:
                yield negated, word, value
            at += 2
        negated = False
    yield from ((False, f"-m {match}", "") for match in strange)


def _one(word: str, value: str, line: Line, names: frozenset[str], *, negated: bool) -> Condition:
    if word in SETS:
        key, read = SETS[word]
        everything = ALL_PORTS if key.endswith("ports") else ALL_ADDRESSES[line.version]
        try:
            items = read(value, line.version)
        except (ValueError, Refused) as error:
            raise Unsaid(f"{word} {value} is not understood") from error
        return Condition.of(key, outside(items, everything) if negated else items)
    if word in INTERFACES:
        patterns = value.split(",") if word.endswith("-set") else [value]
        return Condition.of(INTERFACES[word], _interfaces(patterns, names, negated=negated))
    reader = READERS.get(word)
    if reader is None or (negated and word not in CLOSED):
        raise Unsaid(f"{'! ' if negated else ''}{word} has no word here")
    asked = reader(value, line)
    if not negated:
        return asked
    key, every = CLOSED[word]
    return Condition.of(key, every - getattr(asked, key))


def _interfaces(patterns: Sequence[str], names: frozenset[str], *, negated: bool) -> frozenset[str]:
    """Return the interfaces that are like one of the patterns, or like none. Raises Unsaid."""
    known = frozenset[str]()
    for pattern in patterns:
        found = frozenset(one for one in names if one == pattern or _is_like(one, pattern))
        if not negated and not found:
            raise Unsaid(f"{pattern} is no interface of this router; --map {pattern}=ROLE names it")
        known |= found
    return names - known if negated else known


def _is_like(name: str, pattern: str) -> bool:
    return pattern.endswith("+") and name.startswith(pattern[:-1])
