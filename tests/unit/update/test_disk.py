# SPDX-License-Identifier: GPL-2.0-or-later
"""Which disks a machine has, why one is not taken, and where the running system lies: read from sysfs."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import pytest

from patronus.core.errors import Conflict, NotFound
from patronus.update.disk import Disk, World, disks, original
from patronus.update.disk_install import chosen
from patronus.update.gpt import ENTRY, HEADER
from patronus.update.task import DiskTask

GIB = 1 << 30
ROOT, TREE = UUID(int=7 << 96), UUID(int=9 << 96)


@dataclass
class Kernel:
    """What the kernel tells of the disks, below a folder; ``mounts`` are (device number, place)."""

    root: Path
    mounts: list[tuple[str, str]]
    numbers: int = 0

    def block(self, name: str, *, size: int = 0, inside: str | None = None, **attributes: str) -> Path:
        """Add a disk or, ``inside`` one, a partition."""
        folder = self.root / "devices" / (f"{inside}/{name}" if inside else name)
        (folder / "holders").mkdir(parents=True)
        self.numbers += 1
        given = {"dev": f"8:{self.numbers}", "size": str(size // 512), **attributes}
        for key, value in given.items():
            path = folder / key.replace("__", "/")
            path.parent.mkdir(exist_ok=True)
            path.write_text(f"{value}\n")
        (self.root / "class/block").mkdir(parents=True, exist_ok=True)
        (self.root / "class/block" / name).symlink_to(folder)
        return folder

    def disk(self, name: str, *, size: int = 32 * GIB, model: str = "SSD 870", **attributes: str) -> Path:
        """Add a whole disk."""
        return self.block(name, size=size, device__model=model, **attributes)

    def world(self) -> World:
        lines = [f"30 1 {number} / {place} rw - ext4 x rw\n" for number, place in self.mounts]
        (self.root / "mountinfo").write_text("".join(lines))
        (self.root / "swaps").write_text("Filename Type\n")
        return World(self.root, self.root / "mountinfo", self.root / "swaps", self.root / "dev")

    def found(self) -> dict[str, Disk]:
        return {disk.name: disk for disk in disks(self.world())}


@pytest.fixture
def kernel(tmp_path: Path) -> Kernel:
    return Kernel(tmp_path, [])


def test_a_disk_that_nothing_uses_can_be_taken(kernel: Kernel) -> None:
    kernel.disk("sda", device__vendor="ATA", device__type="0", removable="0")
    kernel.disk("sdb", model="Cruzer", removable="1")
    kernel.disk("vda", model="", device__vendor="0x1af4")
    assert kernel.found() == {
        "sda": Disk(name="sda", model="ATA SSD 870", bytes=32 * GIB, removable=False, problems=[]),
        "sdb": Disk(name="sdb", model="Cruzer", bytes=32 * GIB, removable=True, problems=[]),
        "vda": Disk(name="vda", model="no name", bytes=32 * GIB, removable=False, problems=[]),
    }


def test_what_is_no_disk_or_has_no_medium_is_not_listed(kernel: Kernel) -> None:
    kernel.disk("sda")
    kernel.block("sda1", size=GIB, inside="sda", partition="1")
    kernel.block("loop0", size=GIB)
    kernel.disk("sr0", device__type="5")
    kernel.disk("sdc", size=0)
    kernel.disk("nvme0c0n1", hidden="1")
    assert kernel.found().keys() == {"sda"}


def test_a_disk_is_refused_for_all_that_speaks_against_it(kernel: Kernel) -> None:
    small = kernel.disk("sdb", size=2 * GIB, ro="1")
    held = kernel.disk("sdc")
    kernel.block("sdc1", size=GIB, inside="sdc", partition="1")
    kernel.mounts += [((small / "dev").read_text().strip(), "/mnt")]
    assert kernel.found()["sdb"].problems == [
        "it is in use: /mnt", "it cannot be written to", "it has 2.1 GB, 4.0 GB are needed"
    ]  # fmt: skip
    assert kernel.found()["sdc"].problems == []
    (held / "sdc1/holders/md0").symlink_to(kernel.block("md0"))
    (problem,) = kernel.found()["sdc"].problems
    assert "a RAID, a volume group or an encrypted volume" in problem


def test_the_disk_that_the_router_runs_from_is_known_through_what_is_built_on_it(kernel: Kernel) -> None:
    stick = kernel.disk("sda")
    kernel.block("sda3", size=GIB, inside="sda", partition="3")
    verified = kernel.block("dm-0")
    (stick / "sda3/holders/dm-0").symlink_to(verified)
    kernel.disk("sdb")
    kernel.mounts += [((verified / "dev").read_text().strip(), "/")]
    assert kernel.found()["sda"].problems == ["this router runs from it"]
    assert kernel.found()["sdb"].problems == []


def test_only_a_disk_that_is_there_and_free_is_chosen(kernel: Kernel) -> None:
    kernel.disk("sda")
    kernel.disk("sdb", ro="1")
    found = disks(kernel.world())
    assert chosen(DiskTask(number=1, disk="sda"), found).name == "sda"
    with pytest.raises(NotFound, match="no disk sdc"):
        chosen(DiskTask(number=1, disk="sdc"), found)
    with pytest.raises(Conflict, match="sdb is not taken: it cannot be written to"):
        chosen(DiskTask(number=1, disk="sdb"), found)


def table(*parts: tuple[str, UUID, int, int]) -> bytes:
    """Return the start of a disk with these partitions: label, id, first and last sector."""
    header = HEADER.pack(b"EFI PART", 1 << 16, 92, 0, 0, 1, 0, 34, 0, bytes(16), 2, len(parts), ENTRY.size, 0)
    rows = [
        ENTRY.pack(b"\1" * 16, own.bytes_le, first, last, 0, label.encode("utf-16-le"))
        for label, own, first, last in parts
    ]
    return bytes(512) + header.ljust(512, b"\0") + b"".join(rows)


def running(kernel: Kernel, label: str) -> Path:
    """Let the folder that stands for / lie on a verified device over partitions 1 and 2 of sda; return it."""
    place = kernel.root / "system"
    place.mkdir()
    number = place.stat().st_dev
    verified = kernel.block("dm-0", size=3 << 20)
    (verified / "slaves").mkdir()
    (kernel.root / "dev/block").mkdir(parents=True)
    (kernel.root / f"dev/block/{os.major(number)}:{os.minor(number)}").symlink_to(verified)
    kernel.disk("sda")
    for index in (1, 2):
        part = kernel.block(f"sda{index}", inside="sda", partition=str(index))
        (verified / "slaves" / f"sda{index}").symlink_to(part)
    (kernel.root / "dev/sda").write_bytes(
        table((f"{label}_verity", TREE, 2048, 4095), (label, ROOT, 4096, 12287))
    )
    return place


def test_the_running_system_is_found_below_what_verity_gives(kernel: Kernel) -> None:
    place = running(kernel, "patronus_0.1.0")
    found = original("0.1.0", kernel.world(), place, kernel.root / "esp")
    assert (found.verified.name, found.verified_bytes) == ("dm-0", 3 << 20)
    assert (found.root.device.name, found.root.id, found.root.bytes) == ("sda2", ROOT, 4 << 20)
    assert (found.verity.device.name, found.verity.id, found.verity.bytes) == ("sda1", TREE, 1 << 20)
    with pytest.raises(Conflict, match="not started from a slot"):
        original("0.2.0", kernel.world(), place)


def test_a_machine_without_slots_has_nothing_to_install(kernel: Kernel) -> None:
    with pytest.raises(Conflict, match="not started from a slot"):
        original("0.1.0", kernel.world(), kernel.root)
