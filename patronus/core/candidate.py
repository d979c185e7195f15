# SPDX-License-Identifier: GPL-2.0-or-later
"""From edits to the texts of a candidate, merged with what others changed since the caller looked.

An edit fits if what it touches is in the running configuration as it was in the caller's base: the item
for an edit of an item, and for a whole file every item that it changes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from patronus.core.edit import Edit, Edits, Insert, PutFile, Remove, Replace
from patronus.core.errors import InvalidConfiguration, InvalidRequest, NotFound
from patronus.core.identify import ids_of
from patronus.core.merge import clashes, merging
from patronus.core.schema import File, Loaded, Schema, Texts, with_text
from patronus.core.splice import edit_document, insert_many, value_at, write_ids
from patronus.core.text import Document, document_of, section_of

_GONE = object()


@dataclass(frozen=True)
class Clash:
    """A value that was changed since the caller looked; ``at`` is empty where it is the whole file."""

    section: str
    file: str
    at: tuple[str, ...] = ()


class Clashing(Exception):
    """Edits touch what others changed; the engine makes a ``Conflict`` of it, which says who they are."""

    def __init__(self, clashes: Sequence[Clash]) -> None:
        super().__init__(", ".join(f"{clash.file} {'.'.join(clash.at)}".rstrip() for clash in clashes))
        self.clashes = tuple(clashes)


def candidate(schema: Schema, running: Texts, base: Texts, edits: Edits) -> dict[str, str]:
    """Return the texts after the edits; where ``base`` is not what runs, merged with what changed since.

    Raises Clashing, NotFound, InvalidRequest, InvalidConfiguration.
    """
    texts = dict(running)
    if base is not running:
        if clashes := [clash for edit in edits for clash in _clashes(schema, running, base, edit)]:
            raise Clashing(clashes)
        edits = [one for edit in edits for one in _onto(schema, running, base, edit)]
    for group in _batches(edits):
        if isinstance(group, list):
            _insert(schema, texts, group)
        elif isinstance(group, PutFile):
            _put(texts, group)
        else:
            document = _document(schema, texts, group.section)
            texts[document.file] = edit_document(document, group)
    return texts


def _batches(edits: Edits) -> Iterator[PutFile | Replace | Remove | list[Insert]]:
    """Yield the edits in order, with runs of appends to one list as one batch."""
    batch: list[Insert] = []
    for edit in edits:
        if batch and not (isinstance(edit, Insert) and _appends_alike(batch[0], edit)):
            yield batch
            batch = []
        if isinstance(edit, Insert):
            batch.append(edit)
        else:
            yield edit
    if batch:
        yield batch


def _appends_alike(one: Insert, other: Insert) -> bool:
    return one.index is None and other.index is None and (one.section, one.at) == (other.section, other.at)


def _insert(schema: Schema, texts: dict[str, str], inserts: list[Insert]) -> None:
    """Insert items into one list, giving each its id, first among its keys, if it should have one."""
    first = inserts[0]
    document = _document(schema, texts, first.section)
    taken = ids_of([*_list_at(document, first.at), *(edit.value for edit in inserts)])
    values = []
    for edit in inserts:
        value = edit.value
        if isinstance(value, dict) and value.get("id") is None:
            name = schema.new_item_id(first.section, first.at, taken)
            value = {**({"id": name} if name else {}), **{key: value[key] for key in value if key != "id"}}
        values.append(value)
    if len(inserts) == 1:
        texts[document.file] = edit_document(document, replace(first, value=values[0]))
    else:
        texts[document.file] = insert_many(document, first.section, first.at, values)


def _list_at(document: Document, at: tuple[str, ...]) -> list[Any]:
    try:
        found = value_at(document.data, at)
    except NotFound:
        return []
    return found if isinstance(found, list) else []


def _put(texts: dict[str, str], edit: PutFile) -> None:
    if edit.text is None:
        texts.pop(edit.file, None)
    else:
        texts[edit.file] = edit.text


def _document(schema: Schema, texts: Mapping[str, str], section: str) -> Document:
    """Return the section's file as it stands, empty where there is none."""
    if section not in schema.sections:
        raise InvalidRequest(f"there is no section {section}")
    file = schema.file_of(section, texts)
    document = document_of(file, texts.get(file, ""))
    if document.problems:
        raise InvalidConfiguration(document.problems)
    return document


def _clashes(schema: Schema, running: Texts, base: Texts, edit: Edit) -> Iterator[Clash]:
    """Yield what the edit touches and somebody else has changed since."""
    section = section_of(edit.file) if isinstance(edit, PutFile) else edit.section
    if section not in schema.sections:
        return
    file, before = schema.file_of(section, running), schema.file_of(section, base)
    if file == before and running.get(file) == base.get(before):
        return
    if isinstance(edit, PutFile):
        yield from _file_clashes(edit, section, running, base)
    elif isinstance(edit, Insert) and edit.index is None:
        return
    elif _value(schema, running, section, edit.at) != _value(schema, base, section, edit.at):
        yield Clash(section, file, edit.at)


def _file_clashes(edit: PutFile, section: str, running: Texts, base: Texts) -> Iterator[Clash]:
    if running.get(edit.file) in (base.get(edit.file), edit.text):
        return
    if edit.text is None or edit.file not in running:
        yield Clash(section, edit.file)
        return
    found = clashes(*(_data(texts, edit.file) for texts in (base, {edit.file: edit.text}, running)))
    yield from (Clash(section, edit.file, delta.at) for delta in found)


def _onto(schema: Schema, running: Texts, base: Texts, edit: Edit) -> Edits:
    """Return the edit as edits of what runs: a whole file that others changed too becomes edits of items."""
    if not isinstance(edit, PutFile) or running.get(edit.file) == base.get(edit.file):
        return [edit]
    if running.get(edit.file) == edit.text or edit.text is None:
        return []
    if section_of(edit.file) not in schema.sections:
        return [edit]
    mine = {edit.file: edit.text}
    sides = (_data(texts, edit.file) for texts in (base, mine, running))
    return merging(section_of(edit.file), *sides)


def _data(texts: Texts, file: str) -> dict[str, Any]:
    """Return a file's data. Raises InvalidConfiguration."""
    document = document_of(file, texts.get(file, ""))
    if document.problems:
        raise InvalidConfiguration(document.problems)
    return document.data


def _value(schema: Schema, texts: Texts, section: str, at: tuple[str, ...]) -> Any:
    try:
        return value_at(_document(schema, texts, section).data, at)
    except NotFound:
        return _GONE


def with_ids(loaded: Loaded) -> Loaded:
    """Write the ids that were given to hand-written items into their texts."""
    files = {name: _with_ids(file) for name, file in loaded.files.items()}
    return Loaded(files, loaded.config, loaded.problems)


def _with_ids(file: File) -> File:
    return with_text(file, write_ids(document_of(file.name, file.text), file.ids)) if file.ids else file
