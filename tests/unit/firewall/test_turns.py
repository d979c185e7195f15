# SPDX-License-Identifier: GPL-2.0-or-later
"""When a schedule says something else: what was kept for a boot until then must not be loaded after it."""

from __future__ import annotations

from datetime import datetime

import pytest

from patronus.core.model import Configuration
from patronus.firewall.model import Rules
from patronus.firewall.resolve.schedule import asleep
from patronus.firewall.resolve.turns import next_turn_s

BERLIN = {"timezone": "Europe/Berlin"}


def config(*schedules: dict[str, object]) -> Configuration:
    rules = [{"id": f"r-{number}", "action": "drop", "schedule": one} for number, one in enumerate(schedules)]
    rules.append({"id": "always", "action": "drop"})
    return Configuration({"firewall/rules": Rules.model_validate({"rules": rules})})


def moment(text: str) -> float:
    return datetime.fromisoformat(f"{text}+00:00").timestamp()


@pytest.mark.parametrize(
    ("schedules", "now", "then"),
    [
        ([{"time": "08:00-18:00"}], "2026-11-27T07:59:30", "2026-11-27T08:00:00"),
        ([{"time": "08:00-18:00"}], "2026-11-27T08:00:00", "2026-11-27T18:00:00"),
        ([{"time": "22:15-06:30"}], "2026-11-27T23:00:00", "2026-11-28T06:30:00"),
        ([{"days": "mon-fri"}], "2026-11-27T12:00:00", "2026-11-28T00:00:00"),
        ([{"days": "mon"}], "2026-12-01T00:00:00", "2026-12-07T00:00:00"),
        ([{"days": "mon"}, {"time": "13:37-14:00"}], "2026-12-01T00:00:00", "2026-12-01T13:37:00"),
        ([{"time": "08:00-18:00", "timezone": "Asia/Tokyo"}], "2026-06-30T22:30:00", "2026-06-30T23:00:00"),
        # Spring: the clock goes from 2:00 to 3:00 in Berlin, and with it past the beginning.
        ([{"time": "02:30-05:00", **BERLIN}], "2026-03-29T00:10:00", "2026-03-29T01:00:00"),
        # Autumn: the hour from 2 to 3 comes twice.
        ([{"time": "01:00-02:30", **BERLIN}], "2026-10-25T00:10:00", "2026-10-25T00:30:00"),
    ],
)  # fmt: skip
def test_the_next_turn(schedules: list[dict[str, object]], now: str, then: str) -> None:
    found = next_turn_s(config(*schedules), moment(now))
    assert found == moment(then) - moment(now)


def test_at_each_turn_that_is_told_and_never_before_it_the_sleeping_rules_are_others() -> None:
    given = config(
        {"days": ["mon", "wed"], "time": "22:00-06:15", "timezone": "America/New_York"},
        {"time": "09:20-17:40", "timezone": "Europe/Berlin"},
    )
    now = moment("2026-10-23T00:00:00")
    for _ in range(12):
        turn = next_turn_s(given, now)
        assert turn is not None
        steps = range(0, int(turn), 300)
        assert {asleep(given, now + step) for step in steps} == {asleep(given, now)}
        now += turn


def test_without_schedules_there_is_none() -> None:
    assert next_turn_s(config(), 0.0) is None
