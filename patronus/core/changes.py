# SPDX-License-Identifier: GPL-2.0-or-later
"""What differs between two configurations: in words, item by item, and as a unified diff of the files."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic import BaseModel

from patronus.core.model import Configuration, as_data
from patronus.core.shape import fields
from patronus.core.values.refusal import shown

SAID = 50
"""Changes that are said one by one; more are counted."""


def changes(old: Configuration, new: Configuration) -> tuple[str, ...]:
    """Return what changed: ``firewall/rules: rules r-7f3a added``."""
    said: list[str] = []
    for path, model in new.sections.items():
        before = old.sections.get(path) or type(model)()
        if before != model:
            said += [f"{path}: {change}" for change in _between(before, model, "")]
    return tuple(said) if len(said) <= SAID else (*said[:SAID], f"and {len(said) - SAID} more")


def _between(old: Any, new: Any, name: str) -> Iterator[str]:
    if isinstance(old, BaseModel) and isinstance(new, BaseModel) and type(old) is type(new):
        for key, info in fields(type(new)).items():
            attribute = next(one for one, field in type(new).model_fields.items() if field is info)
            before, after = getattr(old, attribute), getattr(new, attribute)
            if before != after:
                yield from _between(before, after, f"{name}.{key}" if name else key)
    elif _have_ids(old) and _have_ids(new) and (old or new):
        yield from _items(old, new, name)
    else:
        yield f"{name}: {_word(old)} -> {_word(new)}"


def _have_ids(items: Any) -> bool:
    return isinstance(items, list | tuple) and all(getattr(item, "id", None) is not None for item in items)


def _items(old: Sequence[Any], new: Sequence[Any], name: str) -> Iterator[str]:
    before, after = {item.id: item for item in old}, {item.id: item for item in new}
    for key in before:
        if key not in after:
            yield f"{name} {key} removed"
    for key, item in after.items():
        if key not in before:
            yield f"{name} {key} added"
        elif before[key] != item:
            yield from _between(before[key], item, f"{name} {key}")
    kept = [key for key in before if key in after]
    if kept != [key for key in after if key in before]:
        yield f"{name} reordered"


def _word(value: Any) -> str:
    return shown(as_data(value) if isinstance(value, BaseModel) else value)


def text_diff(before: Mapping[str, str], after: Mapping[str, str], old: str = "a/", new: str = "b/") -> str:
    """Return the unified diff of two trees, file → text."""
    pieces: list[str] = []
    for name in sorted(before.keys() | after.keys()):
        lines = difflib.unified_diff(
            before.get(name, "").splitlines(keepends=True),
            after.get(name, "").splitlines(keepends=True),
            f"{old}{name}" if name in before else "/dev/null",
            f"{new}{name}" if name in after else "/dev/null",
        )
        pieces += [
            line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines
        ]
    return "".join(pieces)
