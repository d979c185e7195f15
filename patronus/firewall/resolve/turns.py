# SPDX-License-Identifier: GPL-2.0-or-later
"""When a schedule will apply, or cease to, next. Pure; moments are seconds since the epoch."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from patronus.core.model import Configuration
from patronus.firewall.model import Rules
from patronus.firewall.model.schedule import Schedule
from patronus.firewall.resolve.schedule import applies, local_zone

_DAYS = 8
"""A schedule that says anything changes within a week."""


def next_turn_s(config: Configuration, now_s: float) -> float | None:
    """Return in how many seconds at the latest some rule's schedule says something else; None: none ever."""
    local, now = local_zone(config), datetime.fromtimestamp(now_s, tz=UTC)
    schedules = {rule.schedule for rule in config.get(Rules).rules if rule.schedule is not None}
    turns = (_turn(schedule, now, local) for schedule in schedules)
    return min(((turn - now).total_seconds() for turn in turns), default=None)


def _turn(schedule: Schedule, now: datetime, local: str) -> datetime:
    """Return the first moment at which it says something else; in a week, where it never does."""
    said = applies(schedule, now, local)
    moments = sorted(_moments(schedule, now, ZoneInfo(schedule.timezone or local)))
    return next((one for one in moments if applies(schedule, one, local) != said), moments[-1])


def _moments(schedule: Schedule, now: datetime, zone: ZoneInfo) -> Iterator[datetime]:
    """Yield where a time of the day begins or ends, and each full hour: a clock may be put forward there."""
    hour = now.replace(minute=0, second=0, microsecond=0)
    midnight = now.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)
    minutes = (schedule.time.start, schedule.time.end) if schedule.time else ()
    found = [hour + timedelta(hours=count) for count in range(24 * _DAYS)]
    for day in range(-1, _DAYS):
        for minute in minutes:
            there = midnight + timedelta(days=day, minutes=minute)
            found.append(there.astimezone(UTC))
    return (one for one in found if one > now)
