# SPDX-License-Identifier: GPL-2.0-or-later
"""The streams that are open: of one source the newest takes the place of the oldest.

A browser that has left a page is noticed only when something is written to it; its streams of pages long left
must not keep the page it is on from having one. Pure but for its lock.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, eq=False)
class Open:
    """A stream of one source; ``end`` makes the thread that serves it stop, from any thread."""

    source: str
    end: Callable[[], None]


class Streams:
    """Holds at most ``each`` streams of one source, an address, and ``together`` of all."""

    def __init__(self, each: int, together: int) -> None:
        self._each = each
        self._together = together
        self._lock = threading.Lock()
        self._open: list[Open] = []

    def enter(self, stream: Open) -> bool:
        """Let a stream in, in the place of its source's oldest if need be; False where all have too many."""
        with self._lock:
            own = [one for one in self._open if one.source == stream.source]
            oldest = own[0] if len(own) >= self._each else None
            if oldest is None and len(self._open) >= self._together:
                return False
            if oldest is not None:
                self._open.remove(oldest)
            self._open.append(stream)
        if oldest is not None:
            oldest.end()
        return True

    def leave(self, stream: Open) -> None:
        """Forget a stream that is over, also one that was ended for a newer one."""
        with self._lock:
            if stream in self._open:
                self._open.remove(stream)
