# SPDX-License-Identifier: GPL-2.0-or-later
"""Which flags of TCP's header are set, and which are not (RFC 9293 section 3.1, RFC 3168 section 6.1)."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from typing import Annotated, Any

from pydantic import PlainSerializer, PlainValidator

from patronus.core.values import Refused, metadata, shown

FLAGS = {"fin": 1, "syn": 2, "rst": 4, "psh": 8, "ack": 16, "urg": 32, "ece": 64, "cwr": 128}
"""The bits of the header's fourteenth byte."""
SYN, RST = FLAGS["syn"], FLAGS["rst"]
_ALLOWED = f"{', '.join(FLAGS)}, each with ! before it for not set, or a list of them"


@dataclass(frozen=True, slots=True)
class FlagMatch:
    """The flags in ``mask`` are as in ``value``, the others are anything."""

    value: int
    mask: int


def parse_flags(value: Any) -> FlagMatch:
    """Return ``syn`` or ``[syn, "!ack"]``: these are set, those are not. Raises Refused."""
    if isinstance(value, FlagMatch):
        return value
    items = value if isinstance(value, list | tuple) else [value]
    if not items:
        raise Refused("an empty list of flags says nothing", _ALLOWED, "leave the key out to match anything")
    found, mask = 0, 0
    for item in items:
        name = item.removeprefix("!") if isinstance(item, str) else ""
        if name not in FLAGS:
            close = get_close_matches(name, FLAGS, 1)
            hint = f"did you mean {close[0]}?" if close else None
            raise Refused(f"{shown(item)} is not a TCP flag", _ALLOWED, hint)
        if mask & FLAGS[name]:
            raise Refused(f"the flag {name} stands twice", _ALLOWED)
        mask |= FLAGS[name]
        found |= FLAGS[name] if item == name else 0
    return FlagMatch(found, mask)


def write_flags(match: FlagMatch) -> str | list[str]:
    """Return the flags as a person writes them: one alone without the list."""
    found = [
        name if match.value & bit else f"!{name}" for name, bit in FLAGS.items() if match.mask & bit
    ]  # fmt: skip
    return found[0] if len(found) == 1 else found


_ONE = {"type": "string", "pattern": f"^!?({'|'.join(FLAGS)})$"}
TcpFlags = Annotated[
    FlagMatch,
    PlainValidator(parse_flags),
    PlainSerializer(write_flags, when_used="json"),
    metadata.Shape(
        {
            "anyOf": [_ONE, {"type": "array", "items": _ONE, "minItems": 1}],
            metadata.WRITTEN: _ALLOWED,
            "examples": ["syn", ["syn", "!ack"]],
        }
    ),
]
"""Flags of TCP that must be set or must not."""
