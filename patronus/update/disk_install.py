# SPDX-License-Identifier: GPL-2.0-or-later
"""Installs the system that runs on another disk of this machine: runs as root, without a network.

The new disk has what a flashed one has: boot partition and slot A. Its first start makes the rest, so nothing
that this router keeps goes along. The boot partition comes last, once the slot was read back from the disk.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from patronus.core.errors import Conflict, KernelError, NotFound, PatronusError, StorageError
from patronus.kernel.process import run as run_program
from patronus.update import task as handed
from patronus.update.disk import Disk, Original
from patronus.update.gpt import partitions
from patronus.update.machine import ENTRIES, entries
from patronus.update.medium import PIECE, claim, copy, read_back
from patronus.update.task import DiskTask, Places, Report

ESP = """[Partition]
Type=esp
Label=esp
SizeMinBytes=1G
SizeMaxBytes=1G
"""
SLOT = """[Partition]
Type={kind}
Label={part.label}
UUID={part.id}
SizeMinBytes={part.bytes}
SizeMaxBytes={part.bytes}
ReadOnly=yes
"""
TRIES = 3  # rootfs/etc/kernel/tries
OWN = ("loader/random-seed",)
"""What each boot partition has for itself."""
PROGRAM_S = 300.0
APPEARS_S = 60.0
TELL_S = 0.5


@dataclass(frozen=True)
class Programs:
    """What partitions a disk, makes a file system for the firmware, and mounts it."""

    repart: tuple[str, ...] = ("systemd-repart",)
    make: tuple[str, ...] = ("mkfs.vfat", "-F", "32", "-n", "ESP")
    mount: tuple[str, ...] = ("mount", "-t", "vfat", "-o", "umask=0077,nodev,nosuid,noexec")


PROGRAMS = Programs()
Tell = Callable[[str, int, int], None]
"""Hears of each step: words, bytes that are done, bytes in all."""


class DiskInstall:
    """One installation; ``work`` is a folder of its own."""

    def __init__(self, source: Original, target: Path, work: Path, tell: Tell,
                 programs: Programs = PROGRAMS, sysfs: Path = Path("/sys")) -> None:  # fmt: skip
        self._source = source
        self._target = target
        self._work = work
        self._tell = tell
        self._programs = programs
        self._sysfs = sysfs

    def go(self) -> None:
        """Do it. Raises the error tree, OSError; what was begun does not start then."""
        source = self._source
        self._tell("partitioning", 0, 0)
        os.close(claim(self._target))
        self._partition()
        places = self._places()
        self._write(source.verified, places[source.root.label], source.verified_bytes)
        self._write(source.verity.device, places[source.verity.label], source.verity.bytes)
        self._tell("writing the boot partition", 0, 0)
        try:
            self._fill(places["esp"])
        except (PatronusError, OSError):
            _blank(places["esp"])
            raise

    def _partition(self) -> None:
        """Give the disk a new table, with ids of its own but for the slot: the signed kernel asks for its."""
        folder = self._work / "repart.d"
        folder.mkdir(exist_ok=True)
        source = self._source
        for name, text in (
            ("00-esp", ESP),
            ("10-root-verity", SLOT.format(kind="root-verity", part=source.verity)),
            ("20-root", SLOT.format(kind="root", part=source.root)),
        ):
            (folder / f"{name}.conf").write_text(text)
        run_program(
            [*self._programs.repart, f"--definitions={folder}", "--dry-run=no", "--empty=force",
             "--seed=random", "--no-pager", str(self._target)], timeout_s=PROGRAM_S,
        )  # fmt: skip

    def _write(self, source: Path, place: Path, size: int) -> None:
        """Copy a partition, and read it back from the disk. Raises StorageError where that is another."""
        written = copy(source, place, size, lambda done: self._tell(f"writing {place.name}", done, size))
        found = read_back(place, size, lambda done: self._tell(f"reading {place.name} back", done, size))
        if found != written:
            raise StorageError(f"{place.name} does not hold what was written: the disk is faulty")

    def _places(self) -> dict[str, Path]:
        """Return label → device of the new partitions, once the kernel has them."""
        table = partitions(self._target)
        block = (self._sysfs / "class/block" / self._target.name).resolve()
        deadline = time.monotonic() + APPEARS_S
        while True:
            nodes = {int(path.read_text()): path.parent.name for path in block.glob("*/partition")}
            found = {
                part.label: self._target.with_name(nodes[part.number])
                for part in table if part.number in nodes
            }  # fmt: skip
            if len(found) == len(table) and all(place.exists() for place in found.values()):
                return found
            if time.monotonic() > deadline:
                raise KernelError(f"the kernel does not show the new partitions of {self._target.name}")
            time.sleep(0.1)

    def _fill(self, device: Path) -> None:
        """Make the boot partition: what this router was started from, and of the systems the running one."""
        run_program([*self._programs.make, str(device)], timeout_s=PROGRAM_S)
        wanted = boot_files(self._source)
        sums = {}
        with self._mounted(device, "rw") as folder:
            for name, source in wanted.items():
                place = folder / name
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source, place)
                sums[name] = _sum(source)
        read_back(device, PIECE)  # what is in memory of it is forgotten
        with self._mounted(device, "ro") as folder:
            there = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
            if there != sums.keys() or any(_sum(folder / name) != found for name, found in sums.items()):
                raise StorageError("the boot partition does not hold what was written: the disk is faulty")

    @contextmanager
    def _mounted(self, device: Path, way: str) -> Iterator[Path]:
        folder = self._work / "esp"
        folder.mkdir(exist_ok=True)
        run_program([*self._programs.mount, "-o", way, str(device), str(folder)])
        try:
            yield folder
        finally:
            run_program(["umount", str(folder)], timeout_s=PROGRAM_S)


def boot_files(source: Original) -> dict[str, Path]:
    """Return name on the new boot partition → file of this one; the system gets its tries back."""
    running = next((entry for entry in entries(source.esp) if entry.version == source.version), None)
    if running is None:
        raise Conflict(f"the boot entry of the running version {source.version} is not there")
    found = {}
    for path in sorted(source.esp.rglob("*")):
        name = str(path.relative_to(source.esp))
        if path.is_file() and not name.startswith(f"{ENTRIES}/") and name not in OWN:
            found[name] = path
    found[f"{ENTRIES}/patronus_{source.version}+{TRIES}.efi"] = source.esp / ENTRIES / running.name
    return found


def _blank(device: Path) -> None:
    """Take away what makes the boot partition one; where even that fails, the first error counts."""
    with suppress(OSError), device.open("r+b") as handle:
        handle.write(bytes(PIECE))
        os.fsync(handle.fileno())


def _sum(path: Path) -> str:
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def chosen(task: DiskTask, found: list[Disk]) -> Disk:
    """Return the disk that is asked for. Raises NotFound, and Conflict with all that refuses it."""
    disk = next((one for one in found if one.name == task.disk), None)
    if disk is None:
        raise NotFound(f"there is no disk {task.disk}")
    if disk.problems:
        raise Conflict(f"{disk.name} is not taken: {'; '.join(disk.problems)}")
    return disk


@dataclass(frozen=True)
class Machine:
    """What there is: looks at the disks, finds the running system, where devices lie, what writes."""

    disks: Callable[[], list[Disk]]
    source: Callable[[], Original]
    devices: Path = Path("/dev")
    programs: Programs = PROGRAMS


def perform(task: DiskTask, machine: Machine, work: Path, tell: Tell) -> Report:
    """Do a task and report; whatever goes wrong is in the report."""
    try:
        tell("looking at the disks", 0, 0)
        target, system = chosen(task, machine.disks()), machine.source()
        DiskInstall(system, machine.devices / target.name, work, tell, machine.programs).go()
    except PatronusError as error:
        return Report(number=task.number, state="failed", error=str(error)[:4000])
    except (OSError, ValueError) as error:
        said = f"a disk cannot be read or written: {error}"
        return Report(number=task.number, state="failed", error=said)
    return Report(number=task.number, state="done", step="installed", version=system.version)


def run(places: Places, machine: Machine) -> Report:
    """Do the task that patronusd wrote, tell how far it is, and report."""
    os.umask(0o022)
    task, told = handed.read(DiskTask, places.disk_task) or DiskTask(number=0, disk=""), [0.0]

    def tell(step: str, done: int, total: int) -> None:
        if done and done < total and time.monotonic() - told[0] < TELL_S:
            return
        told[0] = time.monotonic()
        said = Report(number=task.number, state="running", step=step, done=done, total=total)
        handed.write(places.disk, said)

    report = perform(task, machine, places.disk.parent, tell)
    handed.write(places.disk, report)
    return report
