# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs the owner's own check of a version (``[update] check``): without rights, in the unit's sandbox."""

from __future__ import annotations

from patronus.core.errors import KernelError
from patronus.kernel.process import run as run_program
from patronus.update import task as handed
from patronus.update.task import Handed, Places

LIMIT_S = 30.0
WORDS = 300
"""Characters of what the program says that are shown."""


class CheckTask(Handed):
    """One run of the check: the program and its arguments."""

    number: int
    command: list[str]


class CheckReport(Handed):
    """How a run ended."""

    number: int
    well: bool
    said: str


def run(places: Places) -> CheckReport:
    """Run what patronusd wrote, and report; that it fails is no failure of ours. Raises StorageError."""
    task = handed.read(CheckTask, places.check_task) or CheckTask(number=0, command=[])
    try:
        done = run_program(task.command, timeout_s=LIMIT_S)
        said = done.stdout.strip().rpartition("\n")[2] or f"{task.command[0]} ended well"
        report = CheckReport(number=task.number, well=True, said=said[:WORDS])
    except (KernelError, IndexError) as error:
        report = CheckReport(number=task.number, well=False, said=str(error)[:WORDS])
    handed.write(places.check, report)
    return report
