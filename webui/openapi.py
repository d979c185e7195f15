# SPDX-License-Identifier: GPL-2.0-or-later
"""OpenAPI 3.1 of the REST interface, derived from the same table that serves it. Pure."""

from __future__ import annotations

from typing import Any

from patronus.core.verb import Role
from webui.problem_details import MEDIA_TYPE
from webui.routes import Route, RouteTable

BASE = "/api/v1"
JSON = "application/json"
PROBLEM_RESPONSE = "#/components/responses/Problem"

Schema = dict[str, Any]


def document(table: RouteTable, version: str) -> Schema:
    """Return the OpenAPI document of all routes."""
    schemas: Schema = {"Problem": _problem_schema()}
    paths: dict[str, Schema] = {}
    for route in sorted(table.routes, key=lambda route: (route.path, route.method)):
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, schemas)
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
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
        },
    }


def _operation(route: Route, schemas: Schema) -> Schema:
    verb = route.verb
    result = _hoist(verb["result"], schemas, str(verb["name"]))
    operation: Schema = {
        "operationId": verb["name"],
        "summary": verb["summary"],
        "tags": [str(verb["name"]).partition(".")[0]],
        "responses": {"200": _answer("Done", result, JSON), "default": {"$ref": PROBLEM_RESPONSE}},
    }
    if route.role is Role.NONE:
        operation["security"] = []
    parameters = _hoist(verb["parameters"], schemas, str(verb["name"]))
    outside = [
        name for name in parameters.get("properties", {}) if name in route.path_names or route.method == "GET"
    ]
    if outside:
        operation["parameters"] = [_parameter(route, name, parameters) for name in outside]
    if body := _body(parameters, outside):
        operation["requestBody"] = {
            "required": bool(body.get("required")),
            "content": {JSON: {"schema": body}},
        }
    return operation


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
    text = {"type": "string"}
    properties = {"type": text, "title": text, "status": {"type": "integer"}, "detail": text}
    return {"type": "object", "properties": properties, "required": list(properties)}
