# SPDX-License-Identifier: GPL-2.0-or-later
"""Edits of TOML text through tomlkit, which keeps comments and layout."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tomlkit
from tomlkit.exceptions import TOMLKitError

from patronus.core.edit import Insert, Remove, Replace
from patronus.core.errors import InvalidRequest, NotFound
from patronus.core.problem import Path
from patronus.core.splice.data import position_of


def edit_text(text: str, edit: Insert | Replace | Remove) -> str:
    """Return the text after the edit. Raises InvalidRequest, NotFound."""
    try:
        document: Any = tomlkit.parse(text)
        if isinstance(edit, Insert):
            _insert(document, edit)
        elif isinstance(edit, Replace):
            _replace(document, edit.at, edit.value)
        else:
            _remove(document, edit.at)
        return tomlkit.dumps(document)
    except TOMLKitError as error:
        raise InvalidRequest(f"{edit.section} cannot be edited in place: {error}") from error


def give_ids(text: str, ids: Mapping[Path, str]) -> str:
    """Return the text with an id in each of the tables named by path."""
    document: Any = tomlkit.parse(text)
    for path, name in ids.items():
        table: Any = document
        for part in path:
            table = table[part]
        table["id"] = name
    return tomlkit.dumps(document)


def _item(value: Any) -> Any:
    if value is None:
        raise InvalidRequest("TOML has no empty value; leave the key out")
    if isinstance(value, dict):
        table = tomlkit.table()
        for key, inner in value.items():
            table.append(key, _inline(inner))
        return table
    if isinstance(value, list) and value and all(isinstance(item, dict) for item in value):
        tables = tomlkit.aot()
        for item in value:
            tables.append(_item(item))
        return tables
    return _inline(value)


def _inline(value: Any) -> Any:
    """Return a value for the right side of ``key =``."""
    if value is None:
        raise InvalidRequest("TOML has no empty value; leave the key out")
    if isinstance(value, dict):
        table = tomlkit.inline_table()
        for key, inner in value.items():
            table.append(key, _inline(inner))
        return table
    if isinstance(value, list):
        array = tomlkit.array()
        for item in value:
            array.append(_inline(item))
        return array
    return tomlkit.item(value)


def _walk(container: Any, at: tuple[str, ...], *, create: bool) -> Any:
    for part in at:
        if isinstance(container, list):
            place = position_of(container, part)
            if place is None:
                raise NotFound(f"there is no {'.'.join(at)}")
            container = container[place]
            continue
        if part not in container:
            if not create:
                raise NotFound(f"there is no {'.'.join(at)}")
            container.append(part, tomlkit.table())
        container = container[part]
    return container


def _insert(document: Any, edit: Insert) -> None:
    parent = _walk(document, edit.at[:-1], create=True)
    name = edit.at[-1]
    if name not in parent or not parent[name]:
        parent.pop(name, None)
        parent.append(name, _item([edit.value]))
        return
    items = parent[name]
    value = _item(edit.value) if isinstance(items, tomlkit.items.AoT) else _inline(edit.value)
    items.insert(len(items) if edit.index is None else min(max(edit.index, 0), len(items)), value)


def _replace(document: Any, at: tuple[str, ...], value: Any) -> None:
    target: Any = _find(document, at)
    if isinstance(target, dict) and isinstance(value, dict):
        _merge(target, value)
        return
    parent, name = _walk(document, at[:-1], create=True), at[-1]
    if isinstance(parent, list):
        parent[position_of(parent, name) or 0] = _inline(value)
    elif name in parent and not isinstance(target, dict | tomlkit.items.AoT):
        parent[name] = _inline(value)
    else:
        parent.pop(name, None)
        parent.append(name, _item(value))


def _find(document: Any, at: tuple[str, ...]) -> Any:
    try:
        return _walk(document, at, create=False)
    except NotFound:
        return None


def _merge(table: Any, value: dict[str, Any]) -> None:
    for key in [key for key in table if key not in value]:
        table.remove(key)
    for key, inner in value.items():
        if key not in table:
            table.append(key, _item(inner) if _is_table(table) else _inline(inner))
        elif isinstance(table[key], dict) and isinstance(inner, dict):
            _merge(table[key], inner)
        elif table[key] != inner:
            table[key] = _inline(inner)


def _is_table(container: Any) -> bool:
    return not isinstance(container, tomlkit.items.InlineTable)


def _remove(document: Any, at: tuple[str, ...]) -> None:
    parent, name = _walk(document, at[:-1], create=False), at[-1]
    if isinstance(parent, list):
        place = position_of(parent, name)
        if place is None:
            raise NotFound(f"there is no {'.'.join(at)}")
        del parent[place]
    elif name in parent:
        parent.remove(name)
    else:
        raise NotFound(f"there is no {'.'.join(at)}")
