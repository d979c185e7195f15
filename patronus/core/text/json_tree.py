# SPDX-License-Identifier: GPL-2.0-or-later
"""JSON text (RFC 8259) to the same tree that YAML gives; scalars are read by the standard library."""

from __future__ import annotations

import json
import re
from typing import Any

from patronus.core.text.node import Entry, Lines, Node
from patronus.core.text.yaml_tree import DEPTH_LIMIT, Report, Unreadable

_BLANK = re.compile(r"[ \t\r\n]*")


def read(text: str, report: Report) -> Node | None:
    """Return the root, None for an empty text. Raises Unreadable at the first error of syntax."""
    if not text.strip():
        return None
    reader = _Reader(text, report)
    root = reader.value(reader.skip(0), 0)
    end = reader.skip(root.end)
    if end != len(text):
        raise reader.unreadable("text after the end of the value", end)
    return root


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


_SCALARS = json.JSONDecoder(parse_constant=_refuse_constant)


class _Reader:
    """Reads by recursive descent; each method takes an offset and returns a node that knows its end."""

    def __init__(self, text: str, report: Report) -> None:
        self._text = text
        self._report = report
        self._lines = Lines(text)

    def unreadable(self, message: str, offset: int) -> Unreadable:
        """Return the error at this offset."""
        return Unreadable(message, *self._lines.place(offset))

    def skip(self, offset: int) -> int:
        """Return the offset of the next character that is not blank."""
        match = _BLANK.match(self._text, offset)
        return match.end() if match else offset

    def value(self, offset: int, depth: int) -> Node:
        """Read any value."""
        if depth > DEPTH_LIMIT:
            raise self.unreadable(f"values are nested deeper than {DEPTH_LIMIT}", offset)
        first = self._text[offset : offset + 1]
        if first == "{":
            return self._mapping(offset, depth)
        if first == "[":
            return self._list(offset, depth)
        value, end = self._scalar(offset)
        return Node(value, offset, end)

    def _scalar(self, offset: int) -> tuple[Any, int]:
        try:
            return _SCALARS.raw_decode(self._text, offset)
        except json.JSONDecodeError as error:
            raise self.unreadable(error.msg, error.pos) from None
        except ValueError as error:
            message = "a number with so many digits" if "digits" in str(error) else str(error)
            raise self.unreadable(message, offset) from None

    def _key(self, offset: int) -> tuple[str, int]:
        if self._text[offset : offset + 1] != '"':
            raise self.unreadable("a key in double quotes is expected here", offset)
        return self._scalar(offset)

    def _mapping(self, start: int, depth: int) -> Node:
        node = Node({}, start, start, flow=True, entries={})
        offset = self.skip(start + 1)
        while self._more(offset, "}", bool(node.data)):
            offset = self.skip(offset + 1) if node.data else offset
            key, end = self._key(offset)
            colon = self.skip(end)
            if self._text[colon : colon + 1] != ":":
                raise self.unreadable("a colon is expected here", colon)
            if key in node.data:
                self._report(f"the key {key} stands twice in the same mapping", *self._lines.place(offset))
            child = self.value(self.skip(colon + 1), depth + 1)
            node.data[key] = child.data
            assert node.entries is not None
            node.entries[key] = Entry(offset, end, child)
            offset = self.skip(child.end)
        node.end = offset + 1
        return node

    def _list(self, start: int, depth: int) -> Node:
        node = Node([], start, start, flow=True, items=[])
        offset = self.skip(start + 1)
        while self._more(offset, "]", bool(node.data)):
            offset = self.skip(offset + 1) if node.data else offset
            child = self.value(offset, depth + 1)
            node.data.append(child.data)
            assert node.items is not None
            node.items.append(child)
            offset = self.skip(child.end)
        node.end = offset + 1
        return node

    def _more(self, offset: int, closing: str, begun: bool) -> bool:  # noqa: FBT001
        """Return whether another member follows, which after the first takes a comma."""
        found = self._text[offset : offset + 1]
        if found == closing:
            return False
        if begun and found != ",":
            raise self.unreadable(f"a comma or {closing} is expected here", offset)
        return True
