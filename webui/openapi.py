# SPDX-License-Identifier: GPL-2.0-or-later
"""OpenAPI 3.1 of the REST interface, derived from the same table that serves it. Pure."""

from __future__ import annotations

from typing import Any

from patronus.core.role import Role
from webui import paging
from webui.preconditions import IF_MATCH, must_match
from webui.problem_details import MEDIA_TYPE
from webui.routes import Route, RouteTable

BASE = "/api/v1"
EVENTS = "/events"
"""The stream of events; no verb, since it answers without an end."""
JSON = "application/json"
PROBLEM_RESPONSE = "#/components/responses/Problem"

Schema = dict[str, Any]


def document(table: RouteTable, version: str) -> Schema:
    """Return the OpenAPI document of all routes."""
    schemas: Schema = {"Problem": _problem_schema()}
    paths: dict[str, Schema] = {}
    for route in sorted(table.routes, key=lambda route: (route.path, route.method)):
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, table, schemas)
    paths[EVENTS] = {"get": _events()}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Patronus", "version": version, "license": {"name": "GPL-2.0-or-later"}},
        "servers": [{"url": BASE}],
        "security": [{"bearer": []}],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "responses": {
                "Problem": _answer("What went wrong", {"$ref": "#/components/schemas/Problem"}, MEDIA_TYPE)
            },
            "headers": {
                "ETag": _header("the configuration behind the answer, for If-Match"),
                "Link": _header("the next part of the list (RFC 8288), where there is one"),
            },
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
        },
    }


def _operation(route: Route, table: RouteTable, schemas: Schema) -> Schema:
    verb = route.verb
    result = _hoist(verb["result"], schemas, str(verb["name"]))
    done = {**_answer("Done", result, JSON), "headers": _headers(route)}
    operation: Schema = {
        "operationId": verb["name"],
        "summary": verb["summary"],
        "tags": [str(verb["name"]).partition(".")[0]],
        "x-role": verb["role"],
        "responses": {"200": done, "default": {"$ref": PROBLEM_RESPONSE}},
    }
    if links := _links(route, table):
        done["links"] = links
    if route.role is Role.NONE:
        operation["security"] = []
    parameters = _hoist(verb["parameters"], schemas, str(verb["name"]))
    outside = [
        name for name in parameters.get("properties", {}) if name in route.path_names or route.method == "GET"
    ]
    placed = [_parameter(route, name, parameters) for name in outside] + _ours(route)
    if placed:
        operation["parameters"] = placed
    if body := _body(parameters, outside):
        operation["requestBody"] = {
            "required": bool(body.get("required")),
            "content": {JSON: {"schema": body}},
        }
    return operation


def _ours(route: Route) -> list[Schema]:
    """Return the parameters that are HTTP's, not the verb's: parts of a list, what a change is based on."""
    if route.listed is not None:
        return [
            {"name": name, "in": "query", "required": False, "schema": schema}
            for name, schema in paging.PARAMETERS.items()
        ]
    if not route.verb["changes"]:
        return []
    schema = {"type": "string", "pattern": IF_MATCH, "examples": ['"g12"', "*"]}
    needed = must_match(route)
    return [{"name": "If-Match", "in": "header", "required": needed, "schema": schema}]


def _headers(route: Route) -> Schema:
    headers = {} if route.role is Role.NONE else {"ETag": {"$ref": "#/components/headers/ETag"}}
    return {**headers, "Link": {"$ref": "#/components/headers/Link"}} if route.listed else headers


def _links(route: Route, table: RouteTable) -> Schema:
    """Return what can be done next with the item that a POST made: the routes below it, by its name."""
    if route.method != "POST" or route.path_names:
        return {}
    found: Schema = {}
    for other in table.routes:
        if len(other.path_names) != 1 or not other.path.startswith(f"{route.path}/{{"):
            continue
        name = other.path_names[0]
        if name in route.verb["result"].get("properties", {}):
            source = f"$response.body#/{name}"
        elif name in route.properties:
            source = f"$request.body#/{name}"
        else:
            continue
        operation = str(other.verb["name"])
        found[operation] = {"operationId": operation, "parameters": {name: source}}
    return found


def _events() -> Schema:
    last = {"type": "string", "pattern": "^[0-9a-f]{1,32}-[0-9]{1,15}$", "examples": ["5f0c1a2b-17"]}
    return {
        "operationId": "system.Events",
        "summary": "Stream the events as they happen (server-sent events); go on after the last one seen.",
        "tags": ["system"],
        "x-role": "viewer",
        "parameters": [
            {"name": "Last-Event-ID", "in": "header", "required": False, "schema": last},
            {"name": "last", "in": "query", "required": False, "schema": last},
        ],
        "responses": {
            "200": _answer("Events, until the stream is closed", {"type": "string"}, "text/event-stream"),
            "default": {"$ref": PROBLEM_RESPONSE},
        },
    }


def _header(description: str) -> Schema:
    return {"description": description, "schema": {"type": "string"}}


def _parameter(route: Route, name: str, parameters: Schema) -> Schema:
    in_path = name in route.path_names
    return {
        "name": name,
        "in": "path" if in_path else "query",
        "required": in_path or name in parameters.get("required", ()),
        "schema": parameters["properties"][name],
    }


def _body(parameters: Schema, outside: list[str]) -> Schema | None:
    properties = {
        name: value for name, value in parameters.get("properties", {}).items() if name not in outside
    }
    if not properties:
        return None
    required = [name for name in parameters.get("required", ()) if name in properties]
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def _hoist(schema: Schema, schemas: Schema, verb: str) -> Schema:
    """Return the schema with its definitions moved to the components, whose names stay unique."""
    definitions = schema.get("$defs", {})
    names = {name: name for name in definitions}
    moved = {name: _renamed(value, names) for name, value in definitions.items()}
    if any(schemas.get(name, value) != value for name, value in moved.items()):
        names = {name: f"{verb}.{name}" for name in definitions}
        moved = {names[name]: _renamed(value, names) for name, value in definitions.items()}
    schemas.update(moved)
    whole: Schema = _renamed({key: value for key, value in schema.items() if key != "$defs"}, names)
    return whole


def _renamed(value: Any, names: dict[str, str]) -> Any:
    if isinstance(value, list):
        return [_renamed(item, names) for item in value]
    if not isinstance(value, dict):
        if isinstance(value, str) and value.startswith("#/$defs/"):
            return "#/components/schemas/" + names[value.removeprefix("#/$defs/")]
        return value
    return {key: _renamed(item, names) for key, item in value.items()}


def _answer(description: str, schema: Schema, media_type: str) -> Schema:
    return {"description": description, "content": {media_type: {"schema": schema}}}


def _problem_schema() -> Schema:
    """Return problem details (RFC 9457), with what our errors add."""
    text = {"type": "string"}
    always: Schema = {
        "type": {
            "type": "string",
            "format": "uri",
            "description": "urn:patronus:error: and the error's name",
        },
        "title": text,
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "detail": text,
    }
    at_times = {
        "problems": {
            "type": "array",
            "items": {"type": "object"},
            "description": "of InvalidConfiguration: all",
        },
        "retry_after_s": {"type": "number", "description": "of TooManyRequests"},
    }
    return {"type": "object", "properties": {**always, **at_times}, "required": list(always)}
