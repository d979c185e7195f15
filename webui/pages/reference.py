# SPDX-License-Identifier: GPL-2.0-or-later
"""The reference of the REST interface: the router's own OpenAPI document, made readable without a script."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from flask import Blueprint, render_template

from webui import openapi
from webui.daemon import daemon

reference = Blueprint("reference", __name__, url_prefix="/reference")
Schema = dict[str, Any]


@dataclass(frozen=True)
class Field:
    """One parameter, or one key of a body or an answer."""

    name: str
    place: str
    kind: str
    required: bool
    description: str


@dataclass(frozen=True)
class Operation:
    """One call."""

    name: str
    method: str
    path: str
    summary: str
    role: str
    takes: list[Field] = field(default_factory=list)
    gives: list[Field] = field(default_factory=list)


@reference.get("")
def show() -> str:
    """Show every call with what it takes and gives."""
    document = openapi.document(daemon().table(), str(daemon().call("system.Status")["image_version"]))
    operations = sorted(listed(document), key=lambda one: (one.name.partition(".")[0], one.path, one.method))
    groups = [
        (tag, list(group)) for tag, group in groupby(operations, lambda one: one.name.partition(".")[0])
    ]
    return render_template("reference.html", groups=groups, base=openapi.BASE)


def listed(document: Schema) -> list[Operation]:
    """Return the operations of an OpenAPI document."""
    return [
        _operation(method, path, described, document)
        for path, methods in document["paths"].items()
        for method, described in methods.items()
    ]


def _operation(method: str, path: str, described: Schema, document: Schema) -> Operation:
    takes = [
        Field(
            one["name"], one["in"], kind(one["schema"]), bool(one.get("required")),
            str(one["schema"].get("description", "")),
        )
        for one in described.get("parameters", ())
    ]  # fmt: skip
    body = described.get("requestBody", {}).get("content", {}).get(openapi.JSON, {}).get("schema", {})
    answer = described["responses"]["200"]["content"].get(openapi.JSON, {}).get("schema", {})
    return Operation(
        described["operationId"], method.upper(), path, described["summary"], described["x-role"],
        takes + _fields(body, "body", document), _fields(answer, "answer", document),
    )  # fmt: skip


def _fields(schema: Schema, place: str, document: Schema) -> list[Field]:
    if reference := schema.get("$ref"):
        schema = document["components"]["schemas"][_last(reference)]
    required = schema.get("required", ())
    return [
        Field(name, place, kind(value), name in required, str(value.get("description", "")))
        for name, value in schema.get("properties", {}).items()
    ]


def kind(schema: Schema) -> str:
    """Return a schema's type in a few words: ``string``, ``list of Rule``, ``integer or nothing``."""
    if reference := schema.get("$ref"):
        return _last(reference)
    if options := schema.get("anyOf") or schema.get("oneOf"):
        return " or ".join(dict.fromkeys(kind(one) for one in options))
    if "enum" in schema:
        return ", ".join(str(one) for one in schema["enum"])
    if schema.get("type") == "array":
        return f"list of {kind(schema.get('items', {}))}"
    return {"null": "nothing", None: "anything"}.get(schema.get("type"), str(schema.get("type")))


def _last(reference: str) -> str:
    return reference.rpartition("/")[2].rpartition(".")[2]
