# SPDX-License-Identifier: GPL-2.0-or-later
"""How many connections one user may hold, so that no user can keep the others out; root always gets in.

Pure but for its lock: told the uid, which the kernel vouches for.
"""

from __future__ import annotations

import threading
from collections import Counter

ROOT = 0
PER_USER = 48
"""Connections of one user at one time. The web server needs most: its threads and its open streams."""
ALL_USERS = 4 * PER_USER
"""Connections of all users but root together: each is a thread and up to 8 MiB of an unfinished message."""


class Slots:
    """Counts the connections of each user. Safe from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: Counter[int] = Counter()

    def take(self, uid: int) -> bool:
        """Take a slot for a user; False where the user, or all users but root together, hold too many."""
        with self._lock:
            if uid != ROOT:
                others = self._held.total() - self._held[ROOT]
                if self._held[uid] >= PER_USER or others >= ALL_USERS:
                    return False
            self._held[uid] += 1
            return True

    def give_back(self, uid: int) -> None:
        """Return a slot that was taken."""
        with self._lock:
            self._held[uid] -= 1
            if not self._held[uid]:
                del self._held[uid]
