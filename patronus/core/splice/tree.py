# SPDX-License-Identifier: GPL-2.0-or-later
"""Changes to a YAML or JSON tree as spans of its text: replace, add, remove; nothing else moves.

A comment belongs to the line it stands in: it goes when that line goes. Comments on lines of their own stay.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from patronus.core.splice.emit import Flow, after_colon, item_text, list_lines, mapping_lines
from patronus.core.splice.spans import (
    Overlap,
    Span,
    after_line,
    begins_its_line,
    column,
    dash_of,
    line_end,
    line_start,
)
from patronus.core.text.node import Entry, Node


@dataclass(frozen=True)
class Slot:
    """A value and where it hangs: under a key of a mapping, or at a position of a list."""

    parent: Node
    key: str | None
    position: int
    node: Node

    @property
    def entry(self) -> Entry | None:
        """Return the key and value, where the parent is a mapping."""
        return (
            self.parent.entries[self.key]
            if self.parent.entries is not None and self.key is not None
            else None
        )


class Tree:
    """The text and its tree; every method returns spans and changes nothing."""

    def __init__(self, text: str, *, json: bool) -> None:
        self._text = text
        self._flow = Flow(json)

    def replace(self, slot: Slot, value: Any) -> list[Span]:
        """Put a value in the place of another; of a mapping by a mapping only what differs."""
        node = slot.node
        if isinstance(value, dict) and node.entries and value and not value.keys().isdisjoint(node.entries):
            spans = self.merge(node, value)
            if spans is not None:
                return spans
        return self._replace_whole(slot, value)

    def merge(self, node: Node, value: dict[str, Any]) -> list[Span] | None:
        """Turn a mapping into another key by key; None where the spans would touch each other."""
        assert node.entries is not None
        gone = [key for key in node.entries if key not in value]
        new = [key for key in value if key not in node.entries]
        if (node.flow and gone) or next(iter(node.entries)) in gone:
            return None
        spans = [span for key in gone for span in self.remove(Slot(node, key, 0, node.entries[key].node))]
        for key, entry in node.entries.items():
            if key in value and value[key] != entry.node.data:
                spans += self.replace(Slot(node, key, 0, entry.node), value[key])
        return spans + [span for key in new for span in self.add_key(node, key, value[key])]

    def _replace_whole(self, slot: Slot, value: Any) -> list[Span]:
        node, entry = slot.node, slot.entry
        if slot.parent.flow:
            gap = " " if node.start == node.end else ""
            indent = self._line_indent(node.start) if self._spread(slot.parent) else None
            return [Span(node.start, node.end, gap + self._flow.value(value, indent))]
        if entry is not None:
            colon = self._text.index(":", entry.end) + 1
            block = not node.flow and bool(node.entries or node.items)
            text = after_colon(value, self._column(entry.start), block=block)
            return [Span(colon, max(node.end, colon), text)]
        dash = dash_of(self._text, slot.parent, slot.position)
        flow = node.flow if isinstance(value, dict) else None
        text = item_text(value, self._column(dash), flow=flow).lstrip(" ")
        return [Span(dash, max(node.end, dash + 1), text)]

    def _line_indent(self, offset: int) -> int:
        line = self._text[line_start(self._text, offset) : offset]
        return len(line) - len(line.lstrip())

    def _column(self, offset: int) -> int:
        return column(self._text, offset)

    def _spread(self, node: Node) -> bool:
        """Return whether the members of a bracketed collection stand in lines of their own."""
        members = [entry.start for entry in node.entries.values()] if node.entries else []
        members += [item.start for item in node.items or ()]
        return bool(members) and begins_its_line(self._text, members[-1])

    def add_key(self, node: Node, key: str, value: Any) -> list[Span]:
        """Add a key at the end of a mapping."""
        if node.flow:
            last = next(reversed(node.entries.values())) if node.entries else None
            return self._append(node, last.node.end if last else None, last.start if last else 0, key, value)
        first = next(iter((node.entries or {}).values()))
        lines = "\n".join(mapping_lines({key: value}, self._column(first.start)))
        return [after_line(self._text, node.end, lines)]

    def _append(self, node: Node, end: int | None, start: int, key: str | None, value: Any) -> list[Span]:
        """Add a member at the end of a bracketed collection; ``end`` of the last one, None if it is empty."""
        spread = end is not None and begins_its_line(self._text, start)
        indent = self._column(start) if spread else None
        text = self._flow.value(value, indent) if key is None else self._flow.member(key, value, indent)
        if end is None:
            return [Span(node.start + 1, node.end - 1, text)]
        return [Span(end, end, f",\n{' ' * self._column(start)}{text}" if spread else f", {text}")]

    def insert(self, slot: Slot, index: int | None, values: list[Any]) -> list[Span]:
        """Add items to a list before position ``index``, or at its end."""
        items = slot.node.items or []
        if not items:
            return self._replace_whole(slot, values)
        position = len(items) if index is None else min(max(index, 0), len(items))
        if slot.node.flow:
            return self._insert_flow(slot.node, items, position, values)
        indent = self._column(slot.node.start)
        if not begins_its_line(self._text, slot.node.start):
            return self._replace_whole(
                slot, [*slot.node.data[:position], *values, *slot.node.data[position:]]
            )
        neighbour = items[max(position - 1, 0)]
        flow = neighbour.flow if neighbour.entries is not None else None
        lines = "\n".join(list_lines(values, indent, flow=flow))
        if position == 0:
            start = line_start(self._text, slot.node.start)
            return [Span(start, start, f"{lines}\n")]
        return [after_line(self._text, items[position - 1].end, lines)]

    def _insert_flow(self, node: Node, items: list[Node], position: int, values: list[Any]) -> list[Span]:
        if position == len(items):
            return [
                span
                for value in values
                for span in self._append(node, items[-1].end, items[-1].start, None, value)
            ]
        before = items[position].start
        spread = begins_its_line(self._text, before)
        indent = self._column(before) if spread else None
        gap = f",\n{' ' * self._column(before)}" if spread else ", "
        return [Span(before, before, "".join(self._flow.value(value, indent) + gap for value in values))]

    def remove(self, slot: Slot) -> list[Span]:
        """Take a member out of its mapping or list, which has others."""
        if slot.parent.flow:
            return self._remove_flow(slot)
        if slot.entry is not None:
            start, following = slot.entry.start, self._following_key(slot)
        else:
            start = dash_of(self._text, slot.parent, slot.position)
            last = slot.position + 1 == len(slot.parent.items or ())
            following = None if last else dash_of(self._text, slot.parent, slot.position + 1)
        if begins_its_line(self._text, start):
            return [Span(line_start(self._text, start), line_end(self._text, slot.node.end), "")]
        if following is None:
            raise Overlap
        return [Span(start, following, "")]

    def remove_only_item(self, items: Slot) -> list[Span]:
        """Empty a block list of one item; comments between the key and the item stay."""
        entry = items.entry
        if entry is None or items.node.flow or not begins_its_line(self._text, items.node.start):
            raise Overlap
        colon = self._text.index(":", entry.end) + 1
        start, end = line_start(self._text, items.node.start), line_end(self._text, items.node.end)
        return [Span(colon, colon, " []"), Span(start, end, "")]

    def _following_key(self, slot: Slot) -> int | None:
        keys = list(slot.parent.entries or ())
        place = keys.index(str(slot.key)) + 1
        return (slot.parent.entries or {})[keys[place]].start if place < len(keys) else None

    def _remove_flow(self, slot: Slot) -> list[Span]:
        if slot.parent.entries is not None:
            members = [(entry.start, entry.node.end) for entry in slot.parent.entries.values()]
            place = list(slot.parent.entries).index(str(slot.key))
        else:
            members = [(item.start, item.end) for item in slot.parent.items or ()]
            place = slot.position
        if place + 1 < len(members):
            return [Span(members[place][0], members[place + 1][0], "")]
        if place > 0:
            return [Span(members[place - 1][1], members[place][1], "")]
        return [Span(*members[place], "")]

    def give_id(self, node: Node, name: str) -> list[Span]:
        """Put ``id`` before the other keys of a mapping."""
        if node.entries and "id" in node.entries:
            return self._replace_whole(Slot(node, "id", 0, node.entries["id"].node), name)
        if node.flow:
            first = next(iter((node.entries or {}).values())).start if node.entries else None
            gap = "" if first is None else ", "
            if first is not None and begins_its_line(self._text, first):
                gap = f",\n{' ' * self._column(first)}"
            at = node.start + 1 if first is None else first
            return [Span(at, at, self._flow.member("id", name) + gap)]
        return [Span(node.start, node.start, f"id: {name}\n{' ' * self._column(node.start)}")]
