# SPDX-License-Identifier: GPL-2.0-or-later
"""Read the partition table of a disk: UEFI specification 2.10, section 5.3 (GPT disk layout).

From the disk itself: what the kernel has read of a disk in use keeps the labels of the boot. Standard library
only: the builder reads disk images with it.
"""

from __future__ import annotations

import struct
import uuid
from dataclasses import dataclass
from pathlib import Path

SECTOR = 512
HEADER = struct.Struct("<8sIIIIQQQQ16sQIII")
ENTRY = struct.Struct("<16s16sQQQ72s")


@dataclass(frozen=True)
class Partition:
    """One entry of the table; offset and size in bytes, ``number`` from 1, ``id`` its unique GUID."""

    number: int
    label: str
    offset: int
    size: int
    id: uuid.UUID


def partitions(disk: Path) -> list[Partition]:
    """Return the partitions in the order of the table. Raises ValueError where there is no GPT, OSError."""
    with disk.open("rb") as handle:
        handle.seek(SECTOR)
        header = HEADER.unpack(handle.read(HEADER.size).ljust(HEADER.size, b"\0"))
        if header[0] != b"EFI PART":
            raise ValueError(f"{disk} has no GPT")
        entries, count, size = header[10], header[11], header[12]
        handle.seek(entries * SECTOR)
        table = [handle.read(size) for _ in range(count)]
    found = []
    for number, raw in enumerate(table, 1):
        kind, own, first, last, _, name = ENTRY.unpack(raw[: ENTRY.size])
        if kind != bytes(16):
            label = name.decode("utf-16-le").rstrip("\0")
            size = (last - first + 1) * SECTOR
            found.append(Partition(number, label, first * SECTOR, size, uuid.UUID(bytes_le=own)))
    return found
