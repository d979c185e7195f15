# SPDX-License-Identifier: GPL-2.0-or-later
"""One writer at a time. What a writer wants said or done afterwards waits until its turn is over."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Turn:
    """A lock that its holder may ask for again, and a list of what to do when it is given back.

    The deferred actions run in the holder's thread after the lock is free, so an observer that starts a
    change of its own, or a step that asks for another walk, cannot stop the engine.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._depth = 0
        self._deferred: list[Callable[[], None]] = []
        self._steps = 0

    @contextmanager
    def taken(self) -> Iterator[bool]:
        """Wait for the turn; yields whether this thread already had it."""
        self._lock.acquire()
        nested = self._depth > 0
        self._depth += 1
        self._steps += 1
        deferred: list[Callable[[], None]] = []
        try:
            yield nested
        finally:
            self._depth -= 1
            if not nested:
                deferred, self._deferred = self._deferred, []
            self._lock.release()
            for action in deferred:
                action()

    def step(self) -> None:
        """Say that the work goes on; the caller has the turn."""
        self._steps += 1

    def gets_on(self, patience_s: float) -> bool:
        """Return whether, within so many seconds, the turn can be had or whoever has it takes a step."""
        seen = self._steps
        if self._lock.acquire(timeout=patience_s):
            self._lock.release()
            return True
        return self._steps != seen

    def afterwards(self, action: Callable[[], None]) -> None:
        """Run the action when the turn is over; the caller has the turn."""
        self._deferred.append(action)
