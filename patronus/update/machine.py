# SPDX-License-Identifier: GPL-2.0-or-later
"""What the machine says of its slots: boot entries and their counters, partitions, room. It only reads."""

from __future__ import annotations

import os
import re
from pathlib import Path

from patronus.update.gpt import Partition, partitions
from patronus.update.task import Handed
from patronus.update.version import rank

_ENTRY = re.compile(r"patronus_(?P<version>[0-9.]+)(?:\+(?P<left>\d+)(?:-(?P<tried>\d+))?)?\.efi")
_SLOT = re.compile(r"patronus_(?P<version>[0-9.]+?)(?P<verity>_verity)?")
EMPTY = "_empty"
ENTRIES = "EFI/Linux"


class Entry(Handed):
    """A boot entry. ``left``: tries that are left, None where it is good and not counted.

    ``tried``: starts that systemd-boot has counted; None where there was none, as after a way back.
    """

    version: str
    name: str
    left: int | None
    bytes: int
    tried: int | None = None

    @property
    def bad(self) -> bool:
        """Whether it is not started any more."""
        return self.left == 0

    @property
    def failed(self) -> bool:
        """Whether that is because its tries are used up, and not because somebody went back from it."""
        return self.bad and bool(self.tried)


class Slot(Handed):
    """A partition of a slot; ``version`` None where it is empty, ``kind`` None where no label tells.

    ``id`` is the partition's GUID.
    """

    device: str
    id: str
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
    def waiting(self) -> Entry | None:
        """The boot entry of a newer version that was installed and not started yet."""
        now = rank(self.running)
        fresh = (entry for entry in self.entries if entry.left and not entry.tried)
        return next((entry for entry in fresh if rank(entry.version) > now), None)

    def root_hash(self, version: str) -> str | None:
        """Return dm-verity's hash of a version's root: halves of it name the slot's two partitions."""
        found = {slot.kind: slot.id.replace("-", "") for slot in self.slots if slot.version == version}
        return found["root"] + found["verity"] if {"root", "verity"} <= found.keys() else None

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
            left, tried = (int(match[count]) if match[count] else None for count in ("left", "tried"))
            size = path.stat().st_size
            found.append(Entry(version=match["version"], name=path.name, left=left, tried=tried, bytes=size))
    return found


def slots(running: str, blocks: Path, devices: Path) -> list[Slot]:
    """Return the slots' partitions on the disk of the running one, as its table has them now.

    ``blocks`` is /sys/class/block, whose labels are those of the boot; ``devices`` is /dev. A stick beside it
    may hold the same version: ours is the one that dm-verity stands on.
    """
    label = f"patronus_{running}"
    ours = [path.resolve() for path in sorted(blocks.iterdir()) if _label(path) == label and _is_held(path)]
    if not ours:
        return []
    disk = ours[0].parent
    names = {_number(path): path.name for path in disk.iterdir() if (path / "partition").exists()}
    return [
        _slot(names[part.number], part)
        for part in partitions(devices / disk.name)
        if part.number in names and (part.label == EMPTY or _SLOT.fullmatch(part.label))
    ]


def _number(block: Path) -> int:
    return int((block / "partition").read_text())


def _is_held(block: Path) -> bool:
    holders = block / "holders"
    return holders.is_dir() and any(holders.iterdir())


def _label(block: Path) -> str | None:
    try:
        lines = (block / "uevent").read_text(errors="replace").splitlines()
    except OSError:
        return None
    return next((line.removeprefix("PARTNAME=") for line in lines if line.startswith("PARTNAME=")), None)


def _slot(device: str, part: Partition) -> Slot:
    match = _SLOT.fullmatch(part.label)
    if match is None:
        return Slot(device=device, id=str(part.id), version=None, kind=None, bytes=part.size)
    kind = "verity" if match["verity"] else "root"
    return Slot(device=device, id=str(part.id), version=match["version"], kind=kind, bytes=part.size)


def look(
    running: str,
    schema_version: int,
    esp: Path = Path("/boot"),
    blocks: Path = Path("/sys/class/block"),
    devices: Path = Path("/dev"),
) -> Facts:
    """Return how the machine stands; ``running`` is the version of the image that runs. Raises OSError."""
    room = os.statvfs(esp)
    try:
        found = slots(running, blocks, devices)
    except ValueError as error:
        raise OSError(str(error)) from error
    return Facts(
        running=running,
        schema_version=schema_version,
        esp_free=room.f_bavail * room.f_frsize,
        entries=entries(esp),
        slots=found,
    )
