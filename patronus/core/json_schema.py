# SPDX-License-Identifier: GPL-2.0-or-later
"""The JSON Schema of one file, as editors take it: every field with its words, unit and examples. Pure.

A model's own schema is for verbs. In a file an ``id`` may be missing: it is given when the file is loaded;
and how a value is written becomes part of the description that an editor shows.
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from patronus.core.model import Section
from patronus.core.shape import nested
from patronus.core.values.metadata import UNIT, WRITTEN

DIALECT = "https://json-schema.org/draft/2020-12/schema"
Schema = dict[str, Any]


def file_schema(section: Section) -> Schema:
    """Return the schema of the section's file (draft 2020-12)."""
    schema = section.model.model_json_schema(by_alias=True)
    defaults = {model.__name__: _defaults(model) for model in nested(section.model)}
    for part in (schema, *schema.get("$defs", {}).values()):
        _describe(part, defaults.get(part.get("title", ""), {}))
    words = {"$schema": DIALECT, "$id": f"urn:patronus:schema:{section.path}"}
    found = {**words, **schema, "title": f"{section.path}{section.default_suffix}"}
    plain: Schema = _without_ours(found)
    return plain


def _defaults(model: type[BaseModel]) -> dict[str, Any]:
    """Return the defaults as a person writes them: 12h, not 43200."""
    return model.model_construct().model_dump(mode="json", by_alias=True, warnings=False)


def _describe(schema: Schema, defaults: dict[str, Any]) -> None:
    """Give each field its words; let an item come without its id, which it is given when it is loaded."""
    for name, field in schema.get("properties", {}).items():
        _describe_field(field, defaults.get(name))
    required = [name for name in schema.pop("required", ()) if name != "id"]
    if required:
        schema["required"] = required


def _describe_field(field: Schema, default: Any) -> None:
    """Put how it is written into a field's description, and beside it the examples and the default."""
    parts = [str(field.get("description", ""))]
    if found := _find(field, WRITTEN):
        parts.append(f"Written as {found}.")
    if found := _find(field, UNIT):
        parts.append(f"In {found}.")
    if examples := _find(field, "examples"):
        field["examples"] = examples
    field.pop("title", None)
    field.pop("default", None)
    if default not in (None, [], {}) and not isinstance(default, dict):
        field["default"] = default
        parts.append(f"Default: {_shown(default)}.")
    field["description"] = "\n".join(part for part in parts if part)


def _find(schema: Schema, key: str) -> Any:
    """Return what the schema, or the branches and members of it that are no models, say under a key."""
    if key in schema:
        return schema[key]
    inner = [*schema.get("anyOf", ()), schema.get("items")]
    return next((found for one in inner if isinstance(one, dict) and (found := _find(one, key))), None)


def _shown(default: Any) -> str:
    if isinstance(default, bool):
        return str(default).lower()
    if isinstance(default, list):
        return ", ".join(_shown(item) for item in default)
    return str(default)


def _without_ours(value: Any) -> Any:
    """Return the schema without the keys that no other program knows."""
    if isinstance(value, list):
        return [_without_ours(item) for item in value]
    if isinstance(value, dict):
        return {key: _without_ours(item) for key, item in value.items() if key not in (WRITTEN, UNIT)}
    return value
