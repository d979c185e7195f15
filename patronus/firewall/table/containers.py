# SPDX-License-Identifier: GPL-2.0-or-later
"""Sets and maps as the kernel tells them, in bytes, as the values that the plan is made of. Pure.

Fields of a key stand side by side, each filled up to 32 bits; one alone has its own length. In sets of
intervals one element stands where an interval begins, and one behind its end; without that it has none.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import Protocol

from patronus.firewall.addresses import Interval
from patronus.firewall.table.ruleset import Container, Dispatch, Hosts, Intervals, Keyed, Meter, Values, Ways
from patronus.firewall.table.sets import KINDS, VERSIONS_OF

Element = tuple[bytes, bytes | None, str, bool]
"""A key, the last one of a range, the chain or object that it leads to, and whether it ends an interval."""
_KIND_OF = {name: kind for kind, name in KINDS.items()}
_SHORT = {"ipv4_addr": ("I", ""), "inet_proto": ("B", "3x"), "inet_service": ("H", "2x")}
"""Kinds of which a field is a number, and what fills it up beside others."""


class FoundSet(Protocol):
    """A set or map in the kernel; ``leads`` to a ``verdict`` or an ``object``, a set to nothing."""

    @property
    def name(self) -> str:
        """Its name."""

    @property
    def kinds(self) -> tuple[str, ...]:
        """The types of a key's fields."""

    @property
    def leads(self) -> str:
        """What a key leads to."""

    @property
    def interval(self) -> bool:
        """Whether it holds ranges."""

    @property
    def dynamic(self) -> bool:
        """Whether the kernel fills it."""

    @property
    def timeout_s(self) -> int:
        """After how many seconds an element is forgotten."""

    @property
    def size(self) -> int:
        """How many elements it takes, 0 where that is not said."""

    @property
    def elements(self) -> Sequence[Element]:
        """Its elements, as the kernel tells them."""


def container(found: FoundSet) -> Container:
    """Return a set or map as the plan would have it."""
    if found.leads == "object":
        return _keyed(found)
    if found.leads:
        if not found.interval:
            return Dispatch(
                1 if len(found.kinds) == 1 else 2, {_names(key): to for key, _, to, _ in found.elements}
            )
        return Ways(_KIND_OF.get(found.kinds[0], 0), dict(_intervals(found.elements)))
    version = VERSIONS_OF.get(found.kinds[0], 6)
    if found.dynamic:
        return Meter(version, found.timeout_s, found.size)
    if found.interval:
        return Intervals(version, tuple(sorted(interval for interval, _ in _intervals(found.elements))))
    numbers = sorted(int.from_bytes(key, "big") for key, *_ in found.elements)
    return Hosts(version, found.size, tuple(numbers))


def _names(key: bytes) -> tuple[str, ...]:
    """Return the names of interfaces that a key is made of."""
    return tuple(key[at : at + 16].rstrip(b"\0").decode(errors="replace") for at in range(0, len(key), 16))


def _intervals(elements: Sequence[Element]) -> Iterator[tuple[Interval, str]]:
    """Yield intervals, each with where it leads; an end comes before a beginning at the same place."""
    marks = sorted((int.from_bytes(key, "big"), not closes, to) for key, _, to, closes in elements)
    begun: tuple[int, str] | None = None
    for place, begins, to in marks:
        if begun is not None:
            yield (begun[0], place - 1), begun[1]
        begun = (place, to) if begins else None
    if begun is not None and elements:
        yield (begun[0], (1 << 8 * len(elements[0][0])) - 1), begun[1]


def _keyed(found: FoundSet) -> Keyed:
    """Return a map to counters, by one field or several."""
    if found.interval and len(found.kinds) == 1:
        pairs = _intervals(found.elements)
        single: dict[Values, str] = {
            (first if first == last else (first, last),): to for (first, last), to in pairs
        }
        return Keyed(found.kinds, found.size, single)
    values = _reader(found.kinds)
    return Keyed(
        found.kinds, found.size, {_between(values, key, end): to for key, end, to, _ in found.elements}
    )


def _between(values: Callable[[bytes], tuple[int, ...]], key: bytes, end: bytes | None) -> Values:
    first = values(key)
    if end is None or end == key:
        return first
    return tuple(low if low == high else (low, high) for low, high in zip(first, values(end), strict=False))


@lru_cache(maxsize=64)
def _reader(kinds: tuple[str, ...]) -> Callable[[bytes], tuple[int, ...]]:
    """Return what makes numbers of a key: of each field one, of a stranger's key one of all."""
    several = len(kinds) > 1
    fields = [_SHORT.get(kind, ("16s", "")) for kind in kinds]
    form = struct.Struct(">" + "".join(one + (fill if several else "") for one, fill in fields))
    unpack, size, short = form.unpack, form.size, all(kind in _SHORT for kind in kinds)

    def read(key: bytes) -> tuple[int, ...]:
        if len(key) != size:
            return (int.from_bytes(key, "big"),)
        parts = unpack(key)
        if short:
            return parts
        return tuple([int.from_bytes(one, "big") if isinstance(one, bytes) else one for one in parts])

    return read
