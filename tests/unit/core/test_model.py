# SPDX-License-Identifier: GPL-2.0-or-later
"""Models share what they can without telling anything that was not given."""

from __future__ import annotations

import copy
import sys

import pytest
from pydantic import ValidationError

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


class Wide(Strict):
    """As many fields as a rule has."""

    id: str = "a"
    f1: int = 1
    f2: int = 2
    f3: int = 3
    f4: int = 4
    f5: int = 5
    f6: int = 6
    f7: int = 7
    f8: int = 8
    f9: int = 9
    f10: int = 10
    f11: int = 11


def test_a_model_s_values_lie_beside_keys_that_its_class_has_once() -> None:
    """A mapping of its own takes more; nothing of the model is another."""
    wide = Wide(id="b", f3=33)
    assert sys.getsizeof(vars(wide)) < sys.getsizeof(dict(vars(wide)))
    assert wide == Wide(id="b", f3=33) != Wide(id="b")
    assert hash(wide) == hash(Wide(id="b", f3=33))
    assert as_data(wide) == {"id": "b", "f3": 33}
    assert as_data(copy.deepcopy(wide)) == as_data(wide.model_copy()) == as_data(wide)
    assert list(vars(wide)) == list(Wide.model_fields)
    with pytest.raises(ValidationError, match="frozen"):
        wide.f1 = 2  # type: ignore[misc]
