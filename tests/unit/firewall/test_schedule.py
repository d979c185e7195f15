# SPDX-License-Identifier: GPL-2.0-or-later
"""Days, spans past midnight, time zones."""

from __future__ import annotations

from datetime import datetime

import pytest
from pydantic import ValidationError

from patronus.core.model import Configuration
from patronus.firewall.model import Rules, Schedule
from patronus.firewall.resolve.schedule import asleep

MON, TUE, SAT, SUN = 0, 1, 5, 6


@pytest.mark.parametrize(
    ("schedule", "weekday", "minute", "applies"),
    [
        ({"days": ["mon-fri"], "time": "08:00-18:00"}, MON, 8 * 60, True),
        ({"days": ["mon-fri"], "time": "08:00-18:00"}, MON, 8 * 60 - 1, False),
        ({"days": ["mon-fri"], "time": "08:00-18:00"}, MON, 18 * 60, False),
        ({"days": ["mon-fri"], "time": "08:00-18:00"}, SAT, 9 * 60, False),
        ({"days": "sat-mon"}, SUN, 0, True),
        ({"days": "sat-mon"}, TUE, 0, False),
        ({"days": "mon", "time": "22:00-06:00"}, MON, 23 * 60, True),
        ({"days": "mon", "time": "22:00-06:00"}, TUE, 5 * 60, True),
        ({"days": "mon", "time": "22:00-06:00"}, MON, 5 * 60, False),
        ({"time": "00:00-24:00"}, SUN, 24 * 60 - 1, True),
    ],
)
def test_applies(schedule: dict[str, object], weekday: int, minute: int, applies: bool) -> None:
    assert Schedule.model_validate(schedule).applies(weekday, minute) is applies


@pytest.mark.parametrize(
    "wrong", [{}, {"days": []}, {"days": "tod"}, {"time": "8-9"}, {"time": "08:00-08:00"}]
)
def test_what_says_nothing_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Schedule.model_validate(wrong)


@pytest.mark.parametrize(
    ("moment", "off"), [("2026-07-01T06:30+00:00", False), ("2026-12-01T06:30+00:00", True)]
)
def test_summer_time_moves_the_span(moment: str, off: bool) -> None:
    schedule = {"time": "08:00-18:00", "timezone": "Europe/Berlin"}
    rule = {"id": "r-1", "action": "drop", "schedule": schedule}
    config = Configuration({"firewall/rules": Rules.model_validate({"rules": [rule]})})
    assert ("r-1" in asleep(config, datetime.fromisoformat(moment).timestamp())) is off
