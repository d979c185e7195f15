# SPDX-License-Identifier: GPL-2.0-or-later
"""Values as people read them. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

UNITS = ("", "k", "M", "G", "T")
MINUTE_S, HOUR_S, DAY_S = 60, 3600, 86400


def _scaled(value: float, step: float) -> tuple[float, int]:
    power = 0
    while value >= step and power < len(UNITS) - 1:
        value /= step
        power += 1
    return value, power


def _digits(value: float) -> str:
    return f"{value:.0f}" if value >= 100 or value == int(value) else f"{value:.1f}"


def size(count: float | None) -> str:
    """Return bytes in powers of 1024: ``1.5 MiB``."""
    if count is None:
        return "–"
    value, power = _scaled(float(count), 1024)
    return f"{_digits(value)} {UNITS[power].upper() + 'i' if power else ''}B"


def rate(bits_per_s: float | None) -> str:
    """Return a rate in powers of 1000: ``94.1 Mbit/s``."""
    if bits_per_s is None:
        return "–"
    value, power = _scaled(float(bits_per_s), 1000)
    return f"{_digits(value)} {UNITS[power]}bit/s"


def number(count: float | None) -> str:
    """Return a count with thin spaces between thousands."""
    return "–" if count is None else f"{count:,.0f}".replace(",", "\u202f")


def duration(seconds: float | None) -> str:
    """Return a span by its two largest units: ``3 h 12 min``."""
    if seconds is None:
        return "–"
    left = max(0, math.floor(seconds))
    parts: list[str] = []
    for length, name in ((DAY_S, "d"), (HOUR_S, "h"), (MINUTE_S, "min"), (1, "s")):
        count, left = divmod(left, length)
        if count or (length == 1 and not parts):
            parts.append(f"{count} {name}")
    return " ".join(parts[:2])


def moment(seconds: float | None) -> str:
    """Return seconds since the epoch as a date and time in UTC."""
    if seconds is None:
        return "–"
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M")


def listed(value: Any) -> str:
    """Return one value or several as a line: ``80, 443``; nothing as ``any``."""
    if value is None or value in ("", [], ()):
        return "any"
    if isinstance(value, list | tuple):
        return ", ".join(str(item) for item in value)
    return str(value)


FILTERS: dict[str, Callable[..., str]] = {
    "size": size,
    "rate": rate,
    "number": number,
    "duration": duration,
    "moment": moment,
    "listed": listed,
}
