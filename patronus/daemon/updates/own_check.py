# SPDX-License-Identifier: GPL-2.0-or-later
"""Has the owner's own check run (``patronus-check.service``), and says how it ended."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from patronus.core.errors import Unavailable
from patronus.kernel.units import Units
from patronus.update.check import CheckReport, CheckTask
from patronus.update.task import Places, read, write

UNIT = "patronus-check.service"


class OwnCheck:
    """Runs one check at a time."""

    def __init__(self, units: Units, places: Places) -> None:
        self._units = units
        self._places = places
        self._lock = threading.Lock()

    def run(self, command: Sequence[str]) -> str:
        """Return what the program said where it ended well. Raises Unavailable, KernelError, StorageError."""
        with self._lock:
            last = read(CheckReport, self._places.check)  # it outlives us: its number is not given again
            number = last.number + 1 if last else 1
            write(self._places.check_task, CheckTask(number=number, command=list(command)))
            self._units.start(UNIT)
            report = read(CheckReport, self._places.check)
        if report is None or report.number != number:
            raise Unavailable(f"it left no report; the journal knows more: journalctl -u {UNIT}")
        if not report.well:
            raise Unavailable(report.said)
        return report.said
