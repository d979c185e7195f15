# SPDX-License-Identifier: GPL-2.0-or-later
"""What ends or changes by itself wakes a thread: blocks, schedules, lists, names."""

from __future__ import annotations

import logging
import threading
from typing import Protocol

from patronus.core.errors import PatronusError, Unavailable

log = logging.getLogger(__name__)

MINUTE_S = 60.0
BOOT_S = 2.0
"""How soon the alarm looks again while the engine is still starting."""


class Waking(Protocol):
    """What an alarm wakes."""

    def next_change_s(self) -> float | None:
        """Return the seconds until something may be due, or None."""

    def refresh_if_due(self) -> None:
        """Do what is due. Raises PatronusError."""


class Alarm:
    """A thread that wakes when a block ends, a schedule may change, or a name is due; ``set`` starts it."""

    def __init__(self, feature: Waking) -> None:
        self._feature = feature
        self._changed = threading.Event()
        self._started = False
        self._thread = threading.Thread(target=self._watch, name="firewall-alarm", daemon=True)

    def set(self) -> None:
        """Look again when to wake."""
        self._changed.set()
        if not self._started:
            self._started = True
            self._thread.start()

    def _watch(self) -> None:
        while True:
            self._changed.clear()
            try:
                if not self._changed.wait(self._feature.next_change_s()):
                    self._feature.refresh_if_due()
            except Unavailable:
                self._changed.wait(BOOT_S)
            except PatronusError as error:
                log.error("what has changed could not be brought into the ruleset: %s", error)
                self._changed.wait(MINUTE_S)
            except Exception:  # this thread must outlive a mistake: nobody else ends blocks
                log.exception("what has changed could not be brought into the ruleset")
                self._changed.wait(MINUTE_S)
