# SPDX-License-Identifier: GPL-2.0-or-later
"""Processor time, which tells more than seconds on a machine that does other things."""

from __future__ import annotations

import os
import resource
import statistics
import time
from collections.abc import Callable
from typing import Any

from tests.bench.rows import Row, alone


def worked_s(process: int) -> float:
    """Return the processor time that a process has had; its clock is what clock_getcpuclockid(3) tells."""
    return time.clock_gettime(~process << 3 | 2)


def children_s() -> float:
    """Return the processor time of all processes that were started here and have ended."""
    found = resource.getrusage(resource.RUSAGE_CHILDREN)
    return found.ru_utime + found.ru_stime


def cpu_s(action: Callable[[], Any]) -> float:
    """Return the seconds of processor time that something takes here and in its children."""
    start = time.process_time() + children_s()
    action()
    return time.process_time() + children_s() - start


class Stopwatch:
    """Seconds, and seconds of processor time as ``worked`` tells them, of what is done again and again."""

    def __init__(self, worked: Callable[[], float]) -> None:
        self._worked = worked
        self.taken: list[float] = []
        self.worked: list[float] = []

    def time(self, action: Callable[[], Any]) -> None:
        """Do it and note what it took."""
        worked, start = self._worked(), time.perf_counter()
        action()
        self.taken.append(time.perf_counter() - start)
        self.worked.append(self._worked() - worked)

    def row(self, name: str, goal: float) -> Row:
        """Return the row, with the processor time as its note."""
        load = os.getloadavg()[0]
        note = f"{statistics.median(self.worked):.2f} s of processor time; load {load:.1f}"
        return alone(name, "s", self.taken, goal=goal, note=note)
