# SPDX-License-Identifier: GPL-2.0-or-later
"""What a model expects at a path: walks pydantic's annotations beside data that may not fit them."""

from __future__ import annotations

import types
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, TypeAdapter
from pydantic.fields import FieldInfo

from patronus.core.problem import Path


def alternatives(annotation: Any) -> Iterator[Any]:
    """Yield the branches of a union, without ``Annotated`` and None."""
    origin = get_origin(annotation)
    if origin is Annotated:
        yield from alternatives(get_args(annotation)[0])
    elif origin is Union or origin is types.UnionType:
        for branch in get_args(annotation):
            yield from alternatives(branch)
    elif annotation is not type(None):
        yield annotation


def models(annotation: Any) -> list[type[BaseModel]]:
    """Return the models among the branches."""
    return [one for one in alternatives(annotation) if isinstance(one, type) and issubclass(one, BaseModel)]


def members(annotation: Any, *, mapping: bool) -> list[Any]:
    """Return what the lists (or the mappings) among the branches hold."""
    found = []
    for one in alternatives(annotation):
        origin, arguments = get_origin(one), get_args(one)
        if not isinstance(origin, type) or not arguments:
            continue
        if mapping and issubclass(origin, dict):
            found.append(arguments[1])
        elif not mapping and issubclass(origin, list | tuple | set | frozenset | Sequence):
            found.append(arguments[0])
    return found


def nested(model: type[BaseModel]) -> list[type[BaseModel]]:
    """Return the model and all that its fields hold, each once."""
    found: dict[type[BaseModel], None] = {}
    todo: list[Any] = [model]
    while todo:
        annotation = todo.pop()
        todo += members(annotation, mapping=False) + members(annotation, mapping=True)
        for one in models(annotation):
            if one not in found:
                found[one] = None
                todo += [info.annotation for info in one.model_fields.values()]
    return list(found)


@cache
def fields(model: type[BaseModel]) -> dict[str, FieldInfo]:
    """Return the fields by the key that a file uses."""
    return {info.alias or name: info for name, info in model.model_fields.items()}


def expected(annotations: Iterable[Any], part: str | int) -> list[Any]:
    """Return the annotations one step deeper."""
    found: list[Any] = []
    for annotation in annotations:
        if isinstance(part, int):
            found += members(annotation, mapping=False)
            continue
        found += members(annotation, mapping=True)
        found += [fields(model)[part].annotation for model in models(annotation) if part in fields(model)]
    return found


def items_at(model: type[BaseModel], at: Sequence[str]) -> list[type[BaseModel]]:
    """Return the models that items of the list at ``at`` may have; list items on the way are named by id."""
    annotations: list[Any] = [model]
    for part in at:
        annotations = expected(annotations, part) or expected(annotations, 0)
    inner = [member for annotation in annotations for member in members(annotation, mapping=False)]
    return [one for member in inner for one in models(member)]


def keys_at(model: type[BaseModel], path: Path) -> list[str]:
    """Return the keys that the mapping at ``path``, without the section, may have."""
    annotations: list[Any] = [model]
    for part in path:
        annotations = expected(annotations, part)
    return sorted({key for annotation in annotations for one in models(annotation) for key in fields(one)})


@dataclass(frozen=True)
class PlainList:
    """A field ``attribute`` that is a list and nothing more: ``items`` validates several of its items."""

    attribute: str
    items: TypeAdapter[list[Any]]


@cache
def plain_list(model: type[BaseModel], key: str) -> PlainList | None:
    """Return the list under a key of the model; None where more is asked of it than of its items.

    Then items that changed can be validated without those that did not.
    """
    decorators = model.__pydantic_decorators__
    if decorators.model_validators or decorators.field_validators or decorators.root_validators:
        return None
    for attribute, info in model.model_fields.items():
        if (info.alias or attribute) == key and get_origin(info.annotation) is tuple and not info.metadata:
            arguments = get_args(info.annotation)
            if len(arguments) == 2 and arguments[1] is Ellipsis:
                return PlainList(attribute, TypeAdapter(list[arguments[0]]))  # type: ignore[valid-type]
    return None
