# SPDX-License-Identifier: GPL-2.0-or-later
"""What was made of the items of a long list, kept for those that are the same the next time.

An item is the same if it is the same object: a reload keeps the models of items whose text did not change.
Items never change, so what a pure function makes of one stays true as long as its other arguments are equal.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from operator import is_
from typing import Any, Generic, TypeVar

Item = TypeVar("Item")
Made = TypeVar("Made")


class Kept(Generic[Item, Made]):
    """The results for the items of the last call. One caller at a time."""

    def __init__(self) -> None:
        self._context: Any = None
        # The items are kept too: so no other object can get the number of one of them.
        self._items: Sequence[Item] = ()
        self._made: Sequence[Made] = ()

    def each(self, items: Iterable[Item], context: Any, make: Callable[[Item], Made]) -> list[Made]:
        """Return ``make(item)`` for each; ``context`` is all that ``make`` depends on beside the item."""
        wanted = tuple(items)
        old, done = (self._items, self._made) if context == self._context else ((), ())
        head, tail = same_ends(old, wanted)
        left, right = len(old) - tail, len(wanted) - tail
        known = dict(zip(map(id, old), done, strict=True)) if head < right else {}
        middle: list[Made] = []
        for item in wanted[head:right]:
            number = id(item)
            if number not in known:
                known[number] = make(item)
            middle.append(known[number])
        made = [*done[:head], *middle, *done[left:]]
        self._items, self._made, self._context = wanted, made, context
        return made


def same_ends(left: Sequence[object], right: Sequence[object]) -> tuple[int, int]:
    """Return how many items are the very same from the beginning on, and of the rest up to the end."""
    head = _same(left, right)
    return head, _same(left[head:][::-1], right[head:][::-1])


def _same(left: Sequence[object], right: Sequence[object]) -> int:
    """Return how many items are the same from the beginning on."""
    return next((at for at, same in enumerate(map(is_, left, right)) if not same), min(len(left), len(right)))
