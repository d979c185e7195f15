# SPDX-License-Identifier: GPL-2.0-or-later
"""What the machine says of its slots: boot entries and their counters, partitions, room. It only reads."""

from __future__ import annotations

import os
import re
from pathlib import Path

from patronus.update.task import Handed

_ENTRY = re.compile(r"patronus_(?P<version>[0-9.]+)(?:\+(?P<left>\d+)(?:-(?P<tried>\d+))?)?\.efi")
_SLOT = re.compile(r"patronus_(?P<version>[0-9.]+?)(?P<verity>_verity)?")
EMPTY = "_empty"
ENTRIES = "EFI/Linux"
SECTOR = 512
"""The unit of sysfs, whatever the disk's own."""


class Entry(Handed):
    """A boot entry. ``left``: tries that are left, None where it is good and not counted."""

    version: str
    name: str
    left: int | None
    bytes: int

    @property
    def bad(self) -> bool:
        """Whether it is not started any more."""
        return self.left == 0


class Slot(Handed):
    """A partition of a slot; ``version`` None where it is empty, ``kind`` None where no label tells."""

    device: str
    version: str | None
    kind: str | None
    bytes: int


class Facts(Handed):
    """All of it, as the update's programs and patronusd see it."""

    running: str
    schema_version: int
    esp_free: int
    entries: list[Entry]
    slots: list[Slot]

    @property
    def running_entry(self) -> Entry | None:
        """The boot entry of the version that runs."""
        return next((entry for entry in self.entries if entry.version == self.running), None)

    @property
    def other_entry(self) -> Entry | None:
        """The boot entry of another version that would still be started."""
        others = [entry for entry in self.entries if entry.version != self.running and not entry.bad]
        return others[0] if others else None

    @property
    def esp_given_up(self) -> int:
        """Bytes of the boot entries that an update takes away before it writes its own."""
        others = [entry.bytes for entry in self.entries if entry.version != self.running]
        return sum(others) if len(self.entries) > 1 else 0

    def others(self, kind: str) -> list[Slot]:
        """Return the partitions that an update may write this kind to."""
        return [slot for slot in self.slots if slot.version != self.running and slot.kind in (kind, None)]


def entries(esp: Path) -> list[Entry]:
    """Return the boot entries of Patronus on the boot partition."""
    found = []
    for path in sorted((esp / ENTRIES).glob("patronus_*.efi")):
        if match := _ENTRY.fullmatch(path.name):
            left = int(match["left"]) if match["left"] else None
            size = path.stat().st_size
            found.append(Entry(version=match["version"], name=path.name, left=left, bytes=size))
    return found


def slots(blocks: Path, running: str) -> list[Slot]:
    """Return the slots' partitions on the disk of the running one; ``blocks`` is /sys/class/block."""
    labelled = {}
    for path in sorted(blocks.iterdir()):
        if label := _label(path):
            labelled[path.name] = (label, path.resolve().parent, int((path / "size").read_text()) * SECTOR)
    disks = {disk for label, disk, _ in labelled.values() if label == f"patronus_{running}"}
    return [_slot(name, label, size) for name, (label, disk, size) in labelled.items()
            if disk in disks and (label == EMPTY or _SLOT.fullmatch(label))]  # fmt: skip


def _label(block: Path) -> str | None:
    try:
        lines = (block / "uevent").read_text(errors="replace").splitlines()
    except OSError:
        return None
    return next((line.removeprefix("PARTNAME=") for line in lines if line.startswith("PARTNAME=")), None)


def _slot(device: str, label: str, size: int) -> Slot:
    match = _SLOT.fullmatch(label)
    if match is None:
        return Slot(device=device, version=None, kind=None, bytes=size)
    kind = "verity" if match["verity"] else "root"
    return Slot(device=device, version=match["version"], kind=kind, bytes=size)


def look(running: str, schema_version: int, esp: Path = Path("/boot"),
         blocks: Path = Path("/sys/class/block")) -> Facts:  # fmt: skip
    """Return how the machine stands; ``running`` is the version of the image that runs. Raises OSError."""
    room = os.statvfs(esp)
    return Facts(
        running=running,
        schema_version=schema_version,
        esp_free=room.f_bavail * room.f_frsize,
        entries=entries(esp),
        slots=slots(blocks, running),
    )
