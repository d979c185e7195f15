# SPDX-License-Identifier: GPL-2.0-or-later
"""The alarm looks when something may have ended, and outlives what it finds."""

from __future__ import annotations

import threading

import pytest

from patronus.core.errors import PatronusError, Unavailable
from patronus.firewall import alarm as waking
from patronus.firewall.alarm import Alarm

LONG_S = 20.0


class Feature:
    """What the alarm asks: fails so often, then has something due at once."""

    def __init__(self, *faults: Exception) -> None:
        self.faults = list(faults)
        self.refreshed = threading.Event()

    def next_change_s(self) -> float | None:
        if self.faults:
            raise self.faults.pop()
        return None if self.refreshed.is_set() else 0.0

    def refresh_if_due(self) -> None:
        self.refreshed.set()


@pytest.mark.parametrize("fault", [Unavailable("starting"), PatronusError("no"), ZeroDivisionError()])
def test_it_looks_again_after_a_fault_and_can_be_set_at_any_time(
    fault: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waking, "MINUTE_S", 0.01)
    monkeypatch.setattr(waking, "BOOT_S", 0.01)
    feature = Feature(fault)
    alarm = Alarm(feature)
    for _ in range(3):
        alarm.set()
    assert feature.refreshed.wait(LONG_S)
    alarm.set()
