# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from webui.file_fields import fields_of, kind_of

SCHEMAS = Path(__file__).parents[3] / "docs" / "schema"
FOREST: dict[str, Any] = {
    "properties": {
        "trees": {"type": "array", "items": {"$ref": "#/$defs/Tree"}, "description": "what grows"},
        "open": {"type": "boolean"},
    },
    "required": ["trees"],
    "$defs": {
        "Tree": {
            "type": "object",
            "properties": {
                "kind": {"enum": ["oak", "ash", "elm"]},
                "age": {"anyOf": [{"type": "integer"}, {"type": "string"}, {"type": "null"}]},
                "below": {"type": "array", "items": {"$ref": "#/$defs/Tree"}},
                "owners": {"type": "object", "additionalProperties": {"$ref": "#/$defs/Owner"}},
            },
        },
        "Owner": {"type": "object", "properties": {"name": {"const": "crown"}}, "required": ["name"]},
    },
}


def test_fields_stand_before_what_they_hold_and_no_object_is_opened_within_itself() -> None:
    assert [(field.path, field.kind, field.required, field.depth) for field in fields_of(FOREST)] == [
        ("trees[]", "list of fields", True, 0),
        ("trees[].kind", "oak, ash or elm", False, 1),
        ("trees[].age", "number or text", False, 1),
        ("trees[].below[]", "list of fields", False, 1),
        ("trees[].owners", "fields", False, 1),
        ("trees[].owners.name", "crown", True, 2),
        ("open", "true or false", False, 0),
    ]
    first, second = fields_of(FOREST)[:2]
    assert (first.name, first.words, second.name, second.words) == ("trees[]", "what grows", "kind", "")


def test_what_no_schema_says_is_a_value() -> None:
    assert (kind_of({}, {}), kind_of({"$ref": "#/$defs/Lost"}, {})) == ("value", "value")


@pytest.mark.parametrize(
    "path", sorted(SCHEMAS.rglob("*.json")), ids=lambda path: str(path.relative_to(SCHEMAS))
)
def test_every_field_of_every_file_has_words_and_a_kind(path: Path) -> None:
    fields = fields_of(json.loads(path.read_text()))
    assert fields
    assert [field.path for field in fields if not field.words or field.kind == "value"] == []
