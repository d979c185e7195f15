# SPDX-License-Identifier: GPL-2.0-or-later
"""The match ``time`` of iptables as a schedule of ours. Pure. Source: iptables-extensions(8), xt_time.c.

Its times are those of UTC unless it says otherwise, its last second is within, and its days are those on
which a packet comes, where ours are those on which the time begins.
"""

from __future__ import annotations

from typing import Any

from patronus.firewall.importing.condition import Condition, Unsaid
from patronus.firewall.importing.saved import Line

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
FLAGS = frozenset({"--kerneltz", "--localtz", "--utc", "--contiguous"})
"""Options of the match without a value."""
_DAY_S = 24 * 3600


def schedule(_: str, line: Line) -> Condition:
    """Return the condition of the whole match, whichever of its options asks. Raises Unsaid."""
    days, time = _days(line), _time(line)
    overnight = time is not None and 0 < time[1] < time[0]
    if overnight and days is not None and "--contiguous" not in line.words:
        raise Unsaid("a night that begins on one day and ends on another of those given has no word here")
    found: dict[str, Any] = {} if days is None else {"days": days}
    if time is not None:
        found["time"] = "-".join(f"{second // 3600:02}:{second // 60 % 60:02}" for second in time)
    if not found:
        raise Unsaid("a time that is always has no word here")
    zone = {} if {"--kerneltz", "--localtz"} & set(line.words) else {"timezone": "UTC"}
    return Condition(more={"schedule": {**found, **zone}})


def _days(line: Line) -> list[str] | None:
    """Return the days of the week that the line names, by name or from 1 on. Raises Unsaid."""
    text = line.value("--weekdays", "--days")
    if text is None:
        return None
    named = {day if day in DAYS else DAYS[int(day) - 1] if day in "1234567" else "" for day in _words(text)}
    if "" in named:
        raise Unsaid(f"--weekdays {text} is not understood")
    return [day for day in DAYS if day in named]


def _words(text: str) -> list[str]:
    return [one.strip().lower()[:3] for one in text.split(",")]


def _time(line: Line) -> tuple[int, int] | None:
    """Return the first second of the time and the one behind its last, None for all day. Raises Unsaid."""
    if line.value("--timestart", "--timestop") is None:
        return None
    start = _seconds(line.value("--timestart") or "00:00:00")
    stop = _seconds(line.value("--timestop") or "23:59:59")
    end = (stop + stop % 60 % 2) % _DAY_S  # 17:59:59 and 18:00:00 are both meant as six o'clock
    if start % 60 or end % 60:
        raise Unsaid("a time to the second has no word here")
    return None if start == end else (start, end)


def _seconds(text: str) -> int:
    parts = text.split(":")
    if not 2 <= len(parts) <= 3 or not all(one.isascii() and one.isdigit() for one in parts):
        raise Unsaid(f"the time {text} is not understood")
    hours, minutes, seconds = (int(one[:4]) for one in (*parts, "0")[:3])
    if hours > 23 or minutes > 59 or seconds > 59:
        raise Unsaid(f"the time {text} is not understood")
    return hours * 3600 + minutes * 60 + seconds
