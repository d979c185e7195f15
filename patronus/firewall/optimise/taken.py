# SPDX-License-Identifier: GPL-2.0-or-later
"""Which packets earlier rules may fit that are tried later: who shares one with them has to wait behind them.

What is said here errs on one side alone: two rules that have a packet in common are never said to have none.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from patronus.firewall.addresses import VERSIONS, WIDTH, AddressSet, Version
from patronus.firewall.optimise.fold import Kind
from patronus.firewall.optimise.shape import Key, Shape, Value
from patronus.firewall.policy import Match

ALL_PORTS = (0, 65535)
LEVELS: dict[Kind, tuple[int, ...]] = {4: (32, 24, 16), 6: (64, 48, 32), 0: ()}
"""Bits of addresses that are told apart: of a rule as many as leave it few blocks."""
_MOST_BLOCKS = 16
ANY, SOME = -1, -2
"""Whatever is asked for; and what is taken whatever it is."""
Block = tuple[int, int]
EVERYWHERE: Block = (0, 0)


class Ports:
    """Ranges of ports, united."""

    def __init__(self) -> None:
        self._firsts: list[int] = []
        self._lasts: list[int] = []

    def meets(self, first: int, last: int) -> bool:
        """Return whether one of the ports is among them."""
        at = bisect_left(self._lasts, first)
        return at < len(self._firsts) and self._firsts[at] <= last

    def add(self, first: int, last: int) -> None:
        """Take them in."""
        left, right = bisect_left(self._lasts, first), bisect_right(self._firsts, last)
        if left < right:
            first, last = min(first, self._firsts[left]), max(last, self._lasts[right - 1])
        self._firsts[left:right], self._lasts[left:right] = [first], [last]


class TakenKeys:
    """Keys of one shape that were taken, asked for by keys of another one."""

    def __init__(self, taken: Shape, asking: Shape) -> None:
        self._bits: list[int | None] = []
        for mine, other in zip(_address_bits(taken), _address_bits(asking), strict=True):
            self._bits.append(None if mine is None or other is None else min(mine, other))
        self._width = WIDTH.get(taken.version, 0)
        self._protocol = taken.protocol and asking.protocol
        self._port = taken.destination_port and asking.destination_port
        self._ranged = taken.ranged or asking.ranged
        self._same = None
        if _address_bits(taken) == _address_bits(asking) and taken.protocol == asking.protocol:
            self._same = 2 - self._bits.count(None) + taken.protocol
            """How many values of a key are said alike by both shapes."""
        self._found: dict[Key, Ports] = {}

    def add(self, shape: Shape, key: Key) -> None:
        """Take a key."""
        common, ports = self._common(shape, key)
        self._found.setdefault(common, Ports()).add(*ports)

    def meets(self, shape: Shape, key: Key) -> bool:
        """Return whether a packet may fit the key and one that was taken."""
        common, ports = self._common(shape, key)
        found = self._found.get(common)
        return found is not None and found.meets(*ports)

    def common(self, shape: Shape, keys: Sequence[Key]) -> list[Key]:
        """Return what both shapes say of each key of one of them, ports only if none is a range."""
        same = self._same
        said = [self._common(shape, key)[0] if same is None else key[:same] for key in keys]
        if not self._port or self._ranged:
            return said
        return [(*one, key[-1]) for one, key in zip(said, keys, strict=True)]

    def _common(self, shape: Shape, key: Key) -> tuple[Key, tuple[int, int]]:
        """Return what both shapes say of the key: addresses and protocol, and ports, which may overlap."""
        ports = _span(key[-1]) if self._port else ALL_PORTS
        if self._same is not None:
            return key[: self._same], ports
        values = iter(key)
        common = []
        for named, bits in zip(_address_bits(shape), self._bits, strict=True):
            address = _number(next(values)) if named is not None else 0
            if bits is not None:
                common.append(address >> self._width - bits)
        protocol = _number(next(values)) if shape.protocol else 0
        if self._protocol:
            common.append(protocol)
        return tuple(common), ports


class TakenByAny:
    """What rules of any form may fit, by blocks of sources, protocols and ports asked for.

    A block is the bits that it is of, and its number.
    """

    def __init__(self) -> None:
        self._found: dict[tuple[Kind, Block, int], Ports] = {}
        self._levels: dict[Kind, set[int]] = {4: set(), 6: set()}

    def add(self, match: Match) -> None:
        """Take what a match may fit."""
        ports = [(port.first, port.last) for port in match.destination_ports or ()] or [ALL_PORTS]
        for version in VERSIONS:
            blocks = _blocks(match.source, version)
            self._levels[version].update(bits for bits, _ in blocks)
            for block in {*blocks, *((bits, ANY) for bits, _ in blocks)}:
                for protocol in {ANY, *(match.protocols or (SOME,))}:
                    found = self._found.setdefault((version, block, protocol), Ports())
                    for first, last in ports:
                        found.add(first, last)

    def meets(self, shape: Shape, key: Key) -> bool:
        """Return whether a packet may fit the key and a match that was taken."""
        if not self._found:
            return False
        first, last = _span(key[-1]) if shape.destination_port else ALL_PORTS
        for version in (shape.version,) if shape.version else VERSIONS:
            for block in _asked_blocks(shape, key, self._levels[version]):
                for protocol in _asked_protocols(shape, key):
                    found = self._found.get((version, block, protocol))
                    if found is not None and found.meets(first, last):
                        return True
        return False


def _address_bits(shape: Shape) -> tuple[int | None, int | None]:
    return shape.source, shape.destination


def _number(value: Value) -> int:
    """Return the value of a field that is never a range."""
    assert isinstance(value, int)
    return value


def _span(value: Value) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else value


def _blocks(source: AddressSet | None, version: Version) -> set[Block]:
    """Return the blocks of the sources that a rule names, ``EVERYWHERE`` for too many."""
    if source is None or source.alias is not None or source.lives:
        return {EVERYWHERE}
    intervals = source.intervals(version)
    for bits in LEVELS[version]:
        shift = WIDTH[version] - bits
        spans = [(first >> shift, last >> shift) for first, last in intervals]
        if sum(last - first + 1 for first, last in spans) <= _MOST_BLOCKS:
            return {(bits, block) for first, last in spans for block in range(first, last + 1)}
    return {EVERYWHERE}


def _asked_blocks(shape: Shape, key: Key, levels: Iterable[int]) -> Iterator[Block]:
    for bits in levels:
        if shape.source is None or shape.source < bits:
            yield bits, ANY
        else:
            yield bits, _number(key[0]) >> WIDTH[shape.version] - bits


def _asked_protocols(shape: Shape, key: Key) -> Sequence[int]:
    if not shape.protocol:
        return (ANY,)
    return SOME, _number(key[(shape.source is not None) + (shape.destination is not None)])


def may_share(left: Shape, right: Shape) -> bool:
    """Return whether packets of the two shapes can be of one family."""
    return not left.version or not right.version or left.version == right.version


class Held(NamedTuple):
    """The keys of a shape, and the numbers of their rules."""

    numbers: list[int]
    keys: list[Key]


def close(order: Sequence[Shape], held: Mapping[Shape, Held]) -> set[int]:
    """Return the rules that may share a packet with a key of another rule, or with two of their own.

    Ranges are not looked at, nor who is first: most rules are alone all the same, and found many at once.
    """
    found: set[int] = set()
    for earlier, later in pairs(order):
        taken = TakenKeys(later, earlier)
        sides = [(held[shape].numbers, taken.common(shape, held[shape].keys)) for shape in (earlier, later)]
        if earlier == later:
            met = {common for common, number in Counter(sides[0][1]).items() if number > 1}
        else:
            met = set(sides[0][1]) & set(sides[1][1])
        if met:
            found.update(at for side in sides for at, common in zip(*side, strict=True) if common in met)
    return found


def pairs(order: Sequence[Shape]) -> Iterator[tuple[Shape, Shape]]:
    """Yield (earlier, later) of the shapes that a packet is tried by, and each of ranges with itself."""
    for place, earlier in enumerate(order):
        for later in order[place if earlier.ranged else place + 1 :]:
            if may_share(earlier, later):
                yield earlier, later
