# SPDX-License-Identifier: GPL-2.0-or-later
"""Work that many things ask for, done in a thread of its own, once for all that asked meanwhile."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

log = logging.getLogger(__name__)

REST = 4.0
"""Times what the work took, it rests afterwards: work that grows never takes more than a fifth."""


class Gathered:
    """Does its ``work`` soon after ``ask``, which never waits; safe from any thread.

    The first to ask has it done at once. Whoever asks while it is done, or while it rests, is served by
    the next turn, which begins after all of them have asked.
    """

    def __init__(self, name: str, work: Callable[[], None]) -> None:
        self._name = name
        self._work = work
        self._lock = threading.Lock()
        self._asked = threading.Event()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def ask(self) -> None:
        """Have the work done."""
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
                self._thread.start()
        self._asked.set()

    def stop(self) -> None:
        """Return when nothing is being done any more, and nothing will be."""
        self._stopping.set()
        self._asked.set()
        with self._lock:
            thread = self._thread
        if thread is not None:
            thread.join()

    def _run(self) -> None:
        while self._asked.wait() and not self._stopping.is_set():
            self._asked.clear()
            start_s = time.monotonic()
            try:
                self._work()
            except Exception:  # who asks next must be served
                log.exception("%s failed", self._name)
            self._stopping.wait(REST * (time.monotonic() - start_s))
