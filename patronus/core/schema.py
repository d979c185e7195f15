# SPDX-License-Identifier: GPL-2.0-or-later
"""Texts of the configuration files to one Configuration, with the problems of all files at once.

Only what changed is read again: a text that is the same as in the previous load keeps its model, and the
items of a long list that are the same keep theirs.
"""

from __future__ import annotations

import copy
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from pathlib import PurePosixPath
from typing import Any

from pydantic import ValidationError

from patronus.core.explain import explain
from patronus.core.identify import RandomHex, give_ids, lacks_ids, new_id, repeated_ids
from patronus.core.json_schema import file_schema
from patronus.core.model import Configuration, Section, Strict
from patronus.core.problem import Location, Path, Problem
from patronus.core.salvage import Salvage, SalvagedLocations, salvage
from patronus.core.shape import fields, items_at, plain_list
from patronus.core.text import SUFFIXES, Document, document_of, section_of
from patronus.core.text.outline import Outline, outline_of, reread

Texts = Mapping[str, str]
"""File name → text: ``{"firewall/rules.yaml": "rules: []\\n"}``."""
PLUGINS_FOLDER = "plugins/"
"""Where the sections of third parties lie; one that nobody reads is kept until its plugin returns."""


@dataclass(frozen=True)
class File:
    """One file, read: its model, None where it has problems, and the ids that its text still lacks.

    ``salvage`` is the sound part of a file with problems, for the checks that see several files. ``outline``
    tells where the items of its longest list stand.
    """

    name: str
    text: str
    model: Strict | None
    problems: tuple[Problem, ...] = ()
    ids: Mapping[Path, str] = field(default_factory=dict)
    salvage: Salvage | None = None
    outline: Outline | None = None

    @property
    def section(self) -> str:
        """Return the name without its suffix."""
        return section_of(self.name)


@dataclass(frozen=True)
class Loaded:
    """All files, read. ``config`` is usable where there are no problems."""

    files: Mapping[str, File]
    config: Configuration
    problems: tuple[Problem, ...]

    @property
    def texts(self) -> dict[str, str]:
        """Return file name → text."""
        return {name: file.text for name, file in self.files.items()}

    @property
    def unread(self) -> list[str]:
        """Return the files that are kept and that no feature reads."""
        return [name for name, file in self.files.items() if file.model is None and not file.problems]


def sound_part(loaded: Loaded) -> tuple[Configuration, dict[str, Salvage]] | None:
    """Return what can be checked of files with problems, by section; None where a file is lost altogether."""
    salvaged: dict[str, Salvage] = {}
    for file in loaded.files.values():
        if file.problems and file.section in loaded.config.sections:
            if file.salvage is None or file.section in salvaged:
                return None
            salvaged[file.section] = file.salvage
    models = {section: part.model for section, part in salvaged.items()}
    locations = SalvagedLocations(loaded.config.locations, salvaged)
    return Configuration({**loaded.config.sections, **models}, locations), salvaged


class Locations(Mapping[Path, Location]):
    """Where each value stands; read again only when somebody asks, of a long list the one item alone."""

    def __init__(self, files: Iterable[File]) -> None:
        self._files = {file.section: file for file in files}
        self._documents: dict[str, Document] = {}

    def __getitem__(self, path: Path) -> Location:
        section = str(path[0])
        file = self._files[section]
        return self._in_list(file, path) or self._document(section, file).location(path)

    def _in_list(self, file: File, path: Path) -> Location | None:
        outline = file.outline
        if outline is None or len(path) < 3 or path[1] != outline.key or not isinstance(path[2], int):
            return None
        inside = (outline.offset(file.text, path[2], path[3:length]) for length in range(len(path), 2, -1))
        offset = next((found for found in inside if found is not None), None)
        if offset is None:
            return None
        column = offset - file.text.rfind("\n", 0, offset)
        return Location(file.name, file.text.count("\n", 0, offset) + 1, column)

    def _document(self, section: str, file: File) -> Document:
        if section not in self._documents:
            self._documents[section] = document_of(file.name, file.text)
        return self._documents[section]

    def __iter__(self) -> Iterator[Path]:
        return iter([(section,) for section in self._files])

    def __len__(self) -> int:
        return len(self._files)


class Schema:
    """The sections that the installed features declare."""

    def __init__(self, sections: Iterable[Section], random_hex: RandomHex) -> None:
        self.sections = {section.path: section for section in sections}
        self._random_hex = random_hex

    def load(self, texts: Texts, previous: Loaded | None = None, unread: Collection[str] = ()) -> Loaded:
        """Read all files, but for those in ``unread``. Problems are in the result; nothing is raised."""
        files = {
            name: File(name, texts[name], None) if name in unread else self._file(name, texts[name], previous)
            for name in sorted(texts)
        }
        problems = [problem for file in files.values() for problem in file.problems]
        problems += self._twice(files)
        known = {file.section: file.model for file in files.values() if file.model is not None}
        sections = {
            path: known.get(path) or section.model.unsaid() for path, section in self.sections.items()
        }
        return Loaded(files, Configuration(sections, Locations(files.values())), tuple(problems))

    def _file(self, name: str, text: str, previous: Loaded | None) -> File:
        before = previous.files.get(name) if previous else None
        if before is not None and before.text == text:
            return before
        section = self.sections.get(section_of(name))
        if section is None and name.startswith(PLUGINS_FOLDER):
            return File(name, text, None)
        if section is None or PurePosixPath(name).suffix not in SUFFIXES:
            return File(name, text, None, (self._unknown(name),))
        if before is not None and (changed := self._changed(before, text, section.model)) is not None:
            return changed
        document = document_of(name, text)
        if document.problems:
            return File(name, text, None, tuple(document.problems))
        return self._validated(document, section)

    def _validated(self, document: Document, section: Section) -> File:
        data: dict[str, Any] = document.data
        ids: dict[Path, str] = {}
        if lacks_ids(section.model, data):
            data = copy.deepcopy(data)
            ids = give_ids(section.model, data, self._random_hex)
        problems = [_repeated(document, *found) for found in repeated_ids(section.model, data)]
        model: Strict | None = None
        try:
            model = section.model.model_validate(data)
        except ValidationError as error:
            problems += explain(document, section.model, data, error)
        if problems:
            part = salvage(section.model, data, problems)
            return File(document.file, document.text, None, tuple(problems), salvage=part)
        return File(document.file, document.text, model, (), ids, outline=outline_of(document))

    def _changed(self, before: File, text: str, model: type[Strict]) -> File | None:
        """Return the file with the items read that changed; None where it has to be read whole.

        So has a file with problems: they are found, and located, in the whole.
        """
        outline, old = before.outline, before.model
        if outline is None or old is None or before.ids:
            return None
        place = plain_list(model, outline.key)
        found = reread(outline, before.text, text) if place is not None else None
        if place is None or found is None:
            return None
        part = {outline.key: found.items}
        if lacks_ids(model, part) or any(repeated_ids(model, part)):
            return None
        try:
            items = place.items.validate_python(found.items)
        except ValidationError:
            return None
        there = getattr(old, place.attribute)
        together = (*there[: found.first], *items, *there[found.last :])
        if not _unique(together):
            return None
        changed = old.model_copy(update={place.attribute: together})
        return File(before.name, text, changed, outline=found.outline)

    def _unknown(self, name: str) -> Problem:
        known = [f"{path}{section.default_suffix}" for path, section in self.sections.items()]
        close = get_close_matches(name, known, 1)
        hint = f"did you mean {close[0]}?" if close else None
        return Problem(
            (section_of(name),), "no feature reads this file", None, None, hint, location=Location(name, 1)
        )

    def _twice(self, files: Mapping[str, File]) -> Iterator[Problem]:
        first: dict[str, str] = {}
        for name in files:
            section = section_of(name)
            if section in self.sections and first.setdefault(section, name) != name:
                message = f"the section {section} is already given by {first[section]}"
                yield Problem((section,), message, None, "one suffix a file", location=Location(name, 1))

    def file_of(self, section: str, texts: Texts) -> str:
        """Return the name of the section's file, existing or to be made. Raises KeyError if not declared."""
        declared = self.sections[section]
        existing = (section + suffix for suffix in SUFFIXES if section + suffix in texts)
        return next(existing, section + declared.default_suffix)

    def new_item_id(self, section: str, at: tuple[str, ...], taken: set[str]) -> str | None:
        """Return an id for a new item of the list at ``at``, and take it; None where its items have none."""
        models = items_at(self.sections[section].model, at)
        if not any("id" in fields(model) for model in models):
            return None
        return new_id(at[-1], taken, self._random_hex)

    def json_schema(self) -> dict[str, Any]:
        """Return section → JSON Schema (draft 2020-12) of its file."""
        return {path: file_schema(section) for path, section in self.sections.items()}


def with_text(file: File, text: str) -> File:
    """Return the same file after its ids were written into the text."""
    return replace(file, text=text, ids={}, outline=outline_of(document_of(file.name, text)))


def _unique(items: tuple[Any, ...]) -> bool:
    names = [name for item in items if (name := getattr(item, "id", None)) is not None]
    return len(set(names)) == len(names)


def _repeated(document: Document, path: Path, first: Path, name: str) -> Problem:
    section = section_of(document.file)
    earlier = document.location((section, *first))
    return Problem(
        path=(section, *path),
        message=f"the id {name} is already used in line {earlier.line}",
        value=name,
        allowed="ids are unique within their list",
        location=document.location((section, *path)),
    )
