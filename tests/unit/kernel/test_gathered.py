# SPDX-License-Identifier: GPL-2.0-or-later
"""What many ask for is done once for all of them, and never too late for the last."""

from __future__ import annotations

import threading

import pytest

from patronus.kernel.gathered import Gathered

LONG_S = 60.0


def test_who_asks_while_it_is_done_is_served_by_one_more_turn() -> None:
    begun, go_on = threading.Semaphore(0), threading.Semaphore(0)

    def work() -> None:
        begun.release()
        assert go_on.acquire(timeout=LONG_S)

    gathered = Gathered("work", work)
    gathered.ask()
    assert begun.acquire(timeout=LONG_S)
    for _ in range(100):
        gathered.ask()
    go_on.release()
    assert begun.acquire(timeout=LONG_S)
    go_on.release()
    gathered.stop()
    assert not begun.acquire(blocking=False)


def test_work_that_fails_is_done_for_the_next_who_asks(caplog: pytest.LogCaptureFixture) -> None:
    begun = threading.Semaphore(0)

    def work() -> None:
        begun.release()
        raise KeyError("a fault of ours")

    gathered = Gathered("names", work)
    for _ in range(2):
        gathered.ask()
        assert begun.acquire(timeout=LONG_S)
    gathered.stop()
    assert "names failed" in caplog.text


def test_nobody_asked_and_nothing_is_done() -> None:
    Gathered("work", lambda: pytest.fail("nobody asked")).stop()
