# SPDX-License-Identifier: GPL-2.0-or-later
"""TOML text to data by ``tomllib``, with the place of each statement, which ``tomllib`` does not give."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, field
from typing import Any

from patronus.core.text.node import Part
from patronus.core.text.yaml_tree import Unreadable

_PLACE = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")
_KEY = r"""[A-Za-z0-9_-]+|"(?:[^"\\\n]|\\.)*"|'[^'\n]*'"""
_DOTTED = re.compile(rf"(?:{_KEY})(?:[ \t]*\.[ \t]*(?:{_KEY}))*")
_ONE_KEY = re.compile(_KEY)
_SKIPPED = re.compile(
    r'''"""(?:[^\\]|\\.)*?"{3,5}|\'\'\'.*?\'{3,5}|"(?:[^"\\\n]|\\.)*"|'[^'\n]*'|#[^\n]*|[^"'#\[\]{}\n]+|.|\n''',
    re.S,
)


@dataclass
class TomlText:
    """The data and, for each table and each key of it, the offset where it is written."""

    data: dict[str, Any]
    offsets: dict[tuple[Part, ...], int] = field(default_factory=dict)


def read(text: str) -> TomlText:
    """Return the data with offsets. Raises Unreadable at the first error of syntax."""
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        place = _PLACE.search(str(error))
        line = int(place[1]) if place and place[1] else text.count("\n") + 1
        column = int(place[2]) if place and place[2] else 1
        raise Unreadable(_PLACE.sub("", str(error)), line, column) from None
    except RecursionError:
        raise Unreadable("values are nested too deep", 1, 1) from None
    return TomlText(data, _Scanner(text).offsets())


class _Scanner:
    """Walks the statements of a text that is known to be valid TOML 1.0."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._table: tuple[Part, ...] = ()
        self._counts: dict[tuple[Part, ...], int] = {}
        self._offsets: dict[tuple[Part, ...], int] = {}

    def offsets(self) -> dict[tuple[Part, ...], int]:
        """Return path → offset of its key or header."""
        position = 0
        while position < len(self._text):
            position = self._statement(position)
        return self._offsets

    def _statement(self, position: int) -> int:
        while position < len(self._text) and self._text[position] in " \t\r\n":
            position += 1
        if self._text.startswith("[", position):
            self._header(position)
        elif match := _DOTTED.match(self._text, position):
            self._note((*self._table, *_keys(match[0])), len(self._table), position)
            return self._after_value(match.end())
        return self._line_end(position)

    def _header(self, position: int) -> None:
        array = self._text.startswith("[[", position)
        match = _DOTTED.search(self._text, position)
        keys = _keys(match[0]) if match else []
        path: tuple[Part, ...] = ()
        for key in keys[:-1] if array else keys:
            path = (*path, key)
            if path in self._counts:
                path = (*path, self._counts[path])
        if array:
            path = (*path, keys[-1])
            self._offsets.setdefault(path, position)
            self._counts[path] = self._counts.get(path, -1) + 1
            path = (*path, self._counts[path])
        self._table = path
        self._note(path, 0, position)

    def _note(self, path: tuple[Part, ...], known: int, position: int) -> None:
        for length in range(known + 1, len(path) + 1):
            self._offsets.setdefault(path[:length], position)

    def _line_end(self, position: int) -> int:
        end = self._text.find("\n", position)
        return len(self._text) if end < 0 else end + 1

    def _after_value(self, position: int) -> int:
        """Return the start of the line after a value, which may span lines in brackets or triple quotes."""
        depth = 0
        while position < len(self._text):
            match = _SKIPPED.match(self._text, position)
            piece = match[0] if match else self._text[position]
            position += len(piece)
            depth += (piece in "[{") - (piece in "]}")
            if piece == "\n" and depth == 0:
                break
        return position


def _keys(dotted: str) -> list[str]:
    keys = []
    for key in _ONE_KEY.findall(dotted):
        keys.append(next(iter(tomllib.loads(f"{key} = 0"))) if key[0] in "\"'" else key)
    return keys
