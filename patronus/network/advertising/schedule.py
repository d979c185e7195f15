# SPDX-License-Identifier: GPL-2.0-or-later
"""When the next advertisement is due: RFC 4861 section 6.2. Pure; moments are seconds since boot.

All advertisements go to all hosts, so that any number of questions makes one answer in three seconds.
"""

from __future__ import annotations

from dataclasses import dataclass

INTERVALS_S = (200.0, 600.0)
"""MinRtrAdvInterval and MaxRtrAdvInterval."""
QUICK_S = 16.0
"""MAX_INITIAL_RTR_ADVERT_INTERVAL: a change is said several times in short order, as packets get lost."""
QUICK_COUNT = 3
"""MAX_INITIAL_RTR_ADVERTISEMENTS."""
ANSWER_S = 0.5
"""MAX_RA_DELAY_TIME: a network that has just come up asks with many voices, and is answered once."""
APART_S = 3.0
"""MIN_DELAY_BETWEEN_RAS."""
AGAIN_S = 1.0
"""How soon one that could not be sent is tried again: a link that comes up has no address at first."""


@dataclass
class Schedule:
    """When to speak on one device. ``chance`` arguments are random numbers from 0 to 1."""

    due_s: float
    last_s: float | None = None
    quick: int = QUICK_COUNT

    def changed(self, now_s: float) -> None:
        """Take in that there is something new to say."""
        self.quick = QUICK_COUNT
        self.due_s = self._not_before(now_s)

    def asked(self, now_s: float, chance: float) -> None:
        """Take in a host's question."""
        self.due_s = min(self.due_s, self._not_before(now_s + chance * ANSWER_S))

    def sent(self, now_s: float, chance: float) -> None:
        """Take in that it was said."""
        self.quick = max(0, self.quick - 1)
        shortest, longest = INTERVALS_S
        interval_s = shortest + chance * (longest - shortest)
        self.last_s = now_s
        self.due_s = now_s + (min(interval_s, QUICK_S) if self.quick else interval_s)

    def failed(self, now_s: float) -> None:
        """Take in that it could not be sent."""
        self.due_s = now_s + AGAIN_S

    def _not_before(self, moment_s: float) -> float:
        return moment_s if self.last_s is None else max(moment_s, self.last_s + APART_S)
