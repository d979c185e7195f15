# SPDX-License-Identifier: GPL-2.0-or-later
"""Two changes of one file from one base: brought together item by item, or told apart exactly."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patronus.core.merge import arranged, clashes, deltas, merging
from patronus.core.splice.data import edited

BASE: dict[str, Any] = {
    "default": "drop",
    "rules": [
        {"id": "a", "port": 1},
        {"id": "b", "port": 2},
        {"id": "c", "port": 3, "for": {"x": 1, "y": 2}},
    ],
}
BACKWARD = {**BASE, "rules": BASE["rules"][::-1]}
LAST_FIRST = {**BASE, "rules": [*BASE["rules"][1:], BASE["rules"][0]]}


def changed(**rules: Any) -> dict[str, Any]:
    """Return the base with some rules otherwise; None takes one away."""
    items = [{**item, **(rules.get(item["id"]) or {})} for item in BASE["rules"]]
    return {**BASE, "rules": [item for item in items if rules.get(item["id"], 1) is not None]}


def merged(mine: dict[str, Any], theirs: dict[str, Any]) -> dict[str, Any]:
    assert clashes(BASE, mine, theirs) == []
    data = theirs
    for edit in merging("s", BASE, mine, theirs):
        data = edited(data, edit)  # type: ignore[arg-type]
    return data


def ids(data: dict[str, Any]) -> list[str]:
    return [item["id"] for item in data["rules"]]


def test_changes_of_different_items_and_keys_come_together() -> None:
    mine = changed(a={"port": 10}, c={"for": {"x": 7, "y": 2}})
    theirs = {**changed(b=None, c={"for": {"x": 1, "y": 8}}), "default": "reject"}
    assert merged(mine, theirs) == {
        "default": "reject",
        "rules": [{"id": "a", "port": 10}, {"id": "c", "port": 3, "for": {"x": 7, "y": 8}}],
    }


@pytest.mark.parametrize(
    ("mine", "theirs", "at"),
    [
        (changed(a={"port": 10}), changed(a={"port": 11}), ("rules", "a", "port")),
        (changed(a={"port": 10}), changed(a=None), ("rules", "a", "port")),
        (changed(a=None), changed(a={"port": 10}), ("rules", "a")),
        ({**BASE, "default": "x"}, {**BASE, "default": "y"}, ("default",)),
        (BACKWARD, LAST_FIRST, ("rules",)),
        (changed(a={"port": 9}), {"default": "drop", "rules": ["odd"]}, ("rules", "a", "port")),
    ],
)
def test_what_touches_is_named(mine: dict[str, Any], theirs: dict[str, Any], at: tuple[str, ...]) -> None:
    assert [delta.at for delta in clashes(BASE, mine, theirs)] == [at]


def test_the_same_change_on_both_sides_is_no_clash_and_no_work() -> None:
    mine = changed(a={"port": 10}, b=None)
    assert clashes(BASE, mine, mine) == [] and merging("s", BASE, mine, mine) == []


def test_new_items_keep_their_places_and_a_move_meets_an_addition() -> None:
    new, other = {"id": "n", "port": 0}, {"id": "o", "port": 0}
    mine = {**BASE, "rules": [new, *BASE["rules"]]}
    theirs = {**BASE, "rules": [*BASE["rules"], other]}
    assert ids(merged(mine, theirs)) == ["n", "a", "b", "c", "o"]
    assert ids(merged(theirs, mine)) == ["n", "a", "b", "c", "o"]
    moved = {**BASE, "rules": BASE["rules"][::-1]}
    assert ids(merged(moved, theirs)) == ["c", "b", "a", "o"]
    assert ids(merged(theirs, moved)) == ["c", "b", "a", "o"]


def test_two_first_items_of_a_list_that_was_not_there_both_arrive() -> None:
    mine, theirs = {"rules": [{"id": "m"}]}, {"rules": [{"id": "t"}]}
    assert clashes({}, mine, theirs) == []
    data: dict[str, Any] = theirs
    for edit in merging("s", {}, mine, theirs):
        data = edited(data, edit)  # type: ignore[arg-type]
    assert ids(data) == ["t", "m"]


def test_a_change_of_very_many_items_is_few_edits() -> None:
    mine = {**BASE, "rules": [*BASE["rules"], *({"id": f"n{number}"} for number in range(500))]}
    theirs = changed(a={"port": 9})
    edits = merging("s", BASE, mine, theirs)
    assert len(edits) == 1 and len(merged(mine, theirs)["rules"]) == 503
    assert merged(mine, theirs)["rules"][0]["port"] == 9


ITEMS = st.lists(st.sampled_from("abcdefgh"), unique=True)


@given(base=ITEMS, mine=ITEMS, theirs=ITEMS)
def test_an_item_is_in_the_merged_order_once_and_only_if_nobody_took_it_away(
    base: list[str], mine: list[str], theirs: list[str]
) -> None:
    order = arranged(base, mine, theirs)
    gone = {name for name in base if name not in mine or name not in theirs}
    assert len(order) == len(set(order)) and set(order) == (set(mine) | set(theirs)) - gone
    assert arranged(base, base, theirs) == theirs
    assert arranged(base, mine, base) == mine


VALUES = st.recursive(
    st.integers(0, 3), lambda inner: st.dictionaries(st.sampled_from("xyz"), inner, max_size=3), max_leaves=6
)
FILES = st.fixed_dictionaries(
    {},
    optional={
        "one": VALUES,
        "rules": st.lists(st.sampled_from("abcd"), unique=True).flatmap(
            lambda names: st.tuples(
                *(st.fixed_dictionaries({"id": st.just(name), "v": VALUES}) for name in names)
            ).map(list)
        ),
    },
)


@given(base=FILES, mine=FILES, theirs=FILES)
def test_a_merge_that_does_not_clash_holds_all_that_both_sides_changed(
    base: dict[str, Any], mine: dict[str, Any], theirs: dict[str, Any]
) -> None:
    if clashes(base, mine, theirs):
        return
    data = theirs
    for edit in merging("s", base, mine, theirs):
        data = edited(data, edit)  # type: ignore[arg-type]
    wanted = {(delta.kind, delta.at) for side in (mine, theirs) for delta in deltas(base, side)}
    found = {(delta.kind, delta.at) for delta in deltas(base, data)}
    assert {one for one in wanted if one[0] != "order"} == {one for one in found if one[0] != "order"}
