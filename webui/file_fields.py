# SPDX-License-Identifier: GPL-2.0-or-later
"""What a configuration file may hold, from its JSON Schema, as lines for a person. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

Schema = dict[str, Any]
DEEPEST = 5
"""Levels that are shown; what lies deeper is named by its field alone."""
KINDS = {"string": "text", "integer": "number", "number": "number", "boolean": "true or false"}


@dataclass(frozen=True)
class Field:
    """One line: ``path`` as ``rules[].from``, the ``kind`` of its value, and what the model says of it."""

    path: str
    kind: str
    words: str
    required: bool
    depth: int

    @property
    def name(self) -> str:
        """Return the last part of the path."""
        return self.path.rpartition(".")[2]


def fields_of(schema: Schema) -> list[Field]:
    """Return every field of the file, each before those that it holds."""
    return list(_fields(schema, schema.get("$defs", {}), "", 0, ()))


def _fields(
    schema: Schema, known: dict[str, Schema], prefix: str, depth: int, above: tuple[str, ...]
) -> Iterator[Field]:
    """Yield an object's fields; ``above`` names the objects that hold it, which are not opened again."""
    required = schema.get("required", ())
    for name, field in schema.get("properties", {}).items():
        kind = kind_of(field, known)
        path = f"{prefix}{name}{'[]' if kind.startswith('list of') else ''}"
        yield Field(path, kind, str(field.get("description", "")), name in required, depth)
        for inside in dict.fromkeys(_objects(field)):
            if inside not in above and depth + 1 < DEEPEST:
                yield from _fields(known.get(inside, {}), known, f"{path}.", depth + 1, (*above, inside))


def _objects(schema: Schema) -> Iterator[str]:
    """Yield the names of the objects that a value can be, or be a list of."""
    if "$ref" in schema:
        yield _name(schema)
    for inner in (*schema.get("anyOf", ()), *schema.get("oneOf", ()), schema.get("items")):
        if isinstance(inner, dict):
            yield from _objects(inner)
    if isinstance(values := schema.get("additionalProperties"), dict):
        yield from _objects(values)


def kind_of(schema: Schema, known: dict[str, Schema]) -> str:
    """Return what is written for a value, in words: ``list of text``, ``tcp, udp or icmp``."""
    if "$ref" in schema:
        return kind_of(known.get(_name(schema), {}), known)
    if branches := [*schema.get("anyOf", ()), *schema.get("oneOf", ())]:
        found = dict.fromkeys(kind_of(one, known) for one in branches if one.get("type") != "null")
        return " or ".join(found)
    if allowed := schema.get("enum", [schema["const"]] if "const" in schema else []):
        return _either([str(one) for one in allowed])
    if schema.get("type") == "array":
        return f"list of {kind_of(schema.get('items', {}), known)}"
    if schema.get("type") == "object" or "properties" in schema:
        return "fields"
    return KINDS.get(str(schema.get("type")), "value")


def _name(schema: Schema) -> str:
    return str(schema["$ref"]).rpartition("/")[2]


def _either(words: list[str]) -> str:
    return " or ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
