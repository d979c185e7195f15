# SPDX-License-Identifier: GPL-2.0-or-later
"""Quantities with their units, ports and VLAN tags: numbers inside, the written form outside.

A bare number is no duration and no bit rate: the unit stands in the value.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from typing import Annotated, Any

from pydantic import PlainSerializer, PlainValidator

from patronus.core.values import metadata
from patronus.core.values.refusal import Refused, shown, text_of

_WORDS = {1: "second", 60: "minute", 3600: "hour", 86400: "day"}
_SECONDS = {"d": 86400, "h": 3600, "m": 60, "s": 1}
_LONG_UNITS = {"sec": "s", "second": "s", "min": "m", "minute": "m", "hour": "h", "day": "d"}
_BITS = {"gbit": 10**9, "mbit": 10**6, "kbit": 10**3, "bit": 1}
_DURATION = re.compile(r"([0-9]{1,9})([smhd])")
_RATE = re.compile(r"([0-9]{1,9})/([a-z]+)")
_BIT_RATE = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)([gmk]?bit)")
_DURATION_ALLOWED = "a whole number and s, m, h or d, such as 90s or 12h"
_RATE_ALLOWED = "a number per s, m, h or d, such as 10/s"
_BIT_RATE_ALLOWED = "a number and bit, kbit, mbit or gbit, such as 100mbit"
_PORT_ALLOWED = "1-65535"
_PORTS_ALLOWED = 'a port 1-65535, a range "1000-2000", or a list of them'


def parse_duration(value: Any) -> int:
    """Return the seconds of ``90s``, ``15m``, ``12h`` or ``7d``. Raises Refused."""
    if isinstance(value, int) and not isinstance(value, bool):
        raise Refused(f"{value} is a duration without a unit", _DURATION_ALLOWED, f"did you mean {value}s?")
    text = text_of(value, "a duration", _DURATION_ALLOWED)
    match = _DURATION.fullmatch(text)
    if not match:
        raise Refused(f"{shown(value)} is not a duration", _DURATION_ALLOWED, _duration_hint(text))
    return int(match[1]) * _SECONDS[match[2]]


def _duration_hint(text: str) -> str | None:
    match = re.fullmatch(r"([0-9]+)\s*([A-Za-z]*?)", text)
    if not match:
        return None
    unit = match[2].lower()
    unit = unit if unit in _SECONDS else _LONG_UNITS.get(unit.removesuffix("s"), "" if unit else "s")
    return f"did you mean {match[1]}{unit}?" if unit else None


def write_duration(seconds: int) -> str:
    """Return seconds in the largest unit that leaves no remainder: 43200 is ``12h``."""
    unit = next((unit for unit, size in _SECONDS.items() if seconds and seconds % size == 0), "s")
    return f"{seconds // _SECONDS[unit]}{unit}"


@dataclass(frozen=True, slots=True)
class Frequency:
    """``count`` events in ``per_s`` seconds."""

    count: int
    per_s: int

    def __str__(self) -> str:
        return f"{self.count}/{next(unit for unit, size in _SECONDS.items() if size == self.per_s)}"

    @property
    def unit(self) -> str:
        """Return the time as a word: second, minute, hour or day."""
        return _WORDS[self.per_s]


def parse_rate(value: Any) -> Frequency:
    """Return the rate ``10/s``; the unit may be s, m, h, d or their long names. Raises Refused."""
    if isinstance(value, Frequency):
        return value
    text = text_of(value, "a rate", _RATE_ALLOWED).replace(" ", "")
    match = _RATE.fullmatch(text)
    unit = _LONG_UNITS.get(match[2], match[2]) if match else ""
    if not match or unit not in _SECONDS or int(match[1]) < 1:
        hint = f"did you mean {text}/s?" if text.isdigit() else None
        raise Refused(f"{shown(value)} is not a rate", _RATE_ALLOWED, hint)
    return Frequency(int(match[1]), _SECONDS[unit])


def parse_bit_rate(value: Any) -> int:
    """Return the bits per second of ``100mbit``; units are decimal, as in tc(8). Raises Refused."""
    if isinstance(value, int) and not isinstance(value, bool):
        raise Refused(
            f"{value} is a bit rate without a unit", _BIT_RATE_ALLOWED, f"did you mean {value}mbit?"
        )
    text = text_of(value, "a bit rate", _BIT_RATE_ALLOWED).lower()
    match = _BIT_RATE.fullmatch(text)
    bits = Fraction(match[1]) * _BITS[match[2]] if match else Fraction(0)
    if not match or bits < 1 or bits.denominator != 1:
        hint = "a bit rate is in bit, not in bytes or bps" if text.endswith(("bps", "b/s")) else None
        raise Refused(f"{shown(value)} is not a bit rate", _BIT_RATE_ALLOWED, hint)
    return int(bits)


def write_bit_rate(bits_per_s: int) -> str:
    """Return bits per second in the largest unit that leaves no remainder."""
    unit = next(unit for unit, size in _BITS.items() if bits_per_s % size == 0)
    return f"{bits_per_s // _BITS[unit]}{unit}"


def _whole_number(value: Any) -> int | None:
    """Return an int written as a number or as digits, else None; a bool is no number."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if (
        isinstance(value, str)
        and len(value) < 12
        and (digits := value.strip()).isascii()
        and digits.isdigit()
    ):
        return int(digits)
    return None


def parse_port(value: Any) -> int:
    """Return a port, 1 to 65535. Raises Refused."""
    number = _whole_number(value)
    if number is None or not 1 <= number <= 65535:
        raise Refused(f"{shown(value)} is not a port", _PORT_ALLOWED)
    return number


@dataclass(frozen=True, order=True, slots=True)
class PortRange:
    """Ports from ``first`` to ``last``, both included."""

    first: int
    last: int

    def __contains__(self, port: int) -> bool:
        return self.first <= port <= self.last

    def __str__(self) -> str:
        return str(self.first) if self.first == self.last else f"{self.first}-{self.last}"


def parse_port_range(value: Any) -> PortRange:
    """Return the range ``1000-2000``; one port is a range of one. Raises Refused."""
    if isinstance(value, PortRange):
        return value
    left, dash, right = value.partition("-") if isinstance(value, str) else (value, "", "")
    if not dash:
        port = parse_port(left)
        return PortRange(port, port)
    first, last = parse_port(left), parse_port(right)
    if first > last:
        raise Refused(
            f"{shown(value)} ends before it starts", _PORTS_ALLOWED, f'did you mean "{last}-{first}"?'
        )
    return PortRange(first, last)


def parse_ports(value: Any) -> tuple[PortRange, ...]:
    """Return a port, a range, or a list of them, in the written order. Raises Refused."""
    items = value if isinstance(value, list | tuple) else [value]
    if not items:
        raise Refused("an empty list matches no port", _PORTS_ALLOWED, "leave the key out to match any port")
    return tuple(parse_port_range(item) for item in items)


def write_ports(ports: tuple[PortRange, ...]) -> int | str | list[int | str]:
    """Return ports as a person writes them: one alone without the list, one port as a number."""
    items: list[int | str] = [port.first if port.first == port.last else str(port) for port in ports]
    return items[0] if len(items) == 1 else items


def parse_vlan_tag(value: Any) -> int:
    """Return a VLAN identifier, 1 to 4094 (IEEE 802.1Q section 9.6 reserves 0 and 4095). Raises Refused."""
    number = _whole_number(value)
    if number is None or not 1 <= number <= 4094:
        raise Refused(f"{shown(value)} is not a VLAN tag", "1-4094")
    return number


_PORT_SCHEMA: list[dict[str, Any]] = [
    {"type": "integer", "minimum": 1, "maximum": 65535},
    {"type": "string", "pattern": r"^\s*[0-9]{1,11}\s*(-\s*[0-9]{1,11}\s*)?$"},
]

Duration = Annotated[
    int,
    PlainValidator(parse_duration),
    PlainSerializer(write_duration, return_type=str, when_used="json"),
    metadata.text(_DURATION_ALLOWED, "12h", unit="seconds", pattern=_DURATION.pattern),
]
"""Seconds."""
Rate = Annotated[
    Frequency,
    PlainValidator(parse_rate),
    PlainSerializer(str, return_type=str, when_used="json"),
    metadata.text(_RATE_ALLOWED, "10/s", pattern="[0-9 ]{1,20}/[ a-z]{1,12}"),
]
"""Events in a time."""
BitRate = Annotated[
    int,
    PlainValidator(parse_bit_rate),
    PlainSerializer(write_bit_rate, return_type=str, when_used="json"),
    metadata.text(
        _BIT_RATE_ALLOWED,
        "100mbit",
        unit="bits per second",
        pattern=r"[0-9]{1,9}(\.[0-9]{1,9})?[GgMmKk]?[Bb][Ii][Tt]",
    ),
]
"""Bits per second."""
Port = Annotated[int, PlainValidator(parse_port), metadata.number(1, 65535, "a port, 1-65535", 443)]
"""One port."""
Ports = Annotated[
    tuple[PortRange, ...],
    PlainValidator(parse_ports),
    PlainSerializer(write_ports, when_used="json"),
    metadata.Shape(
        {
            "anyOf": [*_PORT_SCHEMA, {"type": "array", "items": {"anyOf": _PORT_SCHEMA}, "minItems": 1}],
            metadata.WRITTEN: _PORTS_ALLOWED,
            "examples": [443, "1000-2000", [80, "8000-8100"]],
        }
    ),
]
"""A port, a range, or a list of them."""
VlanTag = Annotated[
    int, PlainValidator(parse_vlan_tag), metadata.number(1, 4094, "a VLAN identifier, 1-4094", 30)
]
"""The identifier of a VLAN."""
