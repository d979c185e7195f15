# SPDX-License-Identifier: GPL-2.0-or-later
"""Models share what they can without telling anything that was not given."""

from __future__ import annotations

from patronus.core.model import Strict, as_data


class Item(Strict):
    one: int = 1
    two: int = 2


class Other(Strict):
    one: int = 1


def test_items_that_were_given_the_same_keys_share_them() -> None:
    assert Item(one=5).model_fields_set is Item(one=6).model_fields_set
    assert [as_data(item) for item in (Item(one=5), Item(two=5), Item(), Other(one=1))] == [
        {"one": 5}, {"two": 5}, {}, {"one": 1},
    ]  # fmt: skip


def test_a_copy_that_is_given_more_leaves_the_others_alone() -> None:
    item = Item(one=5)
    changed = item.model_copy(update={"two": 7})
    assert as_data(changed) == {"one": 5, "two": 7}
    assert [as_data(one) for one in (item, Item(one=8))] == [{"one": 5}, {"one": 8}]
