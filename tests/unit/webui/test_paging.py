# SPDX-License-Identifier: GPL-2.0-or-later
"""Lists in parts: whole, in order, each item once, whatever comes and goes meanwhile."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patronus.core.errors import InvalidRequest
from webui.paging import CURSOR, Part, cut, link, take
from webui.routes import Route

ITEMS = [{"id": f"r-{number}", "hits": number} for number in range(10)]


def route(result: dict[str, Any], method: str = "GET", **parameters: Any) -> Route:
    return Route(method, "/rules", {"result": result, "parameters": {"properties": parameters}})


LIST = {
    "properties": {"rules": {"type": "array", "items": {"$ref": "#/$defs/R"}}, "total": {"type": "integer"}}
}


def test_a_route_has_a_list_where_there_is_one() -> None:
    assert route(LIST).listed == "rules"
    assert route(LIST, "POST").listed is None
    assert route(LIST, limit={"type": "integer"}).listed is None
    others = {"names": {"type": "array", "items": {"type": "string"}}}
    assert route({"properties": {**others, **LIST["properties"]}}).listed == "rules"
    assert route({"properties": {**LIST["properties"], "more": LIST["properties"]["rules"]}}).listed is None
    assert route({"properties": {"names": {"type": "array", "items": {"type": "string"}}}}).listed is None


@given(st.integers(1, 12))
def test_the_parts_are_the_list(limit: int) -> None:
    found: list[Any] = []
    cursor: str | None = None
    for _ in range(20):
        part, cursor = cut(ITEMS, Part(limit, cursor))
        assert len(part) <= limit
        found += part
        if cursor is None:
            break
        assert re.fullmatch(CURSOR, cursor)
    assert found == ITEMS


def test_what_comes_and_goes_shifts_nothing() -> None:
    first, cursor = cut(ITEMS, Part(4))
    assert [one["id"] for one in first] == ["r-0", "r-1", "r-2", "r-3"]
    following = {"r-4", "r-5"}
    counted: list[dict[str, Any]] = [{**one, "hits": 99} for one in ITEMS]
    for now in (ITEMS, [{"id": "new"}, *counted], ITEMS[2:], counted):
        assert {one["id"] for one in cut(now, Part(2, cursor))[0]} == following
    without_the_last_seen = [one for one in ITEMS if one["id"] != "r-3"]
    assert cut(without_the_last_seen, Part(2, cursor))[0][0]["id"] == "r-4"
    assert cut([], Part(2, cursor)) == ([], None)


def test_items_of_one_name_are_told_apart_by_their_place() -> None:
    same = [{"address": "192.0.2.1", "pool": number} for number in range(6)]
    _, cursor = cut(same, Part(2))
    assert [one["pool"] for one in cut(same, Part(2, cursor))[0]] == [2, 3]


@pytest.mark.parametrize(
    "query", [{"limit": "0"}, {"limit": "1001"}, {"limit": "x"}, {"limit": "٣"}, {"cursor": "a"}]
)
def test_a_part_that_is_none_is_refused(query: dict[str, str]) -> None:
    with pytest.raises(InvalidRequest):
        take(route(LIST), query)


@pytest.mark.parametrize(
    "cursor", ["x", "bnVsbA==", "e30=", "W10=", "WyJhIiwgImIiXQ==", "W3RydWUsICJiIl0=", "=", "ü"]
)
def test_a_cursor_that_is_none_is_refused(cursor: str) -> None:
    with pytest.raises(InvalidRequest):
        cut(ITEMS, Part(2, cursor))


def test_the_link_keeps_what_else_was_asked() -> None:
    query = {"all": "true", "limit": "4", "cursor": "old"}
    part = take(route(LIST), query)
    assert query == {"all": "true"}
    assert (
        link("/api/v1/rules", query, part, "a=") == '</api/v1/rules?all=true&limit=4&cursor=a%3D>; rel="next"'
    )
