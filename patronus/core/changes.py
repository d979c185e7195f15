# SPDX-License-Identifier: GPL-2.0-or-later
"""What differs between two configurations: item by item, as data and in words, and as a diff of the files."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from pydantic import BaseModel

from patronus.core.kept import same_ends
from patronus.core.model import Configuration, as_data
from patronus.core.redaction import MASK, is_secret, redact
from patronus.core.shape import fields
from patronus.core.values.refusal import shown

SAID = 50
"""Changes that are said one by one; more are counted."""
Kind = Literal["added", "removed", "changed", "reordered"]


@dataclass(frozen=True)
class Change:
    """One difference. ``name`` is its place in words, ``rules r-7f3a.action``; items are named by id.

    ``old`` and ``new`` are values of the models, None where there is nothing.
    """

    section: str
    name: str
    kind: Kind
    old: Any = None
    new: Any = None

    def __str__(self) -> str:
        if self.kind == "changed" and self._is_secret():
            return f"{self.section}: {self.name} changed"
        if self.kind == "changed":
            old, new = shown(_plain(self.old)), shown(_plain(self.new))
            return f"{self.section}: {self.name}: {old} -> {new}"
        return f"{self.section}: {self.name} {self.kind}"

    def as_data(self) -> dict[str, Any]:
        """Return the change as JSON-ready data, with its words as ``text``."""
        return {
            "section": self.section, "name": self.name, "kind": self.kind, "old": _plain(self.old),
            "new": _plain(self.new), "text": str(self),
        }  # fmt: skip

    def as_record(self) -> dict[str, Any]:
        """Return what may be written down of the change: path, before and after, short, without secrets."""
        where = {"path": f"{self.section} {self.name}"}
        if self.kind == "reordered":
            return {**where, "said": self.kind}
        before, after = (MASK if self._is_secret() else redact(_plain(one)) for one in (self.old, self.new))
        return {**where, "before": before, "after": after}

    def _is_secret(self) -> bool:
        return is_secret(self.name.rpartition(".")[2]) and self.kind == "changed"


def differences(old: Configuration, new: Configuration) -> list[Change]:
    """Return what changed, section by section."""
    found: list[Change] = []
    for path, model in new.sections.items():
        before = old.sections.get(path) or type(model)()
        if before != model:
            found += _between(path, before, model, "")
    return found


def said(found: Sequence[Change]) -> tuple[str, ...]:
    """Return changes in words: ``firewall/rules: rules r-7f3a added``."""
    words = tuple(str(change) for change in found[:SAID])
    return words if len(found) <= SAID else (*words, f"and {len(found) - SAID} more")


def recorded(found: Sequence[Change]) -> list[dict[str, Any]]:
    """Return changes as they stand in the audit log."""
    records = [change.as_record() for change in found[:SAID]]
    return records if len(found) <= SAID else [*records, {"path": f"and {len(found) - SAID} more"}]


def _between(section: str, old: Any, new: Any, name: str) -> Iterator[Change]:
    if isinstance(old, BaseModel) and isinstance(new, BaseModel) and type(old) is type(new):
        for key, info in fields(type(new)).items():
            attribute = next(one for one, field in type(new).model_fields.items() if field is info)
            before, after = getattr(old, attribute), getattr(new, attribute)
            if before != after:
                yield from _between(section, before, after, f"{name}.{key}" if name else key)
    elif isinstance(old, list | tuple) and isinstance(new, list | tuple):
        yield from _in_list(section, old, new, name)
    else:
        yield Change(section, name, "changed", old, new)


def _in_list(section: str, old: Sequence[Any], new: Sequence[Any], name: str) -> Iterator[Change]:
    """Yield what changed in a list; the items that are the very same at its ends are not looked at."""
    head, tail = same_ends(old, new)
    left, right = old[head : len(old) - tail], new[head : len(new) - tail]
    if not (_have_ids(left) and _have_ids(right) and (left or right)):
        yield Change(section, name, "changed", old, new)
        return
    for change in _items(section, left, right, name):
        whole = change.kind == "reordered"
        yield replace(change, old=_ids(old), new=_ids(new)) if whole else change


def _have_ids(items: Sequence[Any]) -> bool:
    return None not in [getattr(item, "id", None) for item in items]


def _ids(items: Sequence[Any]) -> list[str]:
    return list(dict.fromkeys(item.id for item in items))


def _items(section: str, old: Sequence[Any], new: Sequence[Any], name: str) -> Iterator[Change]:
    before, after = {item.id: item for item in old}, {item.id: item for item in new}
    for key, item in before.items():
        if key not in after:
            yield Change(section, f"{name} {key}", "removed", old=item)
    for key, item in after.items():
        if key not in before:
            yield Change(section, f"{name} {key}", "added", new=item)
        elif before[key] is not item and before[key] != item:
            yield from _between(section, before[key], item, f"{name} {key}")
    kept = [key for key in before if key in after]
    if kept != [key for key in after if key in before]:
        yield Change(section, name, "reordered", list(before), list(after))


def _plain(value: Any) -> Any:
    """Return a value of a model as a user would write it."""
    if isinstance(value, BaseModel):
        return as_data(value)
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(item) for item in value]
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    return value if isinstance(value, str | int | float | bool | None) else str(value)


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
