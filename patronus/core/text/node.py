# SPDX-License-Identifier: GPL-2.0-or-later
"""The tree of a YAML or JSON text: each value with the span of characters that it was written in."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

Part = str | int


@dataclass(slots=True)
class Node:
    """One value. ``text[start:end]`` is how it was written; a block collection ends with its last leaf.

    ``data`` is the plain value; the children of a mapping stand in ``entries``, those of a list in
    ``items``. ``flow`` tells the one-line form with brackets; JSON has no other.
    """

    data: Any
    start: int
    end: int
    flow: bool = False
    entries: dict[str, Entry] | None = None
    items: list[Node] | None = None

    def child(self, part: Part) -> Node | None:
        """Return the value under a key, or the item at a position."""
        if self.entries is not None and isinstance(part, str):
            entry = self.entries.get(part)
            return entry.node if entry else None
        if self.items is not None and isinstance(part, int) and 0 <= part < len(self.items):
            return self.items[part]
        return None


@dataclass(slots=True)
class Entry:
    """A key of a mapping, ``text[start:end]``, and its value."""

    start: int
    end: int
    node: Node


def offset_of(root: Node, path: Sequence[Part]) -> int | None:
    """Return where the value at ``path`` stands: at its key if it has one. None where it does not exist."""
    node: Node | None = root
    offset = root.start
    for part in path:
        if node is None:
            return None
        if node.entries is not None and part in node.entries:
            offset = node.entries[str(part)].start
            node = node.entries[str(part)].node
        else:
            node = node.child(part)
            offset = node.start if node else 0
    return offset if node else None


class Lines:
    """Turns an offset into a line and a column, both counted from 1."""

    def __init__(self, text: str) -> None:
        self._starts = [0]
        position = text.find("\n")
        while position >= 0:
            self._starts.append(position + 1)
            position = text.find("\n", position + 1)

    def place(self, offset: int) -> tuple[int, int]:
        """Return (line, column)."""
        line = bisect_right(self._starts, offset)
        return line, offset - self._starts[line - 1] + 1
