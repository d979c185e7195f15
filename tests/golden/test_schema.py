# SPDX-License-Identifier: GPL-2.0-or-later
"""Every field of every file is described for a person and an editor, and what is published is up to date."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import pytest
from pydantic import BaseModel, TypeAdapter
from pydantic.fields import FieldInfo

from patronus.core.json_schema import file_schema
from patronus.core.shape import nested
from patronus.daemon.schema_files import write_schemas
from tests.golden.schema import FOLDER, sections

ITSELF = ("enum", "const", "$ref", "minimum", "pattern", "properties")
"""What says without an example how a value looks."""


def all_models() -> list[type[BaseModel]]:
    return list(dict.fromkeys(model for section in sections() for model in nested(section.model)))


def all_fields() -> Iterator[tuple[str, FieldInfo]]:
    for model in all_models():
        for name, info in model.model_fields.items():
            yield f"{model.__module__}.{model.__name__}.{name}", info


def test_every_model_and_every_field_has_a_description() -> None:
    names = [name for name, info in all_fields() if not (info.description or "").strip()]
    assert names == []
    assert [model.__name__ for model in all_models() if not model.__doc__] == []
    assert len(list(all_fields())) > 100


def shows_itself(schema: dict[str, Any]) -> bool:
    """Return whether the schema says how the value looks: by type, range, choice or example."""
    if (
        schema.get("examples")
        or schema.get("type") in ("boolean", "null")
        or any(key in schema for key in ITSELF)
    ):
        return True
    inner = [*schema.get("anyOf", ()), *schema.get("oneOf", ())]
    inner += [one for key in ("items", "additionalProperties") if isinstance(one := schema.get(key), dict)]
    return bool(inner) and all(shows_itself(one) for one in inner)


def test_every_field_shows_how_it_is_written() -> None:
    dumb = []
    for section in sections():
        schema = file_schema(section)
        for where in (schema, *schema.get("$defs", {}).values()):
            for name, field in where.get("properties", {}).items():
                if not shows_itself(field):
                    dumb.append((section.path, where.get("title"), name))
    assert dumb == []


@pytest.mark.parametrize(("name", "info"), [pytest.param(*pair, id=pair[0]) for pair in all_fields()])
def test_its_examples_are_taken_and_fit_their_pattern(name: str, info: FieldInfo) -> None:
    adapter: TypeAdapter[Any] = TypeAdapter(Annotated[info.annotation, info])
    schema = adapter.json_schema()
    for one in (schema, *schema.get("anyOf", ())):
        for example in one.get("examples", ()):
            adapter.validate_python(example)
            if "pattern" in one:
                assert re.search(one["pattern"], example)


def test_what_is_published_is_what_the_models_say(tmp_path: Path) -> None:
    """Run ``make schema`` where this fails, and look at the difference."""
    write_schemas(tmp_path, {section.path: file_schema(section) for section in sections()})
    fresh = {str(path.relative_to(tmp_path)): path.read_text() for path in tmp_path.rglob("*.json")}
    kept = {str(path.relative_to(FOLDER)): path.read_text() for path in FOLDER.rglob("*.json")}
    assert fresh == kept


def schema_of(path: str) -> dict[str, Any]:
    return next(file_schema(section) for section in sections() if section.path == path)


def test_an_item_may_come_without_its_id() -> None:
    rules = schema_of("firewall/rules")
    assert rules["$defs"]["Rule"]["required"] == ["action"]
    burst = rules["$defs"]["Limit"]["properties"]["burst"]["description"]
    assert burst == "matches beyond that at once\nDefault: 5."
    assert schema_of("network/dhcp")["$defs"]["Pool"]["properties"]["lease_time"]["default"] == "12h"
    port = rules["$defs"]["Rule"]["properties"]["destination_port"]
    assert "Written as a port, a range" in port["description"]
    assert "x-written" not in str(rules)
