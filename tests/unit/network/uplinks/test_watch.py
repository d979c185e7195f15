# SPDX-License-Identifier: GPL-2.0-or-later
"""What the watch has seen it tells once, until somebody could follow; other settings cost it no memory."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from patronus.core.errors import Unavailable
from patronus.kernel.clock import SystemClock
from patronus.network.uplinks.model import Uplink
from patronus.network.uplinks.server import Watch, _Watched
from patronus.network.uplinks.task import Task

LONG_S = 60.0
GIVEN = {"id": "wan", "down_after": 1, "up_after": 1, "fail_back": "0s", "interval": "1h"}
ILL = Task(Uplink.model_validate(GIVEN), None, None, "wan has no device")
"""An uplink without a device fails each round without asking anybody."""
WELL = Task(Uplink.model_validate({**GIVEN, "checks": []}), None, None)
Told = list[tuple[str, bool, str | None]]


class Listener:
    """Hears of changes, but for the first so many times."""

    def __init__(self, deaf: int = 0) -> None:
        self.told: Told = []
        self._deaf = deaf

    def __call__(self, role: str, up: bool, reason: str | None) -> None:
        if self._deaf:
            self._deaf -= 1
            raise Unavailable("still starting")
        self.told.append((role, up, reason))


def eventually(true: Callable[[], bool]) -> None:
    end_s = time.monotonic() + LONG_S
    while not true():
        assert time.monotonic() < end_s
        time.sleep(0.01)


def turns(listener: Listener, *tasks: Task) -> _Watched:
    """Go through so many rounds, each with its task."""
    watch, one = Watch(SystemClock(), listener), _Watched(tasks[0], 0.0)
    for task in tasks:
        one.task = task
        try:
            watch._turn("wan", one)
        except Unavailable:
            continue
    return one


def test_each_change_is_told_once() -> None:
    listener = Listener()
    turns(listener, ILL, ILL, WELL, WELL, ILL)
    assert listener.told == [
        ("wan", False, "wan has no device"),
        ("wan", True, None),
        ("wan", False, "wan has no device"),
    ]


def test_what_nobody_could_follow_is_told_again() -> None:
    listener = Listener(deaf=2)
    turns(listener, ILL, ILL, ILL, ILL)
    assert listener.told == [("wan", False, "wan has no device")]


def test_what_is_over_before_anybody_could_follow_is_not_told() -> None:
    listener = Listener(deaf=1)
    turns(listener, ILL, WELL, WELL)
    assert listener.told == []


def test_an_uplink_that_is_watched_no_more_is_told_of_no_more() -> None:
    listener = Listener()
    one = _Watched(ILL, 0.0)
    one.ended = True
    Watch(SystemClock(), listener)._turn("wan", one)
    assert listener.told == []


@pytest.mark.parametrize(("task", "down"), [(ILL, {"wan"}), (WELL, set())])
def test_other_settings_are_tried_at_once_and_what_is_known_is_kept(task: Task, down: set[str]) -> None:
    watch = Watch(SystemClock(), Listener())
    watch.tell({"wan": ILL})
    eventually(lambda: watch.health()["wan"].rounds == 1)
    watch.tell({"wan": Task(task.uplink, None, None, "another reason")})
    eventually(lambda: watch.health()["wan"].rounds == 2)
    assert watch.down() == down
    watch.stop()
    assert watch.health() == {}
