# SPDX-License-Identifier: GPL-2.0-or-later
"""What was made of an item is made again only for another item, or when something else has changed."""

from __future__ import annotations

from patronus.core.kept import Kept


def test_only_new_items_are_made() -> None:
    made: list[str] = []

    def make(item: list[str]) -> str:
        made.append(item[0])
        return item[0].upper()

    kept: Kept[list[str], str] = Kept()
    one, two, three = ["a"], ["b"], ["c"]
    assert kept.each([one, two], "x", make) == ["A", "B"]
    assert kept.each([three, two, two], "x", make) == ["C", "B", "B"]
    assert made == ["a", "b", "c"]
    assert kept.each([two], "y", make) == ["B"]
    assert made == ["a", "b", "c", "b"], "all that it depends on beside the item has changed"


def test_an_equal_item_is_another_one() -> None:
    """Two items that are equal now may stand for different places; only the very same is known."""
    kept: Kept[list[str], int] = Kept()
    first, second = ["a"], ["a"]
    assert kept.each([first], None, id) != kept.each([second], None, id)
