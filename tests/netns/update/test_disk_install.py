# SPDX-License-Identifier: GPL-2.0-or-later
"""The installation on another disk, with the real systemd-repart, on a disk that is a file."""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from uuid import UUID

import pytest

from image.trees import tool
from patronus.core.errors import Conflict, StorageError
from patronus.update import disk_install
from patronus.update.disk import Disk, Original, Part
from patronus.update.disk_install import DiskInstall, Programs
from patronus.update.gpt import Partition, partitions
from patronus.update.task import DiskTask, Places, Report, read, write

MIB = 1 << 20
DISK_BYTES = 1100 * MIB
ROOT_ID, VERITY_ID = UUID(int=0x819C46B2 << 96), UUID(int=0xD841CE85 << 96)
ROOT, TREE = os.urandom(3 * MIB), os.urandom(2 * MIB)
KERNEL = b"a signed kernel" * 1000


@dataclass
class Machine:
    """A router that runs from files, and an empty disk beside it."""

    folder: Path
    source: Original
    device: Path
    told: list[tuple[str, int, int]] = field(default_factory=list)

    @property
    def work(self) -> Path:
        work = self.folder / "work"
        work.mkdir(exist_ok=True)
        return work

    @property
    def programs(self) -> Programs:
        """The workstation's kernel reads no table by itself, and may not know the ESP's file system."""
        repart = f'{shlex.join(tool("systemd-repart"))} "$@" && partx --update {self.device}'
        make, mount = (*tool("mkfs.ext4"), "-q"), ("mount", "-t", "ext4")
        return Programs(("bash", "-c", repart, "bash"), make, mount)

    def install(self) -> None:
        tell = lambda *step: self.told.append(step)  # noqa: E731
        DiskInstall(self.source, self.device, self.work, tell, self.programs).go()

    def table(self) -> dict[str, Partition]:
        return {part.label: part for part in partitions(self.device)}

    def content(self, label: str, size: int) -> bytes:
        with self.device.open("rb") as disk:
            disk.seek(self.table()[label].offset)
            return disk.read(size)

    def boot_files(self) -> dict[str, bytes]:
        """Return what the new boot partition holds."""
        place = self.folder / "look"
        place.mkdir(exist_ok=True)
        subprocess.run(["mount", "-o", "ro", f"{self.device}p1", place], check=True)
        try:
            files = [path for path in place.rglob("*") if path.is_file()]
            return {str(path.relative_to(place)): path.read_bytes() for path in files}
        finally:
            subprocess.run(["umount", place], check=True)


def lay_out_boot(esp: Path) -> None:
    """A boot partition that has been in use: a counter that runs, another version, a seed of its own."""
    for name, content in (
        ("EFI/BOOT/BOOTX64.EFI", b"boot"),
        ("EFI/Linux/patronus_0.1.0+2-1.efi", KERNEL),
        ("EFI/Linux/patronus_0.0.9.efi", b"another version, whose slot does not go along"),
        ("loader/loader.conf", b"timeout 0\n"),
        ("loader/random-seed", b"a seed of its own"),
    ):
        (esp / name).parent.mkdir(parents=True, exist_ok=True)
        (esp / name).write_bytes(content)


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    lay_out_boot(tmp_path / "esp")
    (tmp_path / "verified").write_bytes(ROOT)
    (tmp_path / "tree").write_bytes(TREE)
    source = Original(
        "0.1.0", tmp_path / "verified", len(ROOT),
        Part(tmp_path / "unchecked", "patronus_0.1.0", ROOT_ID, 4 * MIB),
        Part(tmp_path / "tree", "patronus_0.1.0_verity", VERITY_ID, 2 * MIB), tmp_path / "esp",
    )  # fmt: skip
    with (tmp_path / "disk").open("wb") as disk:
        disk.truncate(DISK_BYTES)
    made = subprocess.run(
        ["losetup", "--find", "--show", tmp_path / "disk"], check=True, capture_output=True, text=True
    )
    device = Path(made.stdout.strip())
    try:
        yield Machine(tmp_path, source, device)
    finally:
        subprocess.run(["partx", "--delete", device], check=False, capture_output=True)
        subprocess.run(["losetup", "--detach", device], check=True)


def test_the_disk_gets_the_slot_as_it_was_signed_and_ids_of_its_own_otherwise(machine: Machine) -> None:
    machine.install()
    first = machine.table()
    assert {label: part.id for label, part in first.items() if label != "esp"} == {
        "patronus_0.1.0": ROOT_ID, "patronus_0.1.0_verity": VERITY_ID
    }  # fmt: skip
    assert machine.content("patronus_0.1.0", len(ROOT)) == ROOT
    assert machine.content("patronus_0.1.0_verity", len(TREE)) == TREE
    assert machine.boot_files() == {
        "EFI/BOOT/BOOTX64.EFI": b"boot",
        "EFI/Linux/patronus_0.1.0+3.efi": KERNEL,
        "loader/loader.conf": b"timeout 0\n",
    }
    steps = list(dict.fromkeys(step for step, _, _ in machine.told))
    assert [step.split()[0] for step in steps] == ["partitioning", *("writing", "reading") * 2, "writing"]
    assert ("writing", len(ROOT), len(ROOT)) in {
        (step.split()[0], done, total) for step, done, total in machine.told
    }
    machine.install()
    assert machine.table()["esp"].id != first["esp"].id


def test_a_disk_that_somebody_holds_is_not_touched(machine: Machine) -> None:
    machine.device.write_bytes(b"a volume" * 512)
    holder = os.open(machine.device, os.O_RDONLY | os.O_EXCL)
    try:
        with pytest.raises(Conflict, match="cannot be had alone"):
            machine.install()
    finally:
        os.close(holder)
    assert machine.device.open("rb").read(8) == b"a volume"


@pytest.mark.parametrize("place", ["root", "boot"])
def test_a_disk_that_does_not_hold_what_was_written_never_starts(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    if place == "root":
        monkeypatch.setattr(disk_install, "read_back", lambda *_: "another sum")
    else:
        sums = iter(str(number) for number in range(100))
        monkeypatch.setattr(disk_install, "_sum", lambda _: next(sums))
    with pytest.raises(StorageError, match="the disk is faulty"):
        machine.install()
    assert not any(machine.content("esp", MIB))


def test_a_system_without_a_boot_entry_of_its_own_is_not_installed(machine: Machine) -> None:
    with pytest.raises(Conflict, match=r"boot entry of the running version 0\.2\.0 is not there"):
        disk_install.boot_files(replace(machine.source, version="0.2.0"))


def run(machine: Machine, disk: Disk) -> Report:
    folders = Places(disk_task=machine.folder / "task.json", disk=machine.folder / "work/report.json")
    folders.disk.parent.mkdir(exist_ok=True)
    write(folders.disk_task, DiskTask(number=7, disk=machine.device.name))
    there = disk_install.Machine(lambda: [disk], lambda: machine.source, machine.device.parent)
    report = disk_install.run(folders, there)
    assert read(Report, folders.disk) == report
    return report


def test_the_program_looks_once_more_at_what_refuses_a_disk(machine: Machine) -> None:
    name = machine.device.name
    disk = Disk(name=name, model="QEMU", bytes=DISK_BYTES, removable=False, problems=["it is in use: /mnt"])
    report = run(machine, disk)
    assert (report.number, report.state) == (7, "failed")
    assert report.error == f"{name} is not taken: it is in use: /mnt"
    assert "there is no disk" in str(run(machine, disk.model_copy(update={"name": "sdz"})).error)
    assert not any(machine.device.open("rb").read(MIB)), "nothing was written"
