# SPDX-License-Identifier: GPL-2.0-or-later
"""The verbs of the installation on another disk: which disks there are, and start it on one of them."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable
from typing import Any

from pydantic import Field

from patronus.core.errors import Conflict, InvalidRequest, KernelError
from patronus.core.verb import Caller, Nothing, Parameters, Result, Role, Verb
from patronus.daemon.updates.desk import State
from patronus.kernel.units import Units, runs, silent
from patronus.update.disk import Disk, World, disks
from patronus.update.disk_install import chosen
from patronus.update.task import DiskTask, Places, Report, read, write

log = logging.getLogger(__name__)

UNIT = "patronus-disk-install.service"


class FoundDisk(Result):
    """A disk of this machine, by the kernel's name."""

    name: str
    model: str
    bytes: int
    removable: bool
    problems: list[str] = Field(
        description="why nothing is installed on it, in words; empty: it can be taken"
    )


class InstallerStatus(Result):
    """The disks, and how the last installation goes."""

    disks: list[FoundDisk]
    disk: str | None = Field(description="the disk of the last installation since the start")
    state: State
    step: str = ""
    done: int = Field(default=0, description="bytes of this step that are done")
    total: int = 0
    error: str | None = None
    installed: str | None = Field(default=None, description="version that the disk has now")


class InstallOn(Parameters):
    """The disk, and its name once more, as proof that it is meant."""

    disk: str = Field(pattern=r"^[a-z0-9]{1,31}$", description="the kernel's name of the disk, such as sda")
    typed: str = Field(max_length=40, description="its name, typed by whoever means it; all on it is lost")


class InstallerVerbs:
    """Makes the verbs. ``look`` looks which disks there are."""

    def __init__(self, units: Units, places: Places, look: Callable[[], list[Disk]]) -> None:
        self._units = units
        self._places = places
        self._look = look
        self._lock = threading.Lock()

    def verbs(self) -> Iterable[Verb[Any, Any]]:
        """Return the verbs."""
        return (
            Verb("installer.Status", Nothing, InstallerStatus, self.status, Role.ADMIN, "GET /installer"),
            Verb("installer.Install", InstallOn, InstallerStatus, self.install, Role.ADMIN,
                 "POST /installer", changes=True, reserved=True),
        )  # fmt: skip

    def status(self, caller: Caller, given: Nothing) -> InstallerStatus:  # noqa: ARG002
        """Say which disks this machine has, and how the last installation goes."""
        return self._status()

    def install(self, caller: Caller, given: InstallOn) -> InstallerStatus:  # noqa: ARG002
        """Install the running system on another disk; returns at once, the status says how it goes.

        All that is on the disk is lost. It starts as a new router: nothing that this one keeps goes along.
        """
        if given.typed.strip().removeprefix("/dev/") != given.disk:
            raise InvalidRequest(f"typed: this is not {given.disk}; nothing was done")
        with self._lock:
            if (before := self._status()).state == "running":
                raise Conflict(f"an installation on {before.disk} is under way")
            last = read(DiskTask, self._places.disk_task)
            task = DiskTask(number=last.number + 1 if last else 1, disk=given.disk)
            chosen(task, self._found())
            write(self._places.disk_task, task)
            self._units.start(UNIT)
        return self._status()

    def _found(self) -> list[Disk]:
        try:
            return self._look()
        except OSError as error:
            raise KernelError(f"the disks cannot be looked at: {error}") from error

    def _status(self) -> InstallerStatus:
        task = read(DiskTask, self._places.disk_task)
        under_way = runs(self._units, UNIT)
        report = read(Report, self._places.disk)
        if task is None or report is None or report.number != task.number:
            report = None
        state, error = _state(task, report, under_way=under_way)
        return InstallerStatus(
            disks=[FoundDisk(**disk.model_dump()) for disk in self._found()],
            disk=task.disk if task else None,
            state=state,
            step=report.step if report else "",
            done=report.done if report else 0,
            total=report.total if report else 0,
            error=error,
            installed=report.version if report and state == "done" else None,
        )


def installable(world: World) -> list[str]:
    """Return in words the disks that can be taken; none where they cannot be looked at."""
    try:
        found = disks(world)
    except OSError as error:
        log.warning("the disks cannot be looked at: %s", error)
        return []
    return [f"{one.name} ({one.model}, {one.bytes / 1e9:.1f} GB)" for one in found if not one.problems]


def _state(task: DiskTask | None, report: Report | None, *, under_way: bool) -> tuple[State, str | None]:
    """Return how the task stands, and what went wrong."""
    if task is None:
        return "idle", None
    if under_way:
        return "running", None
    if report is not None and report.state != "running":
        return report.state, report.error
    return "failed", silent(UNIT)
