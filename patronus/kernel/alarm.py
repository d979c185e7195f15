# SPDX-License-Identifier: GPL-2.0-or-later
"""An alarm: something done once after a time, which may be set anew."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from patronus.core.errors import PatronusError

log = logging.getLogger(__name__)

LONGEST_S = 86400.0
"""An alarm rings after a day at the latest; whoever is called too early sets it again."""


class Alarm:
    """Calls ``action`` once after a time that may be set anew; in a thread of its own.

    What the action refuses is logged; whether it is tried again is the action's own affair.
    """

    def __init__(self, action: Callable[[], object]) -> None:
        self._action = action
        self._lock = threading.Lock()
        self._timer: threading.Timer | None = None

    def set(self, seconds: float | None) -> None:
        """Ring in so many seconds instead of whenever it was to ring; None: never."""
        with self._lock:
            if self._timer is not None:
                self._timer.cancel()
            self._timer = None
            if seconds is not None:
                self._timer = threading.Timer(min(max(0.0, seconds), LONGEST_S), self._ring)
                self._timer.daemon = True
                self._timer.start()

    def _ring(self) -> None:
        try:
            self._action()
        except PatronusError as error:
            log.error("what was to happen in time has failed: %s", error)
