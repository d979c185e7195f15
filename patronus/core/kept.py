# SPDX-License-Identifier: GPL-2.0-or-later
"""What was made of the items of a long list, kept for those that are the same the next time.

An item is the same if it is the same object: a reload keeps the models of items whose text did not change.
Items never change, so what a pure function makes of one stays true as long as its other arguments are equal.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Generic, TypeVar

Item = TypeVar("Item")
Made = TypeVar("Made")


class Kept(Generic[Item, Made]):
    """The results for the items of the last call. One caller at a time."""

    def __init__(self) -> None:
        self._context: Any = None
        self._made: dict[int, tuple[Item, Made]] = {}

    def each(self, items: Iterable[Item], context: Any, make: Callable[[Item], Made]) -> list[Made]:
        """Return ``make(item)`` for each; ``context`` is all that ``make`` depends on beside the item."""
        before = self._made if context == self._context else {}
        made: dict[int, tuple[Item, Made]] = {}
        found: list[Made] = []
        for item in items:
            known = before.get(id(item))
            # The item that is kept keeps its number from being given to another.
            if known is None:
                known = (item, make(item))
            made[id(item)] = known
            found.append(known[1])
        self._made, self._context = made, context
        return found
