# SPDX-License-Identifier: GPL-2.0-or-later
"""Where the items of a YAML file's longest list stand, so that a changed text is read only where it changed.

A YAML reader goes from left to right. Where an item of a block list begins, it knows no more than that it is
in that list, and the same text read from there gives the same items. So if everything before one item, and
from another item on, is as it was, and what lies between reads by itself as whole items of such a list, then
the whole reads as the old items with those in their midst. What is not that plain is read whole. Pure.
"""

from __future__ import annotations

import re
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from patronus.core.text import SIZE_LIMIT, Document, parse
from patronus.core.text.node import Node, Part, offset_of
from patronus.core.text.plain_yaml import Lists

_KEY = "x"
"""The key under which a piece of a list is read by itself."""
_HEAD = f"{_KEY}:\n"


@dataclass(frozen=True, slots=True)
class Outline:
    """The list ``key``: its items' lines begin at ``starts``, with a dash in ``column``; it ends at ``end``.

    Offsets count the characters of the text.
    """

    key: str
    column: int
    starts: Sequence[int]
    end: int

    def start(self, item: int) -> int:
        """Return where the lines of an item begin; behind the last one, where the list is over."""
        return self.starts[item] if item < len(self.starts) else self.end

    def offset(self, text: str, item: int, path: Sequence[Part]) -> int | None:
        """Return where the value at a path within an item stands; None where it does not exist."""
        if not 0 <= item < len(self.starts):
            return None
        piece = _read(text[self.start(item) : self.start(item + 1)], self.column)
        found = offset_of(piece.root, (_KEY, 0, *path)) if piece and piece.root else None
        return None if found is None else self.start(item) + found - len(_HEAD)


@dataclass(frozen=True)
class Reread:
    """Old items ``first`` to before ``last`` gave way to ``items``; ``outline`` is the new text's."""

    first: int
    last: int
    items: list[Any]
    outline: Outline


def outline_of(document: Document) -> Outline | None:
    """Return the outline of the document's longest list, None where it has no block list."""
    if document.lists is not None:
        return _longest(document.lists)
    root, text = document.root, document.text
    if document.suffix != ".yaml" or root is None or root.flow or document.problems:
        return None
    entries = root.entries or {}
    lists = {key: entry.node for key, entry in entries.items() if entry.node.items and not entry.node.flow}
    if not lists:
        return None
    key = max(lists, key=lambda name: len(lists[name].items or ()))
    behind = min(
        (entry.start for entry in entries.values() if entry.start >= lists[key].end), default=len(text)
    )
    end = behind if behind == len(text) else text.rfind("\n", 0, behind) + 1
    found = _lines(text, lists[key], end)
    return None if found is None else Outline(key, found[0], found[1], end)


def _longest(lists: Lists) -> Outline | None:
    if not lists:
        return None
    key = max(lists, key=lambda name: len(lists[name].starts))
    return Outline(key, *lists[key])


def _lines(text: str, items: Node, end: int) -> tuple[int, Sequence[int]] | None:
    """Return the dashes' column and where the items' lines begin; None where that is not certain."""
    begin = text.rfind("\n", 0, items.start) + 1
    column, nodes = items.start - begin, items.items or []
    dashes = re.compile(rf"^ {{{column}}}-(?=\s|$)", re.MULTILINE)
    starts = array("L", (match.start() for match in dashes.finditer(text, begin, end)))
    if len(starts) != len(nodes):
        return None
    before = begin
    for start, node in zip(starts, nodes, strict=True):
        if not before <= start <= node.start - column - 1:
            return None
        before = node.end
    return column, starts


def reread(outline: Outline, old: str, new: str) -> Reread | None:
    """Return what differs between the texts, read; None where that cannot be told from the list alone."""
    if len(new) > SIZE_LIMIT:
        return None
    same = _same_beginning(old, new)
    behind = len(old) - _same_end(old, new, min(len(old), len(new)) - same)
    nearest = bisect_right(outline.starts, same) - 1
    last = bisect_left(outline.starts, behind)
    if nearest < 0 or behind > outline.end:
        return None
    found = _reread(outline, new, nearest, max(last, nearest), len(new) - len(old))
    if found is None and nearest > 0:
        # What comes before the first dash, a comment, belongs to the item before.
        found = _reread(outline, new, nearest - 1, max(last, nearest), len(new) - len(old))
    return found


def _reread(outline: Outline, new: str, first: int, last: int, moved: int) -> Reread | None:
    begin, stop = outline.start(first), outline.start(last) + moved
    items: list[Any] = []
    starts = array("L", outline.starts[:first])
    if begin < stop:
        if new[stop - 1] != "\n" and stop < len(new):
            return None
        found = _items(new[begin:stop], outline.column)
        if found is None:
            return None
        items = found[0]
        starts.extend(begin + start - len(_HEAD) for start in found[1])
    starts.extend(start + moved for start in outline.starts[last:])
    if not starts:
        return None
    return Reread(first, last, items, Outline(outline.key, outline.column, starts, outline.end + moved))


def _items(piece: str, column: int) -> tuple[list[Any], Sequence[int]] | None:
    """Return whole items of a list and where their lines begin; None for anything else."""
    document = _read(piece, column)
    if document is None:
        return None
    if document.lists is not None:
        return document.data[_KEY], document.lists[_KEY].starts
    entries = document.root.entries if document.root else None
    lines = _lines(document.text, entries[_KEY].node, len(document.text)) if entries else None
    return None if lines is None else (document.data[_KEY], lines[1])


def _read(piece: str, column: int) -> Document | None:
    """Return whole items of a list, read by themselves; None where they are anything else."""
    if not piece.startswith(" " * column + "-"):
        return None
    document = parse("piece.yaml", _HEAD + piece)
    if document.problems or list(document.data) != [_KEY]:
        return None
    if document.lists is not None:
        return document if _KEY in document.lists else None
    root = document.root
    items = root.entries[_KEY].node if root and root.entries else None
    if items is None or not items.items or items.flow:
        return None
    rest = document.text[items.items[-1].end :].splitlines()
    return document if all(line.strip()[:1] in ("", "#") for line in rest) else None


def _same_beginning(old: str, new: str) -> int:
    """Return how many characters both texts have in common at their beginning."""
    low, high = 0, min(len(old), len(new))
    while low < high:
        middle = (low + high + 1) // 2
        if old[low:middle] == new[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def _same_end(old: str, new: str, most: int) -> int:
    """Return how many characters, at most so many, both texts have in common at their end."""
    low, high = 0, most
    while low < high:
        middle = (low + high + 1) // 2
        if old[len(old) - middle : len(old) - low] == new[len(new) - middle : len(new) - low]:
            low = middle
        else:
            high = middle - 1
    return low
