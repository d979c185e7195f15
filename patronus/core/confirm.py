# SPDX-License-Identifier: GPL-2.0-or-later
"""Commit-confirm: a change from afar goes away again unless somebody confirms it in time.

The deadline is CLOCK_BOOTTIME, which nobody can set, plus the boot that it belongs to; it is on disk before
the change is applied. Another boot has lost the change anyway: it starts from the confirmed generation.
"""

from __future__ import annotations

from dataclasses import dataclass

from patronus.core.control import Clock


@dataclass(frozen=True)
class Pending:
    """A generation that runs and is not confirmed; ``deadline`` in seconds since boot ``boot_id``."""

    generation: int
    deadline: float
    boot_id: str
    actor: str

    def remaining_s(self, clock: Clock) -> float:
        """Return the seconds left; zero or less when the deadline has passed or belongs to another boot."""
        return self.deadline - clock.boottime() if self.boot_id == clock.boot_id else 0.0


def pending_until(clock: Clock, generation: int, within_s: float, actor: str) -> Pending:
    """Return the record of a change that must be confirmed within so many seconds from now."""
    return Pending(generation, clock.boottime() + within_s, clock.boot_id, actor)
