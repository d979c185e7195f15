# SPDX-License-Identifier: GPL-2.0-or-later
"""What an edit means for plain data: the yardstick that every spliced text is held against."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from patronus.core.edit import Insert, Remove, Replace
from patronus.core.errors import Conflict, InvalidRequest, NotFound

At = tuple[str, ...]


def position_of(items: list[Any], name: str) -> int | None:
    """Return where the item of this id stands; an item without keys is named by its written text."""
    for position, item in enumerate(items):
        if (item.get("id") if isinstance(item, dict) else str(item)) == name:
            return position
    return None


def value_at(data: Any, at: At) -> Any:
    """Return the value at the path. Raises NotFound."""
    for part in at:
        place: Any = position_of(data, part) if isinstance(data, list) else part
        present = place is not None if isinstance(data, list) else isinstance(data, dict) and place in data
        if not present:
            raise NotFound(f"there is no {'.'.join(at)}")
        data = data[place]
    return data


def edited(data: dict[str, Any], edit: Insert | Replace | Remove) -> dict[str, Any]:
    """Return the data after the edit; ``data`` stays. Raises NotFound, Conflict, InvalidRequest."""
    if isinstance(edit, Insert):
        result = _changed(data, edit.at, lambda items: _inserted(items, edit), edit)
    elif isinstance(edit, Replace):
        result = _changed(data, edit.at, lambda _old: edit.value, edit)
    else:
        result = _without(data, edit.at, edit)
    if not isinstance(result, dict):
        raise InvalidRequest(f"{edit.section} is a mapping and cannot become anything else")
    return result


def appended(data: dict[str, Any], section: str, at: At, values: list[Any]) -> dict[str, Any]:
    """Return the data after appending all values to one list. Raises NotFound, Conflict, InvalidRequest."""
    if not values:
        return data
    first = Insert(section, at, values[0])
    before = edited(data, first)
    items = value_at(before, at)
    taken = {item["id"] for item in items if isinstance(item, dict) and "id" in item}
    for value in values[1:]:
        name = value.get("id") if isinstance(value, dict) else None
        if name is not None and name in taken:
            raise Conflict(f"{_name(first)} already has an item {name}")
        taken.add(name)
    whole: dict[str, Any] = _changed(before, at, lambda _old: [*items, *values[1:]], first)
    return whole


def _inserted(items: Any, edit: Insert) -> list[Any]:
    if items is not None and not isinstance(items, list):
        raise InvalidRequest(f"{_name(edit)} is not a list")
    items = items or []
    name = edit.value.get("id") if isinstance(edit.value, dict) else None
    if name is not None and position_of(items, name) is not None:
        raise Conflict(f"{_name(edit)} already has an item {name}")
    place = len(items) if edit.index is None else min(max(edit.index, 0), len(items))
    return [*items[:place], edit.value, *items[place:]]


def _changed(data: Any, at: At, change: Callable[[Any], Any], edit: Insert | Replace) -> Any:
    if not at:
        return change(data)
    head, rest = at[0], at[1:]
    if isinstance(data, list):
        place = _place(data, head, edit)
        return [*data[:place], _changed(data[place], rest, change, edit), *data[place + 1 :]]
    if data is None or isinstance(data, dict):
        return {**(data or {}), head: _changed((data or {}).get(head), rest, change, edit)}
    raise NotFound(f"there is no {_name(edit)}")


def _without(data: Any, at: At, edit: Remove) -> Any:
    if not at:
        return {}
    head, rest = at[0], at[1:]
    if isinstance(data, list):
        place = _place(data, head, edit)
        kept = [_without(data[place], rest, edit)] if rest else []
        return [*data[:place], *kept, *data[place + 1 :]]
    if isinstance(data, dict) and head in data:
        if rest:
            return {**data, head: _without(data[head], rest, edit)}
        return {key: value for key, value in data.items() if key != head}
    raise NotFound(f"there is no {_name(edit)}")


def _place(items: list[Any], name: str, edit: Insert | Replace | Remove) -> int:
    place = position_of(items, name)
    if place is None:
        raise NotFound(f"there is no {_name(edit)}")
    return place


def _name(edit: Insert | Replace | Remove) -> str:
    return f"{edit.section}: {'.'.join(edit.at)}" if edit.at else edit.section
