# SPDX-License-Identifier: GPL-2.0-or-later
"""When advertisements are due: at once, several times at first, then rarely, and never too often."""

from __future__ import annotations

import pytest

from patronus.network.advertising.schedule import Schedule


def test_news_is_said_three_times_in_short_order_and_then_rarely() -> None:
    schedule, moments = Schedule(due_s=5.0), []
    for _ in range(5):
        moments.append(schedule.due_s)
        schedule.sent(schedule.due_s, chance=0.5)
    assert moments == [5.0, 21.0, 37.0, 437.0, 837.0]


def test_a_change_is_said_at_once_but_not_within_three_seconds_of_the_last_word() -> None:
    schedule = Schedule(due_s=0.0)
    schedule.sent(0.0, chance=1.0)
    schedule.changed(1.0)
    assert schedule.due_s == 3.0
    schedule.sent(3.0, chance=1.0)
    schedule.changed(100.0)
    assert schedule.due_s == 100.0


@pytest.mark.parametrize(
    ("asked_s", "chance", "due_s"), [(1.0, 0.0, 3.0), (50.0, 1.0, 50.5), (50.0, 0.0, 50.0)]
)
def test_a_question_is_answered_within_half_a_second_once_in_three(
    asked_s: float, chance: float, due_s: float
) -> None:
    schedule = Schedule(due_s=0.0, quick=1)
    schedule.sent(0.0, chance=1.0)
    assert schedule.due_s == 600.0
    for _ in range(1000):
        schedule.asked(asked_s, chance)
    assert schedule.due_s == due_s


def test_what_could_not_be_sent_is_tried_again_soon_and_counts_as_unsaid() -> None:
    schedule = Schedule(due_s=0.0)
    schedule.failed(0.0)
    assert (schedule.due_s, schedule.quick) == (1.0, 3)
