# SPDX-License-Identifier: GPL-2.0-or-later
"""REST below /api/v1: every verb that has a route, called as it is described."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, jsonify, request

from patronus.core.errors import Conflict, InvalidRequest, PatronusError
from patronus.core.role import Role
from webui import body, openapi, paging, preconditions
from webui.daemon import daemon
from webui.problem_details import (
    MEDIA_TYPE,
    PreconditionFailed,
    UnsupportedMediaType,
    details,
    headers_of,
    status_of,
)
from webui.routes import Route

api = Blueprint("api", __name__, url_prefix=openapi.BASE)

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


@api.get("/openapi.json")
def describe() -> Response:
    """Return the OpenAPI document."""
    version = str(daemon().call("system.Status").get("image_version", "0"))
    return jsonify(openapi.document(daemon().table(), version))


@api.route("/", defaults={"path": ""}, methods=METHODS, provide_automatic_options=False)
@api.route("/<path:path>", methods=METHODS, provide_automatic_options=False)
def call(path: str) -> Response:
    """Call the verb of a route."""
    route, in_path = daemon().table().match(request.method, f"/{path}")
    query = _query()
    part = paging.take(route, query)
    parameters = _gather(route, in_path, route.read_text(query))
    generation = None if route.role is Role.NONE else _running(route, parameters)
    try:
        result = daemon().call(str(route.verb["name"]), parameters)
    except Conflict as conflict:
        if request.if_match:
            raise PreconditionFailed(str(conflict), conflict.clashes) from conflict
        raise
    return _answer(route, result, part, query, generation)


def _running(route: Route, parameters: dict[str, Any]) -> int | None:
    """Return the generation that a GET shows; None for a change. Raises where If-Match is not met.

    It is asked for before the call: what changes in between makes the tag too old, never too new.
    """
    accepted = None
    if route.verb["changes"]:
        accepted = preconditions.wanted(route, request.headers.get("If-Match"))
        if accepted is None:
            return None
    generation = int(daemon().call("system.Generation")["generation"])
    if accepted is not None:
        preconditions.check(accepted, generation)
        if "base" in route.properties:
            parameters.setdefault("base", generation)
    return generation


def _answer(
    route: Route, result: dict[str, Any], part: paging.Part, query: dict[str, str], generation: int | None
) -> Response:
    cursor = None
    if route.listed is not None:
        items, cursor = paging.cut(result[route.listed], part)
        result = {**result, route.listed: items}
    response = jsonify(result)
    if cursor is not None:
        response.headers["Link"] = paging.link(request.path, query, part, cursor)
    if route.verb["changes"]:
        found = result.get("generation")
        generation = found if isinstance(found, int) else None
    if generation is not None:
        response.headers["ETag"] = preconditions.tag(generation)
    return response


def _query() -> dict[str, str]:
    if repeated := [name for name, values in request.args.lists() if len(values) > 1]:
        raise InvalidRequest(f"given twice: {', '.join(repeated)}")
    return request.args.to_dict()


def _gather(route: Route, in_path: dict[str, Any], query: dict[str, Any]) -> dict[str, Any]:
    content = _body() if route.method != "GET" else {}
    parts = (in_path, query, content)
    names = [name for part in parts for name in part]
    if twice := {name for name in names if names.count(name) > 1}:
        raise InvalidRequest(f"given twice: {', '.join(sorted(twice))}")
    if unknown := set(names) - set(route.properties):
        raise InvalidRequest(f"{route.verb['name']} has no parameter {', '.join(sorted(unknown))}")
    return in_path | query | content


def _body() -> dict[str, Any]:
    data = request.get_data()
    if data and request.mimetype != "application/json":
        raise UnsupportedMediaType("the body's content type is application/json")
    return body.parse_object(data)


def problem(error: PatronusError, status: int | None = None) -> Response:
    """Return an error of the tree as problem details; ``status`` where HTTP has a nearer one."""
    response = jsonify(details(error, status))
    response.status_code = int(status_of(error)) if status is None else status
    response.mimetype = MEDIA_TYPE
    response.headers.update(headers_of(error))
    return response
