# SPDX-License-Identifier: GPL-2.0-or-later
"""How much one source may hold at a time, so that no host keeps the others out. Pure but for its lock."""

from __future__ import annotations

import threading
from collections import Counter


class Crowd:
    """Counts holders by source, an address: at most ``each`` of one, and ``together`` of all."""

    def __init__(self, each: int, together: int) -> None:
        self._each = each
        self._together = together
        self._lock = threading.Lock()
        self._held: Counter[str] = Counter()

    def enter(self, source: str) -> bool:
        """Let a holder in; False where its source, or all together, hold too much."""
        with self._lock:
            if self._held[source] >= self._each or self._held.total() >= self._together:
                return False
            self._held[source] += 1
            return True

    def leave(self, source: str) -> None:
        """Let a holder go that was let in."""
        with self._lock:
            self._held[source] -= 1
            if not self._held[source]:
                del self._held[source]
