# SPDX-License-Identifier: GPL-2.0-or-later
"""What differs between two configurations is told item by item, whatever of it is the very same object."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field

from patronus.core.changes import differences, said
from patronus.core.model import Configuration, Strict

NAMES = "abcdefgh"


class Item(Strict):
    """An item of a list."""

    id: str = Field(description="its name")
    value: int = Field(default=0, description="what it holds")


class Things(Strict):
    """A section."""

    items: tuple[Item, ...] = Field(default=(), description="the items")
    words: tuple[str, ...] = Field(default=(), description="words without ids")


KNOWN = {(name, value): Item(id=name, value=value) for name in NAMES for value in range(2)}
ITEMS = st.lists(
    st.tuples(st.sampled_from(NAMES), st.integers(0, 1)), max_size=8, unique_by=lambda item: item[0]
)
WORDS = st.lists(st.sampled_from(NAMES), max_size=4)


def configuration(items: Sequence[tuple[str, int]], words: Sequence[str], *, same: bool) -> Configuration:
    """Return a configuration; ``same``: items that are equal in two of them are the same object."""
    made = tuple(KNOWN[item] if same else Item(id=item[0], value=item[1]) for item in items)
    return Configuration({"things": Things(items=made, words=tuple(words))})


@given(ITEMS, ITEMS, WORDS, WORDS)
def test_items_that_are_the_very_same_change_nothing_of_what_is_said(
    old: list[tuple[str, int]], new: list[tuple[str, int]], some: list[str], others: list[str]
) -> None:
    apart = differences(configuration(old, some, same=False), configuration(new, others, same=False))
    together = differences(configuration(old, some, same=True), configuration(new, others, same=True))
    assert [change.as_data() for change in together] == [change.as_data() for change in apart]


def test_one_changed_item_among_others_is_all_that_is_said() -> None:
    old, new = [(name, 0) for name in NAMES], [(name, int(name == "d")) for name in NAMES]
    found = differences(configuration(old, (), same=True), configuration(new, (), same=True))
    assert said(found) == ("things: items d.value: 0 -> 1",)


def test_an_item_that_moves_is_told_with_the_whole_order() -> None:
    old = [(name, 0) for name in "abcd"]
    new = [(name, 0) for name in "acbd"]
    (found,) = differences(configuration(old, (), same=True), configuration(new, (), same=True))
    assert (found.kind, found.old, found.new) == ("reordered", list("abcd"), list("acbd"))
