# SPDX-License-Identifier: GPL-2.0-or-later
"""A ruleset of nftables as typed values: one table with its counters, limits, helpers, sets, maps and chains.

Every part has a name made from ids, so that two rulesets can be compared part by part. A rule carries a
comment, ``rule/r-7f3a 1f2e3d4c5b6a``: where it came from, and a digest of what it says. The comments alone
thus tell whether a chain in the kernel is the one that was planned.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from typing import Any, Literal

from pydantic_core import from_json, to_json

from patronus.firewall.addresses import AddressSet, Interval, Version

FAMILY = "inet"
TABLE = "patronus"
Values = tuple[int | Interval, ...]
"""A key of several fields."""
Expression = dict[str, Any]
"""One statement in libnftables' JSON, libnftables-json(5)."""


@dataclass(frozen=True, slots=True, init=False)
class NftRule:
    """One rule of a chain. ``comment`` is what the kernel keeps beside it, at most 128 bytes.

    It names what the rule was made from and holds no text of a person. The statements are kept as their JSON,
    and made of it for who goes through them: as objects those of 10,000 rules take 40 MB.
    """

    comment: str
    text: bytes

    def __init__(self, origin: str, statements: Sequence[Expression]) -> None:
        text = to_json(statements)
        object.__setattr__(self, "text", text)
        object.__setattr__(self, "comment", f"{origin} {sha256(text).hexdigest()[:12]}")

    def __iter__(self) -> Iterator[Expression]:
        """Yield the statements in order."""
        return iter(from_json(self.text))


@dataclass(frozen=True)
class Hook:
    """Where a base chain is called from; ``priority`` in the kernel's numbers, lower first."""

    type: Literal["filter", "nat"]
    hook: Literal["prerouting", "input", "forward", "output", "postrouting"]
    priority: int
    policy: Literal["accept", "drop"]


@dataclass(frozen=True)
class Chain:
    """A chain; a base chain where it has a hook."""

    rules: tuple[NftRule, ...] = ()
    hook: Hook | None = None

    @cached_property
    def comments(self) -> tuple[str, ...]:
        """Return the rules' comments in order: the chain's contents in short."""
        return tuple(rule.comment for rule in self.rules)


@dataclass(frozen=True)
class RateLimit:
    """A named limit: ``rate`` events in each second, minute, hour or day; ``over`` fits what exceeds them."""

    rate: int
    per: str
    burst: int
    over: bool = False


@dataclass(frozen=True, slots=True)
class Helper:
    """A helper of conntrack for one protocol; its name says all that it is."""

    type: str
    protocol: Literal["tcp", "udp"]

    @property
    def name(self) -> str:
        """Return the object's name."""
        return f"helper/{self.type}-{self.protocol}"


@dataclass(frozen=True)
class Intervals:
    """A set of addresses of one family."""

    version: Version
    intervals: tuple[Interval, ...]


@dataclass(frozen=True)
class Hosts:
    """A set of single addresses of one family, at most ``size``: a hash table that never has to grow.

    One that grows by itself may tell an address twice, or not at all, while it is read back.
    """

    version: Version
    size: int
    addresses: tuple[int, ...]


@dataclass(frozen=True)
class Dispatch:
    """A verdict map from kernel names to the chain that is jumped to; ``width`` names make a key."""

    width: Literal[1, 2]
    jumps: Mapping[tuple[str, ...], str]


@dataclass(frozen=True)
class Ways:
    """A verdict map from addresses of a family, or ports (0), to the chain that is jumped to."""

    kind: Version | Literal[0]
    jumps: Mapping[Interval, str]


@dataclass(frozen=True)
class Meter:
    """A set that the kernel fills: one limit for each address, forgotten after ``timeout_s`` of silence.

    With 0 an address is forgotten with its last connection.
    """

    version: Version
    timeout_s: int = 3600
    size: int = 65536


@dataclass(frozen=True)
class Keyed:
    """A map from several fields at once to the names of counters.

    ``kinds`` are the fields' types as nft calls them. ``size`` is how many keys a hash table takes; with 0 a
    value may be an interval.
    """

    kinds: tuple[str, ...]
    size: int
    counters: Mapping[Values, str]


Container = Intervals | Hosts | Dispatch | Ways | Keyed | Meter


@dataclass(frozen=True)
class Ruleset:
    """The whole table, each part by its name; ``flow_tables``: name → devices, sorted."""

    counters: frozenset[str] = frozenset()
    limits: Mapping[str, RateLimit] = field(default_factory=dict)
    sets: Mapping[str, Container] = field(default_factory=dict)
    chains: Mapping[str, Chain] = field(default_factory=dict)
    helpers: frozenset[Helper] = frozenset()
    flow_tables: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def set_reference(name: str, version: Version) -> str:
    """Return the name of the one family's half of a set."""
    return f"{name}/{version}"


def halves(name: str, addresses: AddressSet) -> dict[str, Container]:
    """Return a set of addresses as two named sets, one for each family."""
    return {
        set_reference(name, 4): Intervals(4, addresses.ipv4),
        set_reference(name, 6): Intervals(6, addresses.ipv6),
    }
