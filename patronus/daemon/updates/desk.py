# SPDX-License-Identifier: GPL-2.0-or-later
"""Hands tasks to the update's two programs, and reads how far they are."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from patronus.core.control import Clock, RuntimeState
from patronus.core.errors import Conflict, InvalidConfiguration, KernelError, Unavailable
from patronus.kernel.units import Units, runs, silent
from patronus.update.health import Unproved
from patronus.update.machine import Entry, Facts
from patronus.update.refusal import standing_refusals
from patronus.update.task import Places, Report, Task, read, write

log = logging.getLogger(__name__)

FETCH, INSTALL = "patronus-update-fetch.service", "patronus-update-install.service"
SILENT = silent("'patronus-update*'")
REFUSED = "update.refused"
"""Key of the daemon's durable values: version → why it is not taken."""
LOOKED = "looked"
LOOK_AGAIN_S = 30.0
HANDOVER_S = 0.5
HANDOVER_LOOKS = 4
"""When neither program runs and none has told an end: the download may just hand over to the installation."""
ENDS = {"check": {LOOKED}, "install": {"installed", "up to date"}, "roll-back": {"rolled back"}}
"""The last step of each task."""

State = Literal["idle", "running", "done", "failed"]


@dataclass(frozen=True)
class Standing:
    """How the last task goes: what it is, and the report that counts."""

    task: Task | None
    state: State
    report: Report | None = None
    error: str | None = None

    @property
    def silent(self) -> bool:
        """Whether nothing runs and no program has told an end."""
        return self.error == SILENT

    @property
    def waits_for_restart(self) -> bool:
        """Whether a version was installed that runs after a restart."""
        return self.state == "done" and self.report is not None and self.report.step == "installed"


class Desk:
    """One task at a time. Safe from any thread."""

    def __init__(self, units: Units, state: RuntimeState, clock: Clock, places: Places) -> None:
        self._units = units
        self._state = state
        self._places = places
        self._lock = threading.Lock()
        self._clock = clock
        self._looked = -LOOK_AGAIN_S
        self._begins = False
        """Whether a task is being handed out: between the look at the slots and the download nothing runs."""
        self._silent: Task | None = None
        """The task that was found to have ended without a word."""

    def facts(self) -> Facts | None:
        """Return how the slots stand, None where that is not known.

        A machine that has not proved itself when it was looked at is looked at again.
        """
        found = read(Facts, self._places.facts)
        if found is not None and found.running_entry is not None and found.running_entry.left is None:
            return found
        with self._lock:  # a task that is handed out while the program looks would be lost on it
            if (now := self._clock.boottime()) - self._looked > LOOK_AGAIN_S:
                self._looked = now
                try:
                    self._units.start(INSTALL)
                except (KernelError, Unavailable) as error:
                    log.warning("how the slots stand cannot be looked at: %s", error)
        return read(Facts, self._places.facts)

    def refused(self) -> dict[str, str]:
        """Return version → why it is not taken: what was said of it, what did not start, what was ill.

        What was said of a version ends where it was installed again.
        """
        facts = read(Facts, self._places.facts)
        entries = facts.entries if facts else []
        for entry in entries:
            if not entry.bad or entry.failed:
                self.accept(entry.version)
        unproved = read(Unproved, self._places.unproved) or Unproved()
        bad = {entry.version: _why(entry, unproved) for entry in entries if entry.bad}
        return {**bad, **self._state.get(REFUSED, {})}

    def refuse(self, version: str, why: str) -> None:
        """Take a version no more, until a person says otherwise."""
        self._state.put(REFUSED, {**self._state.get(REFUSED, {}), version: why})

    def accept(self, version: str) -> None:
        """Forget that a version was refused."""
        refused = self._state.get(REFUSED, {})
        if refused.pop(version, None) is not None:
            self._state.put(REFUSED, refused)

    def standing(self) -> Standing:
        """Return how the last task goes. That a program ended without a word is said once it stays so."""
        found = self._standing()
        for _ in range(HANDOVER_LOOKS):
            if not found.silent or found.task == self._silent:
                return found
            time.sleep(HANDOVER_S)
            found = self._standing()
        self._silent = found.task if found.silent else None
        return found

    def _standing(self) -> Standing:
        task = read(Task, self._places.task)
        if task is None or task.action == "look":
            return Standing(task, "idle")
        under_way = self._begins or runs(self._units, FETCH, INSTALL)
        fetched, installed = read(Report, self._places.fetch), read(Report, self._places.install)
        decisive = None
        if fetched is not None and fetched.number == task.number:
            decisive = fetched
        if (
            installed is not None
            and installed.number == task.number
            and (installed.step != LOOKED or installed.state == "failed")
        ):
            decisive = installed
        return _standing(task, decisive, under_way=under_way)

    def hand_out(self, make: Callable[[int], Task], *, standing: bool) -> Task:
        """Give the programs a task; returns once they have begun.

        With ``standing``, what refuses every release now is raised (InvalidConfiguration). Raises Conflict
        while another task is under way or where there are no slots, KernelError and Unavailable where the
        programs cannot be started.
        """
        with self._lock:
            before = self.standing()
            if before.state == "running":
                raise Conflict("an update is under way; see how it goes first: patronus update status")
            task = make(before.task.number + 1 if before.task else 1)
            self._begins = True
            try:
                self._begin(task, standing=standing)
            finally:
                self._begins = False
            return task

    def _begin(self, task: Task, *, standing: bool) -> None:
        write(self._places.task, task)
        self._units.start(INSTALL)
        facts, looked = read(Facts, self._places.facts), read(Report, self._places.install)
        if facts is None:
            why = looked.error if looked and looked.error else "this machine was not started from a slot"
            raise Conflict(f"it is not known how the slots stand: {why}")
        if standing and (problems := list(standing_refusals(facts))):
            write(self._places.task, task.model_copy(update={"action": "look"}))
            raise InvalidConfiguration(problems)
        if task.action in ("check", "install"):
            self._units.start(FETCH)


def _why(entry: Entry, unproved: Unproved) -> str:
    """Return why a version that is on this disk is not started any more."""
    if not entry.failed:
        return "somebody went back from it"
    ill = unproved.reasons.get(entry.version)
    return f"it was not healthy: {'; '.join(ill)}" if ill else "it failed to start too often"


def _standing(task: Task, report: Report | None, *, under_way: bool) -> Standing:
    if under_way:
        return Standing(task, "running", report)
    if report is not None and report.state == "failed":
        return Standing(task, "failed", report, report.error)
    if report is not None and report.state == "done" and report.step in ENDS[task.action]:
        return Standing(task, "done", report)
    return Standing(task, "failed", report, SILENT)


def progress(standing: Standing) -> dict[str, Any]:
    """Return step, done and total of a task that runs."""
    report = standing.report
    return {"step": report.step, "done": report.done, "total": report.total} if report else {"step": ""}
