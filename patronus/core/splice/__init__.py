# SPDX-License-Identifier: GPL-2.0-or-later
"""Edits applied to configuration text: only the span of what changes is written, every other byte stays.

``edit_document`` and ``write_ids`` hold each result against the data that the edit means, so a text that
the splicer does not master is refused and never damaged. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from json import dumps
from typing import Any

from patronus.core.edit import Insert, Remove, Replace
from patronus.core.errors import InvalidRequest, NotFound
from patronus.core.problem import Path
from patronus.core.splice import toml
from patronus.core.splice.data import appended, edited, position_of, value_at
from patronus.core.splice.emit import mapping_lines, normal
from patronus.core.splice.spans import Overlap, Span, after_line, join
from patronus.core.splice.tree import Slot, Tree
from patronus.core.text import BYTE_ORDER_MARK, MARKED, Document, document_of
from patronus.core.text.node import Node

__all__ = ["edit_document", "insert_many", "value_at", "write_ids"]
Spliced = Insert | Replace | Remove


def edit_document(document: Document, edit: Spliced) -> str:
    """Return the document's text after one edit. Raises NotFound, Conflict, InvalidRequest."""
    edit = _prepared(document, edit)
    wanted = edited(document.data, edit)
    if document.suffix == ".toml":
        text = toml.edit_text(document.text, edit)
    else:
        text = _edit_tree(document, edit, wanted)
    return _verified(document, text, wanted)


def insert_many(document: Document, section: str, at: tuple[str, ...], values: list[Any]) -> str:
    """Return the text after appending several items to one list: one reading instead of many."""
    values = [normal(value) for value in values]
    wanted = appended(document.data, section, at, values)
    slot = None if document.suffix == ".toml" else _list_slot(document, at)
    if slot is None:
        text = document.text
        for value in values:
            text = edit_document(document_of(document.file, text), Insert(section, at, value))
        return text
    spans = _tree(document).insert(slot, None, values)
    return _verified(document, join(document.text, spans), wanted)


def write_ids(document: Document, ids: Mapping[Path, str]) -> str:
    """Return the text with ids written into the items named by path. Raises InvalidRequest."""
    wanted = deepcopy(document.data)
    for path, name in ids.items():
        _at_path(wanted, path)["id"] = name
    if document.suffix == ".toml":
        return _verified(document, toml.give_ids(document.text, ids), wanted)
    spans: list[Span] = []
    for path, name in ids.items():
        node = document.root
        for part in path:
            node = node.child(part) if node else None
        assert node is not None
        spans += _tree(document).give_id(node, name)
    return _verified(document, join(document.text, spans), wanted)


def _at_path(data: Any, path: Path) -> Any:
    for part in path:
        data = data[part]
    return data


def _prepared(document: Document, edit: Spliced) -> Spliced:
    """Make the value plain data; an item that is replaced without naming its id keeps it."""
    _refuse_change_of_id(document, edit)
    if isinstance(edit, Remove):
        return edit
    value = normal(edit.value)
    if isinstance(edit, Insert):
        return Insert(edit.section, edit.at, value, edit.index)
    if isinstance(value, dict) and "id" not in value and _names_an_item(document, edit.at):
        value = {"id": edit.at[-1], **value}
    return Replace(edit.section, edit.at, value)


def _refuse_change_of_id(document: Document, edit: Spliced) -> None:
    if isinstance(edit, Insert) or edit.at[-1:] != ("id",) or not _names_an_item(document, edit.at[:-1]):
        return
    if isinstance(edit, Remove) or edit.value != edit.at[-2]:
        raise InvalidRequest(f"the id of {'.'.join(edit.at[:-1])} never changes")


def _names_an_item(document: Document, at: tuple[str, ...]) -> bool:
    """Return whether the path ends in a list, so that its last part is an id."""
    try:
        return bool(at) and isinstance(value_at(document.data, at[:-1]), list)
    except NotFound:
        return False


def _tree(document: Document) -> Tree:
    return Tree(document.text, json=document.suffix == ".json")


def _list_slot(document: Document, at: tuple[str, ...]) -> Slot | None:
    try:
        slot = _find(document.root, at) if document.root and at else None
    except NotFound:
        return None
    return slot if slot and slot.node.items is not None else None


def _find(root: Node, at: tuple[str, ...]) -> Slot:
    """Return the slot that the path leads to. Raises NotFound."""
    slot = Slot(root, None, 0, root)
    for part in at:
        node = slot.node
        if node.entries is not None and part in node.entries:
            slot = Slot(node, part, 0, node.entries[part].node)
            continue
        place = position_of(node.data, part) if node.items is not None else None
        if node.items is None or place is None:
            raise NotFound(f"there is no {'.'.join(at)}")
        slot = Slot(node, None, place, node.items[place])
    return slot


def _edit_tree(document: Document, edit: Spliced, wanted: dict[str, Any]) -> str:
    """Try the smallest change first, and one level further out where that cannot be spliced."""
    root = document.root
    if root is None or not root.entries or not wanted:
        return _whole(document, wanted)
    for depth in range(len(edit.at), 0, -1):
        try:
            slot = _find(root, edit.at[:depth])
            spans = _spans(document, slot, edit, depth, wanted)
            return join(document.text, spans)
        except (NotFound, Overlap):
            continue
    merged = _tree(document).merge(root, wanted)
    return _whole(document, wanted) if merged is None else join(document.text, merged)


def _spans(document: Document, slot: Slot, edit: Spliced, depth: int, wanted: dict[str, Any]) -> list[Span]:
    tree = _tree(document)
    if depth == len(edit.at):
        if isinstance(edit, Remove) and len(slot.parent.data) > 1:
            return tree.remove(slot)
        if isinstance(edit, Insert) and slot.node.items is not None:
            return tree.insert(slot, edit.index, [edit.value])
        if isinstance(edit, Replace):
            return tree.replace(slot, edit.value)
        if isinstance(edit, Remove) and (root := document.root) is not None:
            return tree.remove_only_item(_find(root, edit.at[:-1]))
    value = value_at(wanted, edit.at[:depth])
    key = edit.at[depth] if depth < len(edit.at) else None
    if slot.node.entries and key is not None and key not in slot.node.entries:
        return tree.add_key(slot.node, key, value[key])
    return tree.replace(slot, value)


def _whole(document: Document, wanted: dict[str, Any]) -> str:
    """Return the text of a file that had no keys, or has none left; comments stay."""
    if document.suffix == ".json":
        return dumps(wanted, indent=2, ensure_ascii=False) + "\n"
    root, text = document.root, document.text
    if root is not None:
        text = text[: root.start] + text[root.end :]
    return join(text, [after_line(text, len(text), "\n".join(mapping_lines(wanted, 0)))]) if wanted else text


def _verified(document: Document, text: str, wanted: dict[str, Any]) -> str:
    found = document_of(document.file, text)
    if document.suffix == ".toml":
        # The last table of an array of tables takes the array's name with it.
        wanted = {key: value for key, value in wanted.items() if value != [] or key in found.data}
    if found.data != wanted and document.text.startswith(BYTE_ORDER_MARK):
        raise InvalidRequest(f"{document.file} cannot be edited in place, for it begins with {MARKED}")
    if found.problems or found.data != wanted:
        raise InvalidRequest(
            f"{document.file} is written in a way that cannot be edited in place; edit the file itself"
        )
    return text
