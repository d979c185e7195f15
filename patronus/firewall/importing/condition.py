# SPDX-License-Identifier: GPL-2.0-or-later
"""What a line of iptables fits, as sets that are cut with each other: a chain's lines with its caller's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

from patronus.firewall.addresses import Interval, Version, merged, outside

Intervals = tuple[Interval, ...]
ALL_ADDRESSES: Mapping[Version, Intervals] = {4: ((0, 2**32 - 1),), 6: ((0, 2**128 - 1),)}
ALL_PORTS: Intervals = ((1, 65535),)
"""All but 0, which no rule of ours can name."""
STATES = frozenset({"NEW", "ESTABLISHED", "RELATED", "INVALID", "UNTRACKED"})
KINDS = frozenset(
    {"UNICAST", "LOCAL", "BROADCAST", "ANYCAST", "MULTICAST", "BLACKHOLE", "UNREACHABLE", "PROHIBIT", "THROW"}
)
"""What the kernel takes an address for: iptables' types of addresses."""


class Unsaid(Exception):
    """The line means something that our rules cannot say; the text is the reason."""


@dataclass(frozen=True)
class Condition:
    """None is any. Interfaces are the other firewall's names; ``states`` are those of its conntrack.

    ``kinds`` are what the address that the packet is for may be. ``more`` holds keys of our rules that cannot
    be cut: limits, flags, marks.
    """

    arrives: frozenset[str] | None = None
    leaves: frozenset[str] | None = None
    source: Intervals | None = None
    destination: Intervals | None = None
    protocols: frozenset[int] | None = None
    source_ports: Intervals | None = None
    destination_ports: Intervals | None = None
    states: frozenset[str] | None = None
    kinds: frozenset[str] | None = None
    more: Mapping[str, Any] = field(default_factory=dict)

    @staticmethod
    def of(name: str, value: Any) -> Condition:
        """Return the condition that one field alone makes."""
        made: dict[str, Any] = {name: value}
        return Condition(**made)

    @property
    def is_empty(self) -> bool:
        """Return whether no packet fits."""
        return any(value is not None and not value for value in self._sets().values())

    def _sets(self) -> dict[str, Any]:
        return {one.name: getattr(self, one.name) for one in fields(self) if one.name != "more"}

    def both(self, other: Condition) -> Condition:
        """Return what fits this and the other. Raises Unsaid where both say a key that cannot be cut."""
        twice = self.more.keys() & other.more.keys()
        if any(self.more[key] != other.more[key] for key in twice):
            raise Unsaid(f"{', '.join(sorted(twice))} twice on the way through chains")
        sets = {name: _cut(value, getattr(other, name)) for name, value in self._sets().items()}
        return replace(self, **sets, more={**self.more, **other.more})

    def without(self, other: Condition, names: frozenset[str], version: Version) -> tuple[Condition, ...]:
        """Return what fits this and not the other, in parts that have no packet in common. Raises Unsaid.

        ``names`` are all interfaces that there are, ``version`` is the family of the addresses.
        """
        if other.more:
            raise Unsaid(f"a return in the middle of a chain by {', '.join(sorted(other.more))}")
        parts, rest = [], self
        for name, value in other._sets().items():
            if value is not None:
                parts.append(rest.both(Condition.of(name, rest._all_but(name, value, names, version))))
                rest = rest.both(Condition.of(name, value))
        return tuple(one for one in parts if not one.is_empty)

    def _all_but(self, name: str, value: Any, names: frozenset[str], version: Version) -> Any:
        """Return all values of a field but these. Raises Unsaid where they cannot be written."""
        if name in ("source", "destination"):
            return outside(value, ALL_ADDRESSES[version])
        if name.endswith("_ports"):
            return outside(value, ALL_PORTS)
        everything = {"arrives": names, "leaves": names, "kinds": KINDS, "states": STATES}.get(
            name, self.protocols
        )
        if everything is None:
            raise Unsaid("a return in the middle of a chain by protocol")
        return everything - value


def _cut(one: Any, other: Any) -> Any:
    if one is None or other is None:
        return other if one is None else one
    if isinstance(one, frozenset):
        return one & other
    found = [(max(a, c), min(b, d)) for a, b in one for c, d in other]
    return merged(item for item in found if item[0] <= item[1])
