# SPDX-License-Identifier: GPL-2.0-or-later
"""Values as people read them. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

UNITS = ("", "k", "M", "G", "T")
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
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


def instant(seconds: float) -> str:
    """Return seconds since the epoch as a date and time in UTC, to the second."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S")


def listed(value: Any) -> str:
    """Return one value or several as a line: ``80, 443``; nothing as ``any``."""
    if value is None or value in ("", [], ()):
        return "any"
    if isinstance(value, list | tuple):
        return ", ".join(str(item) for item in value)
    return str(value)


def conditions(rule: Mapping[str, Any]) -> list[str]:
    """Return what else a rule asks for, beside zones, addresses, protocol and destination port."""
    found = [f"{word} {listed(rule[key])}" for key, word in ASKED.items() if rule.get(key) is not None]
    origin = rule.get("from")
    if isinstance(origin, dict) and origin.get("mac"):
        found.append(f"MAC {origin['mac']}")
    return [*found, *_limits(rule), *_times(rule.get("schedule"))]


def _limits(rule: Mapping[str, Any]) -> Iterator[str]:
    for key, figure, word in (("limit", "rate", "at most"), ("connections", "most", "open at most")):
        limit = rule.get(key)
        if isinstance(limit, dict):
            per = f" per {limit['per']}" if limit.get("per") else ""
            yield f"{word} {limit.get(figure)}{per}"


def _times(schedule: Any) -> Iterator[str]:
    if isinstance(schedule, dict):
        parts = (days(schedule.get("days")), schedule.get("time"), schedule.get("timezone"))
        yield " ".join(str(part) for part in parts if part)


def days(chosen: Any) -> str:
    """Return days of the week as spans: ``mon-fri, sun``."""
    listed_days = [chosen] if isinstance(chosen, str) else list(chosen or ())
    if not all(day in DAYS for day in listed_days):
        return ", ".join(map(str, listed_days))
    spans: list[list[int]] = []
    for number_of in sorted(DAYS.index(day) for day in listed_days):
        if spans and number_of == spans[-1][-1] + 1:
            spans[-1].append(number_of)
        else:
            spans.append([number_of])
    return ", ".join(
        DAYS[span[0]] if len(span) == 1 else f"{DAYS[span[0]]}-{DAYS[span[-1]]}" for span in spans
    )


ASKED = {
    "source_port": "from port", "icmp_type": "type", "tcp_flags": "flags", "dscp": "DSCP",
    "state": "state", "mark": "mark",
}  # fmt: skip
"""Keys of a rule that are shown in a word each, and the word."""
FILTERS: dict[str, Callable[..., str | list[str]]] = {
    "size": size,
    "rate": rate,
    "number": number,
    "duration": duration,
    "moment": moment,
    "instant": instant,
    "listed": listed,
    "conditions": conditions,
}
