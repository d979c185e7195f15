# SPDX-License-Identifier: GPL-2.0-or-later
"""Queues of the kernel from which a program takes packets and says what becomes of them (nfnetlink_queue)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field, PlainSerializer, PlainValidator

from patronus.core.model import Strict
from patronus.core.values import Refused, metadata, shown

LAST = 65535
MOST = 256
"""Queues of one rule: more than there are processors to read them."""
_ALLOWED = f'a queue 0-{LAST}, or a range "0-3" of {MOST} at most'


@dataclass(frozen=True, slots=True)
class QueueNumbers:
    """Queues from ``first`` to ``last``, both included."""

    first: int
    last: int

    def __str__(self) -> str:
        return str(self.first) if self.first == self.last else f"{self.first}-{self.last}"


def parse_queue_numbers(value: Any) -> QueueNumbers:
    """Return the range ``0-3``; one queue is a range of one. Raises Refused."""
    if isinstance(value, QueueNumbers):
        return value
    first, dash, last = value.partition("-") if isinstance(value, str) else (value, "", "")
    found = QueueNumbers(_number(first), _number(last if dash else first))
    if found.first > found.last:
        hint = f'did you mean "{found.last}-{found.first}"?'
        raise Refused(f"{shown(value)} ends before it starts", _ALLOWED, hint)
    if found.last - found.first >= MOST:
        raise Refused(f"{shown(value)} are {found.last - found.first + 1} queues", _ALLOWED)
    return found


def _number(value: Any) -> int:
    text = str(value).strip()
    plain = isinstance(value, int | str) and not isinstance(value, bool)
    if not plain or not text.isascii() or not text.isdigit() or int(text) > LAST:
        raise Refused(f"{shown(value)} is not a queue", _ALLOWED)
    return int(text)


class Queue(Strict):
    """Where a rule hands packets to. Several queues share the connections out among themselves.

    Without a program that reads it a packet is dropped, unless ``bypass``.
    """

    numbers: Annotated[
        QueueNumbers,
        PlainValidator(parse_queue_numbers),
        PlainSerializer(lambda item: item.first if item.first == item.last else str(item), when_used="json"),
        metadata.Shape(
            {
                "anyOf": [{"type": "string"}, {"type": "integer", "minimum": 0, "maximum": LAST}],
                metadata.WRITTEN: _ALLOWED,
                "examples": [0, "0-3"],
            }
        ),
    ] = Field(description="number of the queue, or a range of them")
    bypass: bool = Field(default=False, description="lets packets go on while no program reads the queue")
    fanout: bool = Field(
        default=False, description="chooses among several queues by the processor that has the packet"
    )
