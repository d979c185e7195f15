# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

from typing import Any

import pytest

from patronus.core.errors import InvalidRequest, NotFound
from webui.routes import MethodNotAllowed, RouteTable


def verb(name: str, route: str | None, role: str = "viewer", **properties: Any) -> dict[str, Any]:
    return {
        "name": name,
        "route": route,
        "role": role,
        "parameters": {"properties": properties},
        "result": {},
    }


OPTIONAL_NUMBER = {"anyOf": [{"type": "integer"}, {"type": "null"}]}
TABLE = RouteTable.of(
    [
        verb(
            "a.List",
            "GET /rules",
            all={"type": "boolean"},
            count={"anyOf": [{"type": "integer"}, {"type": "null"}]},
        ),
        verb("a.Put", "PUT /rules/{id}", id={"type": "string"}),
        verb("a.Move", "POST /rules/{id}/move", id={"type": "string"}),
        verb("a.Unblock", "DELETE /blocks/{prefix}", prefix={"type": "string"}),
        verb("a.Number", "GET /numbers/{n}", n={"type": "integer"}),
        verb("a.Special", "GET /numbers/all", "none"),
        verb("a.Hidden", None),
    ]
)


@pytest.mark.parametrize(
    ("method", "path", "name", "given"),
    [
        ("GET", "/rules", "a.List", {}),
        ("HEAD", "/rules", "a.List", {}),
        ("PUT", "/rules/r-1", "a.Put", {"id": "r-1"}),
        ("POST", "/rules/r-1/move", "a.Move", {"id": "r-1"}),
        ("DELETE", "/blocks/203.0.113.0/24", "a.Unblock", {"prefix": "203.0.113.0/24"}),
        ("GET", "/numbers/7", "a.Number", {"n": 7}),
        ("GET", "/numbers/all", "a.Special", {}),
    ],
)
def test_a_request_finds_its_verb(method: str, path: str, name: str, given: dict[str, Any]) -> None:
    route, found = TABLE.match(method, path)
    assert (route.verb["name"], found) == (name, given)


def test_what_is_not_there_is_not_found_or_not_allowed() -> None:
    for path in ("/", "/rule", "/rules/", "/blocks/"):
        with pytest.raises(NotFound):
            TABLE.match("GET", path)
    with pytest.raises(MethodNotAllowed) as refused:
        TABLE.match("DELETE", "/rules")
    assert refused.value.allowed == ["GET"]


def test_only_a_verb_without_role_is_open() -> None:
    assert TABLE.is_open("GET", "/numbers/all")
    for method, path in (("GET", "/numbers/7"), ("POST", "/numbers/all"), ("GET", "/rules"), ("GET", "/x")):
        assert not TABLE.is_open(method, path)


@pytest.mark.parametrize(
    ("text", "value"),
    [({"all": "true"}, {"all": True}), ({"all": "0"}, {"all": False}), ({"count": "12"}, {"count": 12})],
)
def test_text_becomes_what_the_verb_wants(text: dict[str, str], value: dict[str, Any]) -> None:
    assert TABLE.match("GET", "/rules")[0].read_text(text) == value


REFUSED = [{"all": "maybe"}, {"all": ""}, {"count": "1.5"}, {"count": "x"}, {"count": "9" * 30}]


@pytest.mark.parametrize("text", REFUSED)
def test_text_that_is_something_else_is_refused(text: dict[str, str]) -> None:
    with pytest.raises(InvalidRequest):
        TABLE.match("GET", "/rules")[0].read_text(text)
