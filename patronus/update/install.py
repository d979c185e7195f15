# SPDX-License-Identifier: GPL-2.0-or-later
"""Writes a downloaded release into the other slot, and goes back to it: runs as root, without a network.

It believes nobody but the signature: what patronusd asks and what the download holds are looked at anew.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

from patronus.core.errors import Conflict, InvalidConfiguration, InvalidRequest, NotFound, PatronusError
from patronus.kernel.process import run as run_program
from patronus.update import task as handed
from patronus.update.machine import ENTRIES, Facts
from patronus.update.medium import read_back
from patronus.update.refusal import refusals
from patronus.update.release import SIGNATURE, SUMS, SUMS_LIMIT, Description, describe, releases
from patronus.update.signature import verify
from patronus.update.task import Places, Report, Task

SYSUPDATE = ("/usr/lib/systemd/systemd-sysupdate", "--verify=yes")
WRITE_S = 900.0
"""A slow stick writes a slot in minutes."""
LOOKED = "looked"
DOWNLOADED = "downloaded"

Look = Callable[[], Facts]


class Install:
    """One task. ``look`` reads how the machine stands; ``esp`` and ``devices`` are where it is written to."""

    def __init__(self, task: Task, places: Places, look: Look, esp: Path = Path("/boot"),
                 devices: Path = Path("/dev"), sysupdate: tuple[str, ...] = SYSUPDATE) -> None:  # fmt: skip
        self._task = task
        self._places = places
        self._look = look
        self._esp = esp
        self._devices = devices
        self._sysupdate = sysupdate

    def install(self) -> str:
        """Write the downloaded release; return its version. Raises the error tree."""
        facts = self._look()
        said = self._signed()
        if problems := list(refusals(facts, said, self._task)):
            raise InvalidConfiguration(problems)
        self._forget(facts, said.version)
        self._tell(f"writing version {said.version} into the other slot")
        run_program([*self._sysupdate, "update", said.version], timeout_s=WRITE_S)
        self._tell("reading the slot back")
        try:
            self._check(said)
        except PatronusError:
            self._forget(self._look(), said.version)
            raise
        return said.version

    def _signed(self) -> Description:
        """Return the description of the one release that the download holds and the owner has signed."""
        folder = self._places.release
        try:
            sums, signature = (_start(folder / name) for name in (SUMS, SIGNATURE))
        except OSError as error:
            raise NotFound(f"there is no download: {error.strerror}") from error
        verify(sums, signature, list(self._places.keyrings))
        for release in releases(sums.decode(errors="replace")):
            file = release.files.get("description")
            if file and not release.missing and (folder / file.name).exists():
                text = _start(folder / file.name)
                if hashlib.sha256(text).hexdigest() == file.sha256:
                    return describe(text, release.version)
        raise NotFound("the download holds no whole release")

    def _check(self, said: Description) -> None:
        """Read what was written back from the disk. Raises InvalidRequest where it is not as signed."""
        facts = self._look()
        for kind, part in (("verity", said.verity), ("root", said.root)):
            slot = next((one for one in facts.others(kind) if one.version == said.version), None)
            if slot is None or read_back(self._devices / slot.device, part.bytes) != part.sha256:
                raise InvalidRequest(f"the {kind} partition of {said.version} is not as it was signed")
        if not any(entry.version == said.version and entry.left for entry in facts.entries):
            raise InvalidRequest(f"version {said.version} has no boot entry")

    def _forget(self, facts: Facts, version: str) -> None:
        """Take the boot entry of another version away, so that its slot is not started."""
        if version == facts.running:
            raise Conflict(f"version {version} runs")
        for entry in facts.entries:
            if entry.version == version:
                (self._esp / ENTRIES / entry.name).unlink()
        os.sync()

    def roll_back(self) -> str:
        """Let the running version not be started any more; return the version that is. Raises Conflict."""
        facts = self._look()
        running, other = facts.running_entry, facts.other_entry
        if running is None or other is None:
            raise Conflict("there is no other version on this disk that could be started")
        name = f"{running.name.partition('+')[0].removesuffix('.efi')}+0.efi"
        folder = self._esp / ENTRIES
        (folder / running.name).rename(folder / name)
        os.sync()
        return other.version

    def _tell(self, step: str) -> None:
        handed.write(self._places.install, Report(number=self._task.number, state="running", step=step))


def _start(path: Path) -> bytes:
    """Return a small file, or as much of it as one may have."""
    with path.open("rb") as handle:
        return handle.read(SUMS_LIMIT)


def _is_there(fetched: Report | None, task: Task) -> bool:
    """Return whether the download for this very task has ended well."""
    return fetched is not None and (fetched.number, fetched.step) == (task.number, DOWNLOADED)


def run(places: Places, look: Look) -> Report:
    """Do the task that patronusd wrote; tell how the machine stands before and after; report."""
    task = handed.read(Task, places.task) or Task(number=0, action="look")
    fetched = handed.read(Report, places.fetch)
    last = handed.read(Report, places.install)
    report = Report(number=task.number, state="done", step=LOOKED)
    try:
        work = Install(task, places, look)
        if last and last.number == task.number and last.state != "running" and last.step != LOOKED:
            report = last  # whoever starts this once more wants to know how the machine stands
        elif task.action == "roll-back":
            report = Report(number=task.number, state="done", step="rolled back", version=work.roll_back())
        elif task.action == "install" and _is_there(fetched, task):
            report = Report(number=task.number, state="done", step="installed", version=work.install())
        handed.write(places.facts, look())
    except PatronusError as error:
        report = Report(number=task.number, state="failed", step=task.action, error=str(error)[:4000])
    except OSError as error:
        reason = f"no access to the slots: {error}"
        report = Report(number=task.number, state="failed", step=LOOKED, error=reason)
    handed.write(places.install, report)
    return report
