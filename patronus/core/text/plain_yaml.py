# SPDX-License-Identifier: GPL-2.0-or-later
"""The plainest YAML, read without libyaml: lists of one-line mappings, as faces and most people write them.

A top-level key, and below it items ``- {key: value, …}``, each in one line, or items whose keys stand in
lines of their own. Values are words, numbers, text in quotes without escapes, and one-line lists and mappings
of these. In that subset YAML's flow form is JSON whose words lack quotes: they are given theirs, and the
standard library reads the whole at once, two to ten times as fast as libyaml's events. Any text beyond the
subset is for ``yaml_tree``, which is also asked where something stands. Pure.
"""

from __future__ import annotations

import json
import re
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate
from typing import Any, NamedTuple

from patronus.core.text.yaml_tree import resolve

NESTED = 16
"""Brackets that one item may have; far below the depth at which YAML is refused."""
LINE = 1000
"""Characters of the longest line; a key that is longer is no YAML (libyaml, simple keys)."""
_MORE = r"\xa0-\u2027\u202a-\ud7ff"
_FIRST, _REST = "[A-Za-z0-9_./]", "[A-Za-z0-9_./@*+-]"
_WORD = rf"{_FIRST}{_REST}*+(?:(?::(?=[A-Za-z0-9_./:])| (?={_FIRST})){_REST}*+)*+"
_QUOTED = rf'"[\x20\x21\x23-\x5b\x5d-\x7e{_MORE}]*"' + rf"|'[\x20-\x26\x28-\x7e{_MORE}]*'"
_ONE = rf"(?>{_QUOTED}|{_WORD})"
_FLOW = rf"[{{\[](?:{_ONE}|: |[,\[\]{{}} ])*+"
"""Tokens alone: whether brackets and commas stand right, JSON's reader says. Nothing is tried twice."""
_VALUE = re.compile(rf"(?:{_ONE}|{_FLOW})")
_BARE = re.compile(rf'"[^"]*"|\'([^\']*)\'|({_WORD})')
_JSON_TEXT = re.compile(rf"[\n\x20-\x5b\x5d-\x7e{_MORE}]*")
_KEY = re.compile(r"([A-Za-z_][A-Za-z0-9_]*):(?: (.+))?")
_DIGITS = 18
"""More of them are text: see ``yaml_tree.resolve``."""


class _Other(Exception):
    """The text is beyond the subset."""


class List(NamedTuple):
    """Where a list stands: the column of its dashes, the offsets of its items' first lines, and its end."""

    column: int
    starts: Sequence[int]
    end: int


Lists = Mapping[str, List]
"""The lists of a text, by their keys."""


@dataclass(frozen=True)
class PlainYaml:
    """The data, and where the lists in it stand."""

    data: dict[str, Any]
    lists: Lists


def read(text: str) -> PlainYaml | None:
    """Return the data of a text in the subset, None for any other."""
    ways = (True, False) if '{"' in text else (False,)
    return next((found for json_items in ways if (found := _read(text, json_items=json_items))), None)


def _read(text: str, *, json_items: bool) -> PlainYaml | None:
    if json_items and (text.count('":') != text.count('": ') or not _may_be_json(text)):
        return None
    try:
        return _Reader(text, json_items=json_items).read()
    except (_Other, ValueError, RecursionError):
        return None


def _may_be_json(text: str) -> bool:
    """Return whether no character of the text means another thing in JSON."""
    if text.isascii():
        return "\\" not in text and text.replace("\n", "").isprintable()
    return _JSON_TEXT.fullmatch(text) is not None


class _Reader:
    """Goes through the lines, gathers JSON, and reads it at the end.

    With ``json_items`` items in one line are taken for JSON already; if they are not, that shows at the end.
    """

    def __init__(self, text: str, *, json_items: bool) -> None:
        self._text = text
        self._json_items = json_items
        self._json: list[str] = []
        self._keys: set[str] = set()
        self._key: str | None = None
        self._column = -1
        self._starts = array("L")
        self._open: list[str] | None = None
        self._lists: dict[str, List] = {}
        self._items: list[str] = []

    def read(self) -> PlainYaml | None:
        """Return the data. Raises _Other, ValueError."""
        lines, at, offset = self._text.split("\n"), 0, 0
        while at < len(lines):
            run = self._run(lines, at) if self._items else 0
            if run:
                *starts, offset = accumulate((len(line) + 1 for line in lines[at : at + run]), initial=offset)
                self._starts.extend(starts)
            else:
                self._line(lines[at], offset)
                offset += len(lines[at]) + 1
            at += run or 1
        self._end_list(len(self._text))
        if not self._keys:
            return None
        data = _loads("{" + ",".join(self._json) + "}")
        return PlainYaml(data, self._lists)

    def _run(self, lines: Sequence[str], first: int) -> int:
        """Take the items in a line each that follow, thousands at once; return how many there are."""
        dash = " " * self._column + "- {"
        if not self._json_items or not lines[first].startswith(dash):
            return 0
        self._end_item()
        end = next((at for at in range(first, len(lines)) if not lines[at].startswith(dash)), len(lines))
        items = [line[len(dash) - 1 :] for line in lines[first:end]]
        if max(map(len, items)) + len(dash) > LINE or not all(map(_shallow, items)):
            raise _Other
        self._items += items
        return end - first

    def _line(self, line: str, offset: int) -> None:
        bare = line.lstrip(" ")
        if not bare or bare[0] == "#":
            if not line.isprintable():
                raise _Other
            return
        indent = len(line) - len(bare)
        if len(line) > LINE:
            raise _Other
        if bare[0] == "-" and self._key is not None and (self._column < 0 or indent == self._column):
            self._item(bare, indent, offset)
        elif indent == 0:
            self._top(line, offset)
        elif self._open is not None and indent == self._column + 2:
            self._member(bare)
        else:
            raise _Other

    def _top(self, line: str, offset: int) -> None:
        self._end_list(offset)
        match = _KEY.fullmatch(line)
        if match is None or match[1] in self._keys:
            raise _Other
        self._keys.add(match[1])
        if match[2] is None:
            self._key = match[1]
        else:
            self._json.append(f'"{match[1]}":{_as_json(match[2])}')

    def _item(self, bare: str, indent: int, offset: int) -> None:
        self._end_item()
        if bare[:2] != "- ":
            raise _Other
        self._column = indent
        self._starts.append(offset)
        rest = bare[2:]
        if rest[:1] == "{":
            self._items.append(rest if self._json_items and _shallow(rest) else _as_json(rest))
        else:
            self._open = []
            self._member(rest)

    def _member(self, bare: str) -> None:
        match = _KEY.fullmatch(bare)
        if match is None or match[2] is None or self._open is None:
            raise _Other
        self._open.append(f'"{match[1]}":{_as_json(match[2])}')

    def _end_item(self) -> None:
        if self._open is not None:
            self._items.append("{" + ",".join(self._open) + "}")
            self._open = None

    def _end_list(self, offset: int) -> None:
        if self._key is None:
            return
        self._end_item()
        if not self._items:
            raise _Other
        self._json.append(f'"{self._key}":[{",".join(self._items)}]')
        self._lists[self._key] = List(self._column, self._starts, offset)
        self._key, self._column, self._items, self._starts = None, -1, [], array("L")


def _as_json(value: str) -> str:
    """Return one value as JSON. Raises _Other."""
    if not _shallow(value) or not _VALUE.fullmatch(value):
        raise _Other
    return _BARE.sub(_quoted, value)


def _shallow(value: str) -> bool:
    return value.count("{") + value.count("[") <= NESTED


def _quoted(match: re.Match[str]) -> str:
    single, word = match.groups()
    if word is not None:
        return _word(word)
    return match[0] if single is None else json.dumps(single)


@lru_cache(maxsize=8192)
def _word(text: str) -> str:
    return json.dumps(resolve(text))


def _loads(text: str) -> dict[str, Any]:
    """Return JSON. Raises _Other where a key stands twice, ValueError."""
    found: dict[str, Any] = _FLAT.decode(text)
    return found if _has_all_keys(found, text) else _DECODER.decode(text)


def _has_all_keys(found: Mapping[str, Any], text: str) -> bool:
    """Return whether no key was lost to a later one; False where that takes a closer look.

    Each key is followed by a colon, so in lists of mappings without mappings in them counting tells.
    """
    lists = [value for value in found.values() if isinstance(value, list)]
    if " :" in text or any(set(map(type, items)) != {dict} for items in lists):
        return False
    flat = text.count("{") == 1 + sum(map(len, lists))
    return flat and text.count('":') == len(found) + sum(sum(map(len, items)) for items in lists)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _Other
    return found


def _integer(text: str) -> int:
    if len(text) > _DIGITS:
        raise _Other
    return int(text)


def _number(text: str) -> float:
    if len(text) > _DIGITS:
        raise _Other
    return float(text)


def _refuse(text: str) -> Any:
    raise _Other(text)


_FLAT = json.JSONDecoder(parse_int=_integer, parse_float=_number, parse_constant=_refuse)
_DECODER = json.JSONDecoder(
    object_pairs_hook=_unique, parse_int=_integer, parse_float=_number, parse_constant=_refuse
)
