# SPDX-License-Identifier: GPL-2.0-or-later
"""What a value's JSON Schema says of it: how it is written, its unit, an example, a pattern.

``x-written`` and ``x-unit`` are ours; the published schemas turn them into words of the field's description.
A pattern is never stricter than the parser, so that an editor refuses nothing that the router takes.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

from pydantic import GetJsonSchemaHandler
from pydantic_core import CoreSchema

WRITTEN, UNIT = "x-written", "x-unit"


@dataclass(frozen=True)
class Shape:
    """The JSON Schema of a value, for use in ``Annotated``.

    Gives a copy away each time: pydantic writes the default of one field into it, and the next would show it.
    """

    schema: dict[str, Any]

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return copy.deepcopy(self.schema)

    def __hash__(self) -> int:
        return id(self)


def text(
    written: str, *examples: str, unit: str | None = None, pattern: str | None = None, **more: Any
) -> Shape:
    """Return the schema of a value that is written as text; ``pattern`` is anchored here."""
    schema: dict[str, Any] = {"type": "string", WRITTEN: written, "examples": list(examples), **more}
    if unit is not None:
        schema[UNIT] = unit
    if pattern is not None:
        schema["pattern"] = rf"^\s*({pattern})\s*$"
    return Shape(schema)


def number(least: int, most: int, written: str, example: int) -> Shape:
    """Return the schema of a whole number."""
    schema = {"type": "integer", "minimum": least, "maximum": most, WRITTEN: written, "examples": [example]}
    return Shape(schema)


def number_or_text(
    least: int, most: int, written: str, *examples: int | str, pattern: str | None = None
) -> Shape:
    """Return the schema of a whole number that may also be written in words or digits."""
    words: dict[str, Any] = {"type": "string"}
    if pattern is not None:
        words["pattern"] = rf"^\s*({pattern})\s*$"
    whole = {"type": "integer", "minimum": least, "maximum": most}
    return Shape({"anyOf": [whole, words], WRITTEN: written, "examples": list(examples)})
