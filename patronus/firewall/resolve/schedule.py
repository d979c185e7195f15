# SPDX-License-Identifier: GPL-2.0-or-later
"""Which rules their schedule puts off at a moment. Pure."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from patronus.core.model import Configuration
from patronus.firewall.model import Rules, Schedule


def asleep(config: Configuration, now_s: float) -> frozenset[str]:
    """Return the rules whose schedule does not apply at a moment, in seconds since the epoch."""
    local, now = local_zone(config), datetime.fromtimestamp(now_s, tz=UTC)
    rules = ((rule.id, rule.schedule) for rule in config.get(Rules).rules if rule.schedule is not None)
    return frozenset(rule for rule, schedule in rules if not applies(schedule, now, local))


def local_zone(config: Configuration) -> str:
    """Return the router's time zone, that of a schedule that names none."""
    system = getattr(config.sections.get("patronus"), "system", None)
    return getattr(system, "timezone", None) or "UTC"


def applies(schedule: Schedule, now: datetime, local: str) -> bool:
    """Return whether a schedule applies at a moment; ``local`` is the zone of one that names none."""
    there = now.astimezone(ZoneInfo(schedule.timezone or local))
    return schedule.applies(there.weekday(), there.hour * 60 + there.minute)
