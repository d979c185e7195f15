# SPDX-License-Identifier: GPL-2.0-or-later
"""A machine on which version 0.1.0 runs, its disk made of folders and files."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from patronus.update.gpt import ENTRY, HEADER, SECTOR
from patronus.update.install import Install
from patronus.update.machine import Facts, look
from patronus.update.task import Places, Task

MIB = 1 << 20
RUNS = "0.1.0"
SLOTS = {"vda2": (f"patronus_{RUNS}_verity", 32), "vda3": (f"patronus_{RUNS}", 1024),
         "vda4": ("_empty", 32), "vda5": ("_empty", 1024)}  # fmt: skip


def table() -> bytes:
    """Return the start of a disk with the slots in its table, behind a boot partition."""
    rows = [("esp", 1024), *SLOTS.values()]
    entries = b"".join(
        ENTRY.pack(b"k" * 16, bytes(16), 0, size_mib * MIB // SECTOR - 1, 0, label.encode("utf-16-le"))
        for label, size_mib in rows
    )
    header = HEADER.pack(b"EFI PART", 0, 0, 0, 0, 0, 0, 0, 0, b"", 2, len(rows), ENTRY.size, 0)
    return bytes(SECTOR) + header.ljust(SECTOR, b"\0") + entries


@dataclass(frozen=True)
class Machine:
    """A machine of folders, and the places of the update's files."""

    root: Path
    places: Places

    def look(self) -> Facts:
        """Return how it stands."""
        return look(RUNS, 1, self.root / "esp", self.root / "blocks", self.root / "dev")

    def entries(self) -> list[str]:
        """Return the names of the boot entries."""
        return sorted(path.name for path in (self.root / "esp/EFI/Linux").iterdir())

    def put(self, entry: str) -> None:
        """Add a boot entry."""
        (self.root / "esp/EFI/Linux" / entry).write_bytes(b"kernel")

    def installer(self, task: Task, fault: str = "none") -> Install:
        """Return what installs here, by a stand-in for systemd-sysupdate that has a fault."""
        script = Path(__file__).with_name("sysupdate.py")
        program = (sys.executable, str(script), fault, str(self.places.release), str(self.root))
        return Install(task, self.places, self.look, self.root / "esp", self.root / "dev", program)


def lay_out(root: Path, places: Places) -> Machine:
    """Make the machine below a folder, and return it."""
    for name in ("dev", "esp/EFI/Linux", "blocks"):
        (root / name).mkdir(parents=True)
    (root / "dev/vda").write_bytes(table())
    for device, (label, _) in SLOTS.items():
        folder = root / "disk/vda" / device
        folder.mkdir(parents=True)
        (folder / "uevent").write_text(f"DEVNAME={device}\nPARTNAME={label}\n")
        (folder / "partition").write_text(f"{device[-1]}\n")
        (root / "blocks" / device).symlink_to(folder)
        (root / "dev" / device).write_bytes(b"as it was")
    (root / "disk/vda/vda3/holders/dm-0").mkdir(parents=True)
    stick = root / "disk/sda/sda1"
    (stick / "holders").mkdir(parents=True)
    (stick / "uevent").write_text(f"PARTNAME=patronus_{RUNS}\n")
    (root / "blocks/sda1").symlink_to(stick)
    made = Machine(root, places)
    made.put(f"patronus_{RUNS}.efi")
    return made
