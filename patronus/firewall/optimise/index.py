# SPDX-License-Identifier: GPL-2.0-or-later
"""Most of a long list as indexes: one look-up by several fields finds the one rule that fits a packet.

Rules whose keys have one shape (``optimise.shape``) become one index. A packet goes through the indexes one
after the other, then through the rules that are left, in their order. So every packet meets the first rule
that fits it: a rule that shares a packet with an earlier one that is tried later, or with an earlier range of
its own index, is left among the rules. Of two rules with the same key the first is never passed, so it alone
stands there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from patronus.firewall.addresses import VERSIONS
from patronus.firewall.optimise import fold
from patronus.firewall.optimise.shape import Key, Keys, Shape
from patronus.firewall.optimise.taken import Held, TakenByAny, TakenKeys, close, pairs
from patronus.firewall.policy import Match, PolicyRule

MOST_SHAPES = 4
"""Indexes that a packet of a family meets at most."""
MOST_RANGES = 4096
"""Keys of an index with ranges: what it takes to make one, and to look into it, grows with them."""


WORTH = 2
"""Indexes are made where one in so many rules finds a place."""


@dataclass(frozen=True, slots=True)
class Index:
    """The rules that are found by keys of a shape, each by its own."""

    shape: Shape
    rules: Mapping[Key, PolicyRule]


@dataclass(frozen=True, slots=True)
class Placed:
    """Where each rule of a list has its place, by its number in the list, and what that hangs on.

    ``left`` are the rules without one.
    """

    keys: Sequence[Keys]
    matches: Sequence[Match]
    places: Mapping[Shape, Mapping[Key, int]]
    left: Sequence[int]


def placed(rules: Sequence[PolicyRule], keys: Sequence[Keys], last: Placed | None = None) -> Placed:
    """Return where the rules have their places; ``keys`` are those of each. Pure.

    Where too few would find one, all are left. What was found for a list the last time is what is found now
    if nobody says another thing of a packet.
    """
    matches = [rule.match for rule in rules]
    if last is not None and last.keys == keys and last.matches == matches:
        return last
    held = _by_shape(keys)
    order = _order({shape: len(own.keys) for shape, own in held.items()})
    places = _Places(order, close(order, held))
    left: list[int] = []
    for at, own in enumerate(keys):
        if not places.take(at, matches[at], own):
            left.append(at)
            if (len(rules) - len(left)) * WORTH < len(rules):
                return Placed(keys, matches, {}, range(len(rules)))
    return Placed(keys, matches, places.found, left)


def indexed(rules: Sequence[PolicyRule], where: Placed) -> tuple[tuple[Index, ...], Sequence[PolicyRule]]:
    """Return the indexes and the rules that are left."""
    indexes = (
        Index(shape, {key: rules[at] for key, at in found.items()})
        for shape, found in where.places.items()
        if found
    )
    return tuple(indexes), [rules[at] for at in where.left]


def _by_shape(keys: Sequence[Keys]) -> dict[Shape, Held]:
    """Return the keys of each shape, with the numbers of their rules."""
    held: dict[Shape, Held] = {}
    for at, own in enumerate(keys):
        for shape, key in own:
            if shape not in held:
                held[shape] = Held([], [])
            numbers, found = held[shape]
            numbers.append(at)
            found.append(key)
    return held


def _order(held: Mapping[Shape, int]) -> list[Shape]:
    """Return the shapes with the most keys in the order in which packets are tried: those of ranges last."""
    enough = [shape for shape, number in held.items() if number >= fold.RUN and _names_an_end(shape)]
    enough.sort(key=lambda shape: (-held[shape], *map(str, shape)))
    met: Counter[int] = Counter()
    found = []
    for shape in enough:
        families = (shape.version,) if shape.version else VERSIONS
        if all(met[family] < MOST_SHAPES for family in families):
            met.update(families)
            found.append(shape)
    return sorted(found, key=lambda shape: shape.ranged)


def _names_an_end(shape: Shape) -> bool:
    """Return whether the shape says more than a protocol."""
    return bool(shape.version or shape.source_port or shape.destination_port)


class _Places:
    """The indexes while they are filled, rule by rule in their order.

    Only the rules that are ``close`` to others need be held against each other's keys.
    """

    def __init__(self, order: Sequence[Shape], close_by: Collection[int]) -> None:
        self._close = close_by
        self.found: dict[Shape, dict[Key, int]] = {shape: {} for shape in order}
        self._left = TakenByAny()
        taken = {pair: TakenKeys(pair[1], pair[0]) for pair in pairs(order)}
        self._behind = {
            shape: [one for (earlier, _), one in taken.items() if earlier == shape] for shape in order
        }
        self._before = {
            shape: [one for (_, later), one in taken.items() if later == shape] for shape in order
        }

    def take(self, at: int, match: Match, keys: Keys) -> bool:
        """Give a rule its places; return whether it has some, else it is left."""
        if not keys or not self._have_room(keys) or (at in self._close and not self._apart(keys)):
            self._left.add(match)
            return False
        for shape, key in keys:
            self.found[shape].setdefault(key, at)
        if at in self._close:
            for shape, key in keys:
                for behind in self._before[shape]:
                    behind.add(shape, key)
        return True

    def _have_room(self, keys: Keys) -> bool:
        """Return whether there are indexes for the keys, and no rule that is left comes before."""
        for shape, key in keys:
            found = self.found.get(shape)
            if found is None or (shape.ranged and len(found) >= MOST_RANGES) or self._left.meets(shape, key):
                return False
        return True

    def _apart(self, keys: Keys) -> bool:
        """Return whether none of the keys shares a packet with one of an earlier rule that is tried later."""
        return not any(behind.meets(shape, key) for shape, key in keys for behind in self._behind[shape])
