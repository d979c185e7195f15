# SPDX-License-Identifier: GPL-2.0-or-later
"""Configuration text, YAML, TOML or JSON by its suffix, to data and the place of each value in it.

``parse(file, text)`` never raises: what is wrong with the text is in ``Document.problems``. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import PurePosixPath
from typing import Any

from patronus.core.problem import Location, Path, Problem
from patronus.core.text import json_tree, plain_yaml, toml_tree, yaml_tree
from patronus.core.text.node import Lines, Node, Part, offset_of
from patronus.core.text.plain_yaml import Lists
from patronus.core.text.yaml_tree import Unreadable

SUFFIXES = (".yaml", ".toml", ".json")
SIZE_LIMIT = 8 * 1024 * 1024
"""Characters of one file: 10,000 rules are 2 MB."""

BYTE_ORDER_MARK = "\ufeff"
MARKED = "a byte order mark: save it as UTF-8 without one"
REMEMBERED = 64 * 1024
"""Characters of the longest text whose tree is remembered."""


def section_of(file: str) -> str:
    """Return ``firewall/rules`` for ``firewall/rules.yaml``."""
    path = PurePosixPath(file)
    return str(path.with_suffix("") if path.name else path)


@dataclass
class Document:
    """One file as data, and a way back from a path in the data to a place in the text.

    ``lists`` are those of a plain text, of which the tree is read when somebody asks for a place.
    """

    file: str
    text: str
    data: dict[str, Any] = field(default_factory=dict)
    tree: Node | None = None
    offsets: dict[tuple[Part, ...], int] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    lists: Lists | None = None

    @property
    def root(self) -> Node | None:
        """Return the tree with the place of every value, None for TOML and for an empty text."""
        if self.tree is None and self.lists is not None:
            self.tree = yaml_tree.read(self.text, self.refuse)
        return self.tree

    @property
    def suffix(self) -> str:
        """Return ``.yaml``, ``.toml`` or ``.json``."""
        return PurePosixPath(self.file).suffix

    @cached_property
    def _lines(self) -> Lines:
        return Lines(self.text)

    def location(self, path: Path) -> Location:
        """Return where the value at ``path``, section first, stands; else the nearest value around it."""
        for length in range(len(path), 0, -1):
            offset = self._offset(path[1:length])
            if offset is not None:
                return Location(self.file, *self._lines.place(offset))
        return Location(self.file, 1)

    def _offset(self, path: tuple[Part, ...]) -> int | None:
        if not path:
            return 0
        return offset_of(self.root, path) if self.root else self.offsets.get(path)

    def refuse(self, message: str, line: int = 1, column: int = 1) -> None:
        """Add a problem of the text itself."""
        path = (section_of(self.file),)
        self.problems.append(Problem(path, message, location=Location(self.file, line, column)))


def parse(file: str, text: str) -> Document:
    """Return the file's data with all that is wrong with its text."""
    document = Document(file, text)
    if len(text) > SIZE_LIMIT:
        document.refuse(f"the file has {len(text)} characters, and {SIZE_LIMIT} are allowed")
        return document
    if text.startswith(BYTE_ORDER_MARK) and document.suffix != ".yaml":
        document.refuse(f"the file begins with {MARKED}")
        return document
    try:
        text.encode()
        _read(document)
    except Unreadable as error:
        document.data, document.tree = {}, None
        document.refuse(str(error), error.line, error.column)
    except UnicodeEncodeError as error:
        document.refuse("these bytes are not UTF-8: save the file as UTF-8", *Lines(text).place(error.start))
    return document


def _read(document: Document) -> None:
    if document.suffix == ".toml":
        toml = toml_tree.read(document.text)
        document.data, document.offsets = toml.data, toml.offsets
        return
    if document.suffix == ".yaml" and (plain := plain_yaml.read(document.text)) is not None:
        document.data, document.lists = plain.data, plain.lists
        return
    read = json_tree.read if document.suffix == ".json" else yaml_tree.read
    root = read(document.text, document.refuse)
    if root is None or root.data is None:
        return
    if root.entries is None:
        document.refuse("the file must be a mapping, key: value", *Lines(document.text).place(root.start))
        return
    document.tree, document.data = root, root.data


_remembered = lru_cache(maxsize=4)(parse)


def document_of(file: str, text: str) -> Document:
    """Return ``parse``; a short text is soon read again by an edit, and remembered. Never change the result.

    The tree of a long one takes fifty times as much memory as its text.
    """
    return _remembered(file, text) if len(text) <= REMEMBERED else parse(file, text)
