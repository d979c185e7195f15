# SPDX-License-Identifier: GPL-2.0-or-later
"""The disks of this machine, and why the system cannot be installed on them; and where it lies itself.

It only reads: sysfs (Documentation/ABI/stable/sysfs-block), mountinfo, partition tables.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from patronus.core.errors import Conflict
from patronus.update.block import SMALLEST_DISK, family, uses
from patronus.update.gpt import partitions
from patronus.update.task import Handed

SECTOR = 512
"""sysfs counts in these, whatever the disk has."""
DRIVES_OF_DISCS = "5"
"""The type of SCSI devices that read CDs."""


class Disk(Handed):
    """A disk, by the kernel's name; ``problems`` in words are why nothing is installed on it."""

    name: str
    model: str
    bytes: int
    removable: bool
    problems: list[str]


@dataclass(frozen=True)
class World:
    """Where the kernel tells of disks."""

    sysfs: Path = Path("/sys")
    mounts: Path = Path("/proc/self/mountinfo")
    swaps: Path = Path("/proc/swaps")
    devices: Path = Path("/dev")


def disks(world: World) -> list[Disk]:
    """Return the disks, real or virtual, that have a medium in them; by name. Raises OSError."""
    blocks = [path for path in sorted((world.sysfs / "class/block").iterdir()) if (path / "device").exists()]
    whole = [
        path for path in blocks if not (path / "partition").exists() and _attribute(path, "hidden") != "1"
    ]
    found = [_disk(path, world) for path in whole if _attribute(path, "device/type") != DRIVES_OF_DISCS]
    return [disk for disk in found if disk.bytes]


def _disk(block: Path, world: World) -> Disk:
    size = int(_attribute(block, "size") or 0) * SECTOR
    words = [_attribute(block, f"device/{name}") for name in ("vendor", "model", "name")]
    return Disk(
        name=block.name,
        model=" ".join(word for word in words if word and not word.startswith("0x")) or "no name",
        bytes=size,
        removable=_attribute(block, "removable") == "1",
        problems=_problems(block, size, world),
    )


def _problems(block: Path, size: int, world: World) -> list[str]:
    found = []
    numbers = family(block.name, world.sysfs)
    places = uses(numbers, world.mounts.read_text(), world.swaps.read_text())
    if "/" in places:
        found.append("this router runs from it")
    elif places:
        found.append(f"it is in use: {', '.join(places)}")
    elif any((one / "holders").is_dir() and any((one / "holders").iterdir()) for one in _pieces(block)):
        found.append("it is in use: a RAID, a volume group or an encrypted volume stands on it")
    if _attribute(block, "ro") == "1":
        found.append("it cannot be written to")
    if size < SMALLEST_DISK:
        found.append(f"it has {size / 1e9:.1f} GB, {SMALLEST_DISK / 1e9:.1f} GB are needed")
    return found


def _pieces(block: Path) -> list[Path]:
    """Return the disk and its partitions."""
    return [block, *(path for path in block.iterdir() if (path / "partition").exists())]


def _attribute(block: Path, name: str) -> str:
    try:
        return (block / name).read_text(errors="replace").strip("\0 \n")
    except OSError:
        return ""


@dataclass(frozen=True)
class Part:
    """One partition of the running slot; ``bytes`` is the size of the partition."""

    device: Path
    label: str
    id: UUID
    bytes: int


@dataclass(frozen=True)
class Original:
    """Where the running system lies.

    ``verified``, ``verified_bytes`` long, is what its root is read by: dm-verity checks each block.
    """

    version: str
    verified: Path
    verified_bytes: int
    root: Part
    verity: Part
    esp: Path


def original(version: str, world: World, root: Path = Path("/"), esp: Path = Path("/boot")) -> Original:
    """Return where the version that runs from ``root`` lies. Raises Conflict where that is no slot."""
    number = root.stat().st_dev
    verified = (world.sysfs / f"dev/block/{os.major(number)}:{os.minor(number)}").resolve()
    below = verified / "slaves"
    under = {path.resolve() for path in below.iterdir()} if below.is_dir() else set()
    found = {}
    for block in under:
        for part in partitions(world.devices / block.parent.name):
            if part.number == int(_attribute(block, "partition") or 0):
                found[part.label] = Part(world.devices / block.name, part.label, part.id, part.size)
    label = f"patronus_{version}"
    if {label, f"{label}_verity"} - found.keys():
        raise Conflict("this machine was not started from a slot of Patronus: there is nothing to install")
    size = int(_attribute(verified, "size")) * SECTOR
    device = world.devices / verified.name
    return Original(version, device, size, found[label], found[f"{label}_verity"], esp)
