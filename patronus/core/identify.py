# SPDX-License-Identifier: GPL-2.0-or-later
"""Stable ids for list items: which items lack one, and which share one.

An item gets an id if its model has a field ``id``. Ids are unique within their list; merging, counters,
audit and explanations name items by them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

from pydantic import BaseModel

from patronus.core.problem import Path
from patronus.core.shape import fields, members, models

RandomHex = Callable[[int], str]
"""Returns so many random hexadecimal digits."""
DIGITS = 4
MORE_DIGITS = 12
TRIES = 8
"""Draws of a short id before a long one is taken, in a list that has used up most of the short ones."""


def lists_with_ids(model: type[BaseModel], data: Any) -> Iterator[tuple[Path, list[Any]]]:
    """Yield path and items of each list in ``data`` whose items carry ids, outer lists first."""
    yield from _below(model, data, ())


def _below(annotation: Any, data: Any, path: Path) -> Iterator[tuple[Path, list[Any]]]:
    if isinstance(data, dict):
        for model in models(annotation):
            for key in _keys_to_follow(model):
                if key in data:
                    yield from _below(fields(model)[key].annotation, data[key], (*path, key))
    elif isinstance(data, list):
        items = [model for member in members(annotation, mapping=False) for model in models(member)]
        if any("id" in fields(model) for model in items):
            yield path, data
        if any(_keys_to_follow(model) for model in items):
            for position, item in enumerate(data):
                for model in items:
                    yield from _below(model, item, (*path, position))


@cache
def _keys_to_follow(model: type[BaseModel]) -> tuple[str, ...]:
    return tuple(
        key for key, info in fields(model).items() if _holds_ids(info.annotation, frozenset({model}))
    )


def _holds_ids(annotation: Any, seen: frozenset[type[BaseModel]]) -> bool:
    items = [model for member in members(annotation, mapping=False) for model in models(member)]
    if any("id" in fields(model) for model in items):
        return True
    inner = [model for model in (*items, *models(annotation)) if model not in seen]
    return any(
        _holds_ids(info.annotation, seen | {model}) for model in inner for info in fields(model).values()
    )


def new_id(list_name: str, taken: set[str], random_hex: RandomHex) -> str:
    """Return an id that is not taken, ``r-7f3a`` for a list named ``rules``, and take it."""
    prefix = next((char for char in list_name.lower() if "a" <= char <= "z"), "i")
    tries = 0
    while (candidate := f"{prefix}-{random_hex(DIGITS if tries < TRIES else MORE_DIGITS)}") in taken:
        tries += 1
    taken.add(candidate)
    return candidate


def ids_of(items: list[Any]) -> set[str]:
    """Return the ids in a list."""
    return {str(item["id"]) for item in items if isinstance(item, dict) and item.get("id") is not None}


def give_ids(model: type[BaseModel], data: dict[str, Any], random_hex: RandomHex) -> dict[Path, str]:
    """Put an id into each item of ``data`` that lacks one; return path of the item → id."""
    given: dict[Path, str] = {}
    for path, items in lists_with_ids(model, data):
        lacking = [at for at, item in enumerate(items) if isinstance(item, dict) and item.get("id") is None]
        taken = ids_of(items) if lacking else set()
        for position in lacking:
            given[(*path, position)] = items[position]["id"] = new_id(str(path[-1]), taken, random_hex)
    return given


def lacks_ids(model: type[BaseModel], data: dict[str, Any]) -> bool:
    """Return whether an item lacks its id."""
    return any(
        isinstance(item, dict) and item.get("id") is None
        for _, items in lists_with_ids(model, data)
        for item in items
    )


def repeated_ids(model: type[BaseModel], data: dict[str, Any]) -> Iterator[tuple[Path, Path, str]]:
    """Yield (path of the second, path of the first, id) for ids that stand twice in one list."""
    for path, items in lists_with_ids(model, data):
        first: dict[str, int] = {}
        for position, item in enumerate(items):
            name = item.get("id") if isinstance(item, dict) else None
            if isinstance(name, str) and first.setdefault(name, position) != position:
                yield (*path, position, "id"), (*path, first[name], "id"), name
