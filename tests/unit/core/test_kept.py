# SPDX-License-Identifier: GPL-2.0-or-later
"""What was made of an item is made again only for another item, or when something else has changed."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from patronus.core.kept import Kept

NUMBERS = [[number] for number in range(8)]


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


@given(st.lists(st.lists(st.sampled_from(range(8))), min_size=2, max_size=4))
def test_whatever_comes_goes_or_moves_each_has_its_own_and_what_was_there_is_not_made_again(
    lists: list[list[int]],
) -> None:
    kept: Kept[list[int], int] = Kept()
    made: list[int] = []

    def make(item: list[int]) -> int:
        made.append(item[0])
        return 10 * item[0]

    for before, now in zip([[], *lists], lists, strict=False):
        made.clear()
        assert kept.each([NUMBERS[number] for number in now], None, make) == [10 * number for number in now]
        assert sorted(made) == sorted(set(now) - set(before))
