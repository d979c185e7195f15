# SPDX-License-Identifier: GPL-2.0-or-later
"""Two changes of one file, both made from the same base, brought together item by item. Pure.

A list whose items carry ids is compared by them, so that items may be added, removed and moved on both sides.
Two changes touch each other where both alter the same value, or one alters what the other takes away.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from patronus.core.edit import Edit, Insert, Remove, Replace
from patronus.core.splice.data import edited, position_of

At = tuple[str, ...]
Index = dict[At, list["Delta"]]
MANY = 50
"""Edits that are spliced one by one; past that, whole keys at the top of the file are replaced."""


@dataclass(frozen=True)
class Delta:
    """One difference of two files' data. The path of an order is that of its list."""

    kind: Literal["set", "gone", "order"]
    at: At
    value: Any = None

    def touches(self, other: Delta) -> bool:
        """Return whether both cannot hold, because they concern the same value in different ways."""
        if self == other:
            return False
        if "order" in (self.kind, other.kind):
            one, two = (self, other) if self.kind == "order" else (other, self)
            return two.at == one.at if two.kind == "order" else one.at[: len(two.at)] == two.at
        length = min(len(self.at), len(other.at))
        return self.at[:length] == other.at[:length]


def deltas(old: Any, new: Any, at: At = ()) -> Iterator[Delta]:
    """Yield how ``new`` differs from ``old``."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in [*old, *(key for key in new if key not in old)]:
            yield from _of_key(old, new, key, at)
    elif _has_ids(old) and _has_ids(new):
        yield from _of_items(old or [], new or [], at)
    elif old != new:
        yield Delta("set", at, new)


def _of_key(old: Mapping[str, Any], new: Mapping[str, Any], key: str, at: At) -> Iterator[Delta]:
    before, after = old.get(key), new.get(key)
    if key in old and key in new:
        yield from deltas(before, after, (*at, key))
    elif _has_ids(before) and _has_ids(after) and (before or after):
        yield from _of_items(before or [], after or [], (*at, key))
    else:
        yield Delta("set", (*at, key), after) if key in new else Delta("gone", (*at, key))


def _of_items(old: Sequence[Any], new: Sequence[Any], at: At) -> Iterator[Delta]:
    before, after = {item["id"]: item for item in old}, {item["id"]: item for item in new}
    for name, item in before.items():
        if name in after:
            yield from deltas(item, after[name], (*at, name))
        else:
            yield Delta("gone", (*at, name))
    yield from (Delta("set", (*at, name), item) for name, item in after.items() if name not in before)
    if _reordered(list(before), list(after)):
        yield Delta("order", at, tuple(after))


def _has_ids(items: Any) -> bool:
    """Return whether this is a list of items with ids, or nothing, which is the empty list."""
    if items is None:
        return True
    return isinstance(items, list) and all(
        isinstance(item, dict) and isinstance(item.get("id"), str) for item in items
    )


def _reordered(old: Sequence[str], new: Sequence[str]) -> bool:
    return [name for name in old if name in set(new)] != [name for name in new if name in set(old)]


def clashes(base: Any, mine: Any, theirs: Any) -> list[Delta]:
    """Return the deltas of ``mine`` that touch one of ``theirs``."""
    ours, others = list(deltas(base, mine)), list(deltas(base, theirs))
    if not ours or not others:
        return []
    exact: dict[At, list[Delta]] = {}
    within: dict[At, list[Delta]] = {}
    for other in others:
        exact.setdefault(other.at, []).append(other)
        for length in range(len(other.at) + 1):
            within.setdefault(other.at[:length], []).append(other)
    return [one for one in ours if any(one.touches(other) for other in _near(one, exact, within))]


def _near(one: Delta, exact: Index, within: Index) -> Iterator[Delta]:
    """Yield the deltas above, at and below a path."""
    for length in range(len(one.at)):
        yield from exact.get(one.at[:length], ())
    yield from within.get(one.at, ())


def merging(section: str, base: Any, mine: Any, theirs: Any) -> list[Edit]:
    """Return the edits that bring the changes of ``mine`` into ``theirs``; they must not clash."""
    have = set(_paths(deltas(base, theirs)))
    wanted = [delta for delta in deltas(base, mine) if (delta.kind, delta.at) not in have]
    lists = _lists(wanted, base, mine)
    edits: list[Edit] = []
    for at, (old, new) in lists.items():
        edits += _arranging(section, at, old, new, _at(theirs, at) or [])
    for delta in wanted:
        if delta.kind == "order" or (delta.at[:-1] in lists and _is_of_list(delta, lists[delta.at[:-1]])):
            continue
        if delta.kind == "set":
            edits.append(Replace(section, delta.at, delta.value))
        else:
            edits.append(Remove(section, delta.at))
    return edits if len(edits) <= MANY else _wholesale(section, theirs, edits)


def _paths(found: Iterator[Delta]) -> Iterator[tuple[str, At]]:
    return ((delta.kind, delta.at) for delta in found)


Lists = dict[At, tuple[list[Any], list[Any]]]


def _lists(found: Sequence[Delta], base: Any, mine: Any) -> Lists:
    """Return the lists whose items come, go or move: path → items before and after."""
    lists: Lists = {}
    for delta in found:
        at = delta.at if delta.kind == "order" else delta.at[:-1]
        old, new = _at(base, at) or [], _at(mine, at) or []
        if isinstance(old, list) and isinstance(new, list) and (old or new):
            lists[at] = (old, new)
    return lists


def _is_of_list(delta: Delta, sides: tuple[list[Any], list[Any]]) -> bool:
    return any(position_of(items, delta.at[-1]) is None for items in sides)


def _at(data: Any, at: At) -> Any:
    for part in at:
        if isinstance(data, list):
            place = position_of(data, part)
            data = None if place is None else data[place]
        else:
            data = data.get(part) if isinstance(data, Mapping) else None
    return data


def _arranging(section: str, at: At, old: list[Any], new: list[Any], theirs: list[Any]) -> Iterator[Edit]:
    """Yield the edits that remove, add and move items of one list."""
    before, after = [item["id"] for item in old], [item["id"] for item in new]
    order = arranged(before, after, [item["id"] for item in theirs])
    items = {item["id"]: item for item in new} | {item["id"]: item for item in theirs}
    there = [item["id"] for item in theirs]
    for name in [name for name in there if name not in set(order)]:
        there.remove(name)
        yield Remove(section, (*at, name))
    for place, name in enumerate(order):
        if place < len(there) and there[place] == name:
            continue
        if name in there:
            there.remove(name)
            yield Remove(section, (*at, name))
        yield Insert(section, at, items[name], None if place == len(there) else place)
        there.insert(place, name)


def arranged(base: Sequence[str], mine: Sequence[str], theirs: Sequence[str]) -> list[str]:
    """Return the merged order: that of the side which moved items, the other's new ones in their places."""
    first, second = (mine, theirs) if _reordered(base, mine) else (theirs, mine)
    known = set(base)
    gone = known - set(mine) | known - set(theirs)
    order = [name for name in first if name not in gone]
    there = set(order)
    before: dict[str | None, list[str]] = {}
    neighbour = None
    for name in reversed(second):
        if name in there:
            neighbour = name
        elif name not in known:
            before.setdefault(neighbour, []).insert(0, name)
    return [one for name in (*order, None) for one in (*before.get(name, ()), name) if one is not None]


def _wholesale(section: str, theirs: dict[str, Any], edits: Sequence[Edit]) -> list[Edit]:
    """Return the same change as few edits of whole keys."""
    data = theirs
    for edit in edits:
        assert isinstance(edit, Insert | Replace | Remove)
        data = edited(data, edit)
    kept = [Replace(section, (key,), value) for key, value in data.items() if theirs.get(key) != value]
    return [*kept, *(Remove(section, (key,)) for key in theirs if key not in data)]
