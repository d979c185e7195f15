# SPDX-License-Identifier: GPL-2.0-or-later
"""Numbers with a meaning: shares, sizes, AS numbers, DSCP classes, packet marks. Numbers inside."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import PlainSerializer, PlainValidator

from patronus.core.values import metadata
from patronus.core.values.refusal import Refused, shown, text_of

_PERCENTAGE = re.compile(r"(100|[0-9]{1,2})%")
_PERCENTAGE_ALLOWED = "0% to 100%, whole numbers"
_SIZES = {"tib": 2**40, "gib": 2**30, "mib": 2**20, "kib": 2**10, "b": 1}
_SIZE = re.compile(r"([0-9]{1,9})([kmgt]ib|b)")
_SIZE_ALLOWED = "a whole number and B, KiB, MiB, GiB or TiB, such as 64MiB"
_DECIMAL = re.compile(r"([0-9]+)\s*([kmgt]?)b?")
_AS_ALLOWED = "1-4294967294, or two halves as in 1.10"
_AS_HALVES = re.compile(r"([0-9]{1,5})\.([0-9]{1,5})")
_AS_RESERVED = frozenset({0, 23456, 65535, 2**32 - 1})
_MARK = re.compile(r"(0x[0-9a-f]{1,8}|[0-9]{1,10})(?:/(0x[0-9a-f]{1,8}|[0-9]{1,10}))?")
_MARK_ALLOWED = "a number of 32 bits, or number/mask, such as 0x10/0xff"
ALL_BITS = 2**32 - 1
DSCP = {
    "be": 0, "le": 1, "ef": 46, "va": 44,
    **{f"cs{number}": 8 * number for number in range(8)},
    **{f"af{group}{drop}": 8 * group + 2 * drop for group in range(1, 5) for drop in range(1, 4)},
}  # fmt: skip
"""Names of DSCP classes (RFC 2474, 2597, 3246, 5865, 8622)."""
_DSCP_ALLOWED = "0-63, or a class such as ef, af41, cs1"


def parse_percentage(value: Any) -> int:
    """Return the whole number of ``40%``. Raises Refused."""
    if isinstance(value, int) and not isinstance(value, bool):
        raise Refused(f"{value} is a share without %", _PERCENTAGE_ALLOWED, f'did you mean "{value}%"?')
    match = _PERCENTAGE.fullmatch(text_of(value, "a share", _PERCENTAGE_ALLOWED))
    if match is None:
        raise Refused(f"{shown(value)} is not a share", _PERCENTAGE_ALLOWED)
    return int(match[1])


def parse_byte_size(value: Any) -> int:
    """Return the bytes of ``64MiB``; units are powers of 1024 (IEC 80000-13). Raises Refused."""
    if isinstance(value, int) and not isinstance(value, bool):
        raise Refused(f"{value} is a size without a unit", _SIZE_ALLOWED, f"did you mean {value}MiB?")
    text = text_of(value, "a size", _SIZE_ALLOWED).lower()
    match = _SIZE.fullmatch(text)
    if match is None:
        close = _DECIMAL.fullmatch(text)
        hint = f"did you mean {close[1]}{close[2].upper() + 'i' if close[2] else ''}B?" if close else None
        raise Refused(f"{shown(value)} is not a size", _SIZE_ALLOWED, hint)
    return int(match[1]) * _SIZES[match[2]]


def write_byte_size(count: int) -> str:
    """Return bytes in the largest unit that leaves no remainder: 67108864 is ``64MiB``."""
    unit = next((unit for unit, size in _SIZES.items() if count and count % size == 0), "b")
    return f"{count // _SIZES[unit]}{unit[0].upper() + unit[1:-1] + 'B' if len(unit) > 1 else 'B'}"


def parse_as_number(value: Any) -> int:
    """Return an autonomous system's number, also from its asdot form (RFC 6793, 5396). Raises Refused."""
    number = value if isinstance(value, int) and not isinstance(value, bool) else None
    if isinstance(value, str):
        text = value.strip()
        halves = _AS_HALVES.fullmatch(text)
        if halves and int(halves[1]) < 65536 and int(halves[2]) < 65536:
            number = int(halves[1]) * 65536 + int(halves[2])
        elif text.isascii() and text.isdigit() and len(text) < 11:
            number = int(text)
    if isinstance(value, float):
        raise Refused(f"{value} is not an AS number", _AS_ALLOWED, "put it in quotes")
    if number is None or not 0 <= number < 2**32:
        raise Refused(f"{shown(value)} is not an AS number", _AS_ALLOWED)
    if number in _AS_RESERVED:
        raise Refused(f"{number} is an AS number that nobody may have (RFC 7607, 7300)", _AS_ALLOWED)
    return number


def parse_dscp(value: Any) -> int:
    """Return a DSCP, 0 to 63, from its number or the name of its class. Raises Refused."""
    if isinstance(value, int) and not isinstance(value, bool):
        number: int | None = value
    else:
        text = text_of(value, "a DSCP", _DSCP_ALLOWED).lower()
        is_number = text.isascii() and text.isdigit() and len(text) < 4
        number = int(text) if is_number else DSCP.get(text)
    if number is None or not 0 <= number <= 63:
        raise Refused(f"{shown(value)} is not a DSCP", _DSCP_ALLOWED)
    return number


@dataclass(frozen=True)
class Mark:
    """A packet mark: the bits of ``mask`` are as in ``value``, the others are anything."""

    value: int
    mask: int = ALL_BITS

    def __str__(self) -> str:
        return hex(self.value) if self.mask == ALL_BITS else f"{self.value:#x}/{self.mask:#x}"


def parse_mark(value: Any) -> Mark:
    """Return the mark ``0x10`` or ``0x10/0xff``. Raises Refused."""
    if isinstance(value, Mark):
        return value
    text = str(value).strip().lower() if isinstance(value, str | int) and not isinstance(value, bool) else ""
    match = _MARK.fullmatch(text)
    if match is None:
        raise Refused(f"{shown(value)} is not a mark", _MARK_ALLOWED)
    number, mask = (
        int(part, 16 if part.startswith("0x") else 10) for part in (match[1], match[2] or "0xffffffff")
    )
    if number > ALL_BITS or mask > ALL_BITS or mask == 0:
        raise Refused(f"{shown(value)} is not a mark", _MARK_ALLOWED)
    if number & ~mask:
        hint = f"did you mean {number & mask:#x}/{mask:#x}?"
        raise Refused(f"{shown(value)} can never match: it has bits outside its mask", _MARK_ALLOWED, hint)
    return Mark(number, mask)


Percentage = Annotated[
    int,
    PlainValidator(parse_percentage),
    PlainSerializer(lambda share: f"{share}%", return_type=str, when_used="json"),
    metadata.text(_PERCENTAGE_ALLOWED, "40%", unit="percent", pattern=_PERCENTAGE.pattern),
]
"""A share in percent."""
ByteSize = Annotated[
    int,
    PlainValidator(parse_byte_size),
    PlainSerializer(write_byte_size, return_type=str, when_used="json"),
    metadata.text(_SIZE_ALLOWED, "64MiB", unit="bytes", pattern="[0-9]{1,9}([KkMmGgTt][Ii][Bb]|[Bb])"),
]
"""Bytes."""
AsNumber = Annotated[
    int,
    PlainValidator(parse_as_number),
    metadata.number_or_text(1, 2**32 - 2, _AS_ALLOWED, 64512, pattern=r"[0-9]{1,10}|[0-9]{1,5}\.[0-9]{1,5}"),
]
"""The number of an autonomous system."""
Dscp = Annotated[
    int,
    PlainValidator(parse_dscp),
    metadata.number_or_text(0, 63, _DSCP_ALLOWED, "ef", pattern="[A-Za-z0-9]{1,4}"),
]
"""The class of service in a packet's header."""
MarkMatch = Annotated[
    Mark,
    PlainValidator(parse_mark),
    PlainSerializer(str, return_type=str, when_used="json"),
    metadata.number_or_text(0, ALL_BITS, _MARK_ALLOWED, "0x10/0xff", pattern="[0-9A-Fa-fx/]{1,21}"),
]
"""A packet mark, perhaps with a mask."""
