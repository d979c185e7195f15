# SPDX-License-Identifier: GPL-2.0-or-later
"""Spans of a text to be replaced, and the lines around an offset."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from patronus.core.text.node import Node


class Span(NamedTuple):
    """Characters ``start`` to ``end`` give way to ``text``."""

    start: int
    end: int
    text: str


class Overlap(Exception):
    """Two spans want the same characters; the caller replaces the value around them as a whole."""


def join(text: str, spans: Iterable[Span]) -> str:
    """Return the text with the spans replaced; those at one place keep their order. Raises Overlap."""
    pieces: list[str] = []
    position = 0
    for span in sorted(spans, key=lambda one: (one.start, one.end)):
        if span.start < position:
            raise Overlap
        pieces += (text[position : span.start], span.text)
        position = span.end
    return "".join((*pieces, text[position:]))


def line_start(text: str, offset: int) -> int:
    """Return the offset of the first character of the line."""
    return text.rfind("\n", 0, offset) + 1


def line_end(text: str, offset: int) -> int:
    """Return the offset after the line's newline, or the end of the text."""
    end = text.find("\n", offset)
    return len(text) if end < 0 else end + 1


def column(text: str, offset: int) -> int:
    """Return how many characters stand before the offset in its line."""
    return offset - line_start(text, offset)


def begins_its_line(text: str, offset: int) -> bool:
    """Return whether only blanks stand before the offset in its line."""
    return not text[line_start(text, offset) : offset].strip()


def after_line(text: str, offset: int, lines: str) -> Span:
    """Return the span that puts whole lines below the line of the offset."""
    end = line_end(text, offset)
    gap = "" if end == 0 or text[end - 1] == "\n" else "\n"
    return Span(end, end, f"{gap}{lines}\n")


def dash_of(text: str, items: Node, position: int) -> int:
    """Return the offset of the dash of an item in a block list."""
    if position == 0 or not items.items:
        return items.start
    pattern = re.compile(rf"^ {{{column(text, items.start)}}}-(?=\s|$)", re.MULTILINE)
    match = pattern.search(text, line_end(text, items.items[position - 1].end))
    if match is None:
        raise Overlap
    return match.end() - 1
