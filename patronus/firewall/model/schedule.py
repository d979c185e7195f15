# SPDX-License-Identifier: GPL-2.0-or-later
"""When a rule applies: days of the week and a time of the day, in a time zone."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field, PlainSerializer, PlainValidator, model_validator

from patronus.core.model import Strict
from patronus.core.values import Refused, TimeZone, metadata, shown

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAYS_ALLOWED = f"{', '.join(DAYS)}, spans such as mon-fri, or a list of them"
_TIME = re.compile(r"([01]\d|2[0-4]):([0-5]\d)-([01]\d|2[0-4]):([0-5]\d)")
_TIME_ALLOWED = '"HH:MM-HH:MM", such as "08:00-18:00"'
DAY_MINUTES = 24 * 60


@dataclass(frozen=True)
class TimeSpan:
    """Minutes of the day from ``start`` to before ``end``; an end before the start is on the next day."""

    start: int
    end: int

    def __str__(self) -> str:
        return f"{self.start // 60:02}:{self.start % 60:02}-{self.end // 60:02}:{self.end % 60:02}"


def parse_days(value: Any) -> tuple[int, ...]:
    """Return the days as numbers from 0 (Monday) to 6, sorted. Raises Refused."""
    items = value if isinstance(value, list | tuple) else [value]
    found: set[int] = set()
    for item in items:
        first, dash, last = str(item).strip().lower().partition("-")
        last = last if dash else first
        if first not in DAYS or last not in DAYS:
            raise Refused(f"{shown(item)} is not a day", _DAYS_ALLOWED)
        start = DAYS.index(first)
        length = (DAYS.index(last) - start) % 7
        found.update((start + day) % 7 for day in range(length + 1))
    if not found:
        raise Refused("an empty list of days means never", _DAYS_ALLOWED)
    return tuple(sorted(found))


def parse_time_span(value: Any) -> TimeSpan:
    """Return the span ``08:00-18:00``; it may run past midnight. Raises Refused."""
    if isinstance(value, TimeSpan):
        return value
    match = _TIME.fullmatch(str(value).replace(" ", ""))
    if not match:
        raise Refused(f"{shown(value)} is not a time of the day", _TIME_ALLOWED)
    start, end = int(match[1]) * 60 + int(match[2]), int(match[3]) * 60 + int(match[4])
    if start >= DAY_MINUTES or end > DAY_MINUTES or start == end:
        raise Refused(f"{shown(value)} is not a span of the day", _TIME_ALLOWED)
    return TimeSpan(start, end)


Days = Annotated[
    tuple[int, ...],
    PlainValidator(parse_days),
    PlainSerializer(lambda days: [DAYS[day] for day in days], when_used="json"),
    metadata.Shape(
        {
            "anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "minItems": 1}],
            metadata.WRITTEN: _DAYS_ALLOWED,
            "examples": ["mon-fri", ["sat", "sun"]],
        }
    ),
]
"""Days of the week."""
DayTime = Annotated[
    TimeSpan,
    PlainValidator(parse_time_span),
    PlainSerializer(str, return_type=str, when_used="json"),
    metadata.text(_TIME_ALLOWED, "08:00-18:00", pattern=r"[0-9 ]{2,6}:[0-9 ]{2,6}-[0-9 ]{2,6}:[0-9 ]{2,6}"),
]
"""A time of the day."""


class Schedule(Strict):
    """When the rule applies; outside it the rule is as if it were not there, and flows it allowed end."""

    days: Days = Field(default=tuple(range(7)), description="days of the week")
    time: DayTime | None = Field(
        default=None, description="time of the day; an end before the start is on the next day"
    )
    timezone: TimeZone | None = Field(default=None, description="time zone; left out: that of the router")

    @model_validator(mode="after")
    def _says_something(self) -> Schedule:
        if not self.model_fields_set & {"days", "time"}:
            raise Refused("a schedule without days and time is always", "days, time, or both")
        return self

    def applies(self, weekday: int, minute: int) -> bool:
        """Return whether it applies at this minute of the day (0 is Monday) in the schedule's time zone."""
        if self.time is None:
            return weekday in self.days
        if self.time.start < self.time.end:
            return weekday in self.days and self.time.start <= minute < self.time.end
        yesterday = (weekday - 1) % 7
        return (weekday in self.days and minute >= self.time.start) or (
            yesterday in self.days and minute < self.time.end
        )
