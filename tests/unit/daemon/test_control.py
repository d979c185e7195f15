# SPDX-License-Identifier: GPL-2.0-or-later
"""The alarm rings once, in its time, and takes any time."""

from __future__ import annotations

import threading

import pytest

from patronus.core.errors import KernelError
from patronus.kernel.alarm import Alarm


@pytest.mark.parametrize("seconds", [0.0, -1.0, 0.01])
def test_it_rings(seconds: float) -> None:
    rung = threading.Event()
    Alarm(rung.set).set(seconds)
    assert rung.wait(10)


@pytest.mark.parametrize("then", [None, 1e308])
def test_it_does_not_ring_for_what_it_was_set_to_before(then: float | None) -> None:
    rung, later = threading.Event(), threading.Event()
    alarm = Alarm(rung.set)
    alarm.set(0.05)
    alarm.set(then)
    Alarm(later.set).set(0.2)
    assert later.wait(10)
    assert not rung.is_set()
    alarm.set(0)
    assert rung.wait(10)


def test_what_fails_is_logged_and_the_alarm_can_be_set_again(caplog: pytest.LogCaptureFixture) -> None:
    rung = threading.Semaphore(0)

    def fail() -> None:
        rung.release()
        raise KernelError("the kernel is away")

    alarm = Alarm(fail)
    for _ in range(2):
        alarm.set(0)
        assert rung.acquire(timeout=10)
    while caplog.text.count("the kernel is away") < 2:
        threading.Event().wait(0.01)
