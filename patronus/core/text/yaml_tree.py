# SPDX-License-Identifier: GPL-2.0-or-later
"""YAML text to a tree, from the events of libyaml and not from PyYAML's constructor.

What configuration needs of YAML and no more: one document, mappings, lists, scalars. Duplicate keys,
anchors, aliases and tags are refused. Scalars are read as YAML 1.2 section 10.3.2 (core schema) has it:
``on``, ``yes`` and ``08:00-18:00`` are text.
"""

from __future__ import annotations

import gc
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias

import yaml

from patronus.core.text.node import Entry, Node
from patronus.core.text.yaml_faults import explained

DEPTH_LIMIT = 32
_INTEGER = re.compile(r"[-+]?[0-9]{1,18}")
_BASED = re.compile(r"0o[0-7]{1,20}|0x[0-9a-fA-F]{1,16}")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]{1,3})?")
_NUMERIC = frozenset("-+.0123456789")
_CONSTANTS: dict[str, Any] = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
}  # fmt: skip

Report: TypeAlias = Callable[[str, int, int], None]
"""Takes a message and the line and column, from 1, where it applies."""


class Unreadable(Exception):
    """The text is not YAML, JSON or TOML; nothing after the place can be read."""

    def __init__(self, message: str, line: int, column: int) -> None:
        super().__init__(message)
        self.line, self.column = line, column


def resolve(text: str) -> Any:
    """Return the value of a plain scalar: None, bool, int, float, else the text itself."""
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if text[0] not in _NUMERIC:
        return text
    if _INTEGER.fullmatch(text):
        return int(text)
    if _BASED.fullmatch(text):
        return int(text, 0)
    return float(text) if _FLOAT.fullmatch(text) and any(c in text for c in ".eE") else text


def read(text: str, report: Report) -> Node | None:
    """Return the document's root, None for an empty one. Raises Unreadable at the first error of syntax."""
    builder = _Builder(text, report)
    try:
        with _no_garbage_collection():
            for event in yaml.parse(text, Loader=yaml.CLoader):
                builder.take(event)
    except yaml.MarkedYAMLError as error:
        raise Unreadable(*explained(text, error)) from None
    except yaml.YAMLError as error:
        raise Unreadable(str(error).partition("\n")[0], 1, 1) from None
    return builder.root


@contextmanager
def _no_garbage_collection() -> Iterator[None]:
    """Build a big tree without the collector looking through it again and again: three times as fast."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


class _Builder:
    """Grows the tree from events. The stack holds the open collections, innermost last."""

    def __init__(self, text: str, report: Report) -> None:
        self._text = text
        self._report = report
        self._open: list[Node] = []
        self._keys: list[tuple[str, int, int] | None] = []
        self._documents = 0
        self.root: Node | None = None

    def take(self, event: Any) -> None:
        """Use one event."""
        kind = type(event)
        if kind is yaml.ScalarEvent:
            self._scalar(event)
        elif kind is yaml.MappingStartEvent or kind is yaml.SequenceStartEvent:
            self._start(event, mapping=kind is yaml.MappingStartEvent)
        elif kind is yaml.MappingEndEvent or kind is yaml.SequenceEndEvent:
            self._end(event)
        elif kind is yaml.AliasEvent:
            self._refuse("an alias (*) is not taken; write the value out", event)
            self._place(Node(None, event.start_mark.index, event.end_mark.index))
        elif kind is yaml.DocumentStartEvent:
            self._documents += 1
            if self._documents > 1:
                raise Unreadable("a second document (---) in the file", *_place_of(event))

    def _refuse(self, message: str, event: Any) -> None:
        self._report(message, *_place_of(event))

    def _check(self, event: Any) -> None:
        if event.anchor is not None:
            self._refuse("an anchor (&) is not taken; write the value out", event)
        if event.tag is not None:
            self._refuse(f"a tag ({event.tag}) is not taken", event)

    def _scalar(self, event: Any) -> None:
        if event.anchor is not None or event.tag is not None:
            self._check(event)
        start, end = event.start_mark.index, event.end_mark.index
        if self._open and self._open[-1].entries is not None and self._keys[-1] is None:
            self._key(event, start, end)
            return
        if event.style in ("|", ">"):
            end = start + len(self._text[start:end].rstrip())
        self._place(Node(event.value if event.style else resolve(event.value), start, end))

    def _key(self, event: Any, start: int, end: int) -> None:
        if event.value in self._open[-1].data:
            self._refuse(f"the key {event.value} stands twice in the same mapping", event)
        self._keys[-1] = (event.value, start, end)

    def _start(self, event: Any, *, mapping: bool) -> None:
        self._check(event)
        if len(self._open) >= DEPTH_LIMIT:
            raise Unreadable(f"values are nested deeper than {DEPTH_LIMIT}", *_place_of(event))
        if self._open and self._open[-1].entries is not None and self._keys[-1] is None:
            raise Unreadable("a key must be plain text", *_place_of(event))
        start, flow = event.start_mark.index, bool(event.flow_style)
        node = Node({}, start, start, flow, entries={}) if mapping else Node([], start, start, flow, items=[])
        self._place(node)
        self._open.append(node)
        self._keys.append(None)

    def _end(self, event: Any) -> None:
        node = self._open.pop()
        self._keys.pop()
        if node.flow:
            node.end = event.end_mark.index
        elif node.items:
            node.end = node.items[-1].end
        elif node.entries:
            node.end = next(reversed(node.entries.values())).node.end

    def _place(self, node: Node) -> None:
        if not self._open:
            self.root = node
            return
        parent = self._open[-1]
        if parent.items is not None:
            parent.items.append(node)
            parent.data.append(node.data)
        elif parent.entries is not None and (key := self._keys[-1]) is not None:
            self._keys[-1] = None
            parent.entries[key[0]] = Entry(key[1], key[2], node)
            parent.data[key[0]] = node.data


def _place_of(event: Any) -> tuple[int, int]:
    return event.start_mark.line + 1, event.start_mark.column + 1
