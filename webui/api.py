# SPDX-License-Identifier: GPL-2.0-or-later
"""REST below /api/v1: every verb that has a route, called as it is described."""

from __future__ import annotations

import re
from typing import Any

from flask import Blueprint, Response, jsonify, request

from patronus.core.errors import Conflict, InvalidRequest, PatronusError
from webui import body, openapi
from webui.daemon import daemon
from webui.problem_details import MEDIA_TYPE, PreconditionFailed, details, headers_of, status_of
from webui.routes import Route

api = Blueprint("api", __name__, url_prefix=openapi.BASE)

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
_TAG = re.compile(r'"g([0-9]{1,18})"')


@api.get("/openapi.json")
def describe() -> Response:
    """Return the OpenAPI document."""
    version = str(daemon().call("system.Status").get("image_version", "0"))
    return jsonify(openapi.document(daemon().table(), version))


@api.route("/", defaults={"path": ""}, methods=METHODS, provide_automatic_options=False)
@api.route("/<path:path>", methods=METHODS, provide_automatic_options=False)
def call(path: str) -> Response:
    """Call the verb of a route."""
    route, parameters = daemon().table().match(request.method, f"/{path}")
    parameters = _gather(route, parameters)
    try:
        result = daemon().call(str(route.verb["name"]), parameters)
    except Conflict as conflict:
        if request.if_match:
            raise PreconditionFailed(str(conflict), conflict.clashes) from conflict
        raise
    response = jsonify(result)
    if isinstance(generation := result.get("generation"), int):
        response.headers["ETag"] = f'"g{generation}"'
    return response


def _gather(route: Route, in_path: dict[str, Any]) -> dict[str, Any]:
    if repeated := [name for name, values in request.args.lists() if len(values) > 1]:
        raise InvalidRequest(f"given twice: {', '.join(repeated)}")
    query = route.read_text(request.args.to_dict())
    content = _body() if route.method != "GET" else {}
    base = _base(route)
    parts = (in_path, query, content, base)
    names = [name for part in parts for name in part]
    if twice := {name for name in names if names.count(name) > 1}:
        raise InvalidRequest(f"given twice: {', '.join(sorted(twice))}")
    if unknown := set(names) - set(route.properties):
        raise InvalidRequest(f"{route.verb['name']} has no parameter {', '.join(sorted(unknown))}")
    return in_path | query | content | base


def _body() -> dict[str, Any]:
    data = request.get_data()
    if data and request.mimetype != "application/json":
        raise InvalidRequest("the body's content type is application/json")
    return body.parse_object(data)


def _base(route: Route) -> dict[str, Any]:
    header = request.headers.get("If-Match")
    if header is None or header.strip() == "*" or "base" not in route.properties:
        return {}
    found = _TAG.fullmatch(header.strip())
    if found is None:
        raise InvalidRequest('If-Match names a generation: "g12"')
    return {"base": int(found[1])}


def problem(error: PatronusError) -> Response:
    """Return an error of the tree as problem details."""
    response = jsonify(details(error))
    response.status_code = int(status_of(error))
    response.mimetype = MEDIA_TYPE
    response.headers.update(headers_of(error))
    return response
