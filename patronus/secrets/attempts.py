# SPDX-License-Identifier: GPL-2.0-or-later
"""Tries at passwords and codes, slowed down where they go wrong. Safe from any thread."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from patronus.core.control import Clock
from patronus.core.errors import NotAuthenticated, NotPermitted, PatronusError
from patronus.secrets.throttle import Limit, Throttle


class Attempts:
    """Holds each try against its keys until it came right."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._throttle = Throttle()

    @contextmanager
    def one(self, limits: Mapping[str, Limit]) -> Iterator[None]:
        """Count what happens within as a try. Raises TooManyRequests while one of the keys must wait.

        NotAuthenticated and NotPermitted make it a wrong one; any other error says nothing of it.
        """
        with self._lock:
            self._throttle.begin(limits, self._clock.boottime())
        try:
            yield
        except (NotAuthenticated, NotPermitted):
            raise
        except PatronusError:
            with self._lock:
                for key in limits:
                    self._throttle.withdraw(key)
            raise
        with self._lock:
            for key in limits:
                self._throttle.succeed(key)
