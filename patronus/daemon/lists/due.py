# SPDX-License-Identifier: GPL-2.0-or-later
"""When a list is to be brought in again. Pure; clocks are handed in."""

from __future__ import annotations

from dataclasses import dataclass

from patronus.lists.folder import Download

FIRST_S = 30.0
LONGEST_S = 3600.0
"""Pauses after tries that failed: the first, doubled each time, to the longest or the list's own interval."""


@dataclass(frozen=True)
class Tries:
    """Tries since the list was last good: how many, and when the last one was, in seconds since boot."""

    failed: int
    last_boot_s: float


def due_in_s(
    state: Download | None, tries: Tries | None, refresh_s: int, *, boot_s: float, wall_s: float
) -> float:
    """Return the seconds until a list is due, 0 where it is.

    A clock that went back makes every list due: how old it is cannot be told any more.
    """
    if tries is not None:
        pause = min(FIRST_S * 2.0 ** min(tries.failed - 1, 20), LONGEST_S, float(refresh_s))
        return max(0.0, tries.last_boot_s + pause - boot_s)
    if state is None or state.good is None or state.good > wall_s:
        return 0.0
    return max(0.0, state.good + refresh_s - wall_s)
