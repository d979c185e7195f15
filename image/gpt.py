# SPDX-License-Identifier: GPL-2.0-or-later
"""Read the partition table of a disk image: UEFI specification 2.10, section 5.3 (GPT disk layout)."""

from __future__ import annotations

import struct
import uuid
from dataclasses import dataclass
from pathlib import Path

from image.host import BuildError

SECTOR = 512
HEADER = struct.Struct("<8sIIIIQQQQ16sQIII")
ENTRY = struct.Struct("<16s16sQQQ72s")
EROFS_SUPERBLOCK = 1024
EROFS_MAGIC = 0xE0F5E1E2


@dataclass(frozen=True)
class Partition:
    """One entry of the table; offset and size in bytes, ``id`` its unique GUID."""

    label: str
    offset: int
    size: int
    id: uuid.UUID


def partitions(disk: Path) -> list[Partition]:
    """Return the partitions in the order of the table. Raises BuildError where there is no GPT."""
    with disk.open("rb") as handle:
        handle.seek(SECTOR)
        header = HEADER.unpack(handle.read(HEADER.size))
        if header[0] != b"EFI PART":
            raise BuildError(f"{disk} has no GPT")
        entries, count, size = header[10], header[11], header[12]
        handle.seek(entries * SECTOR)
        table = [handle.read(size) for _ in range(count)]
    found = []
    for raw in table:
        kind, own, first, last, _, name = ENTRY.unpack(raw[: ENTRY.size])
        if kind != bytes(16):
            label = name.decode("utf-16-le").rstrip("\0")
            size = (last - first + 1) * SECTOR
            found.append(Partition(label, first * SECTOR, size, uuid.UUID(bytes_le=own)))
    return found


def erofs_bytes(disk: Path, partition: Partition) -> int:
    """Return how many bytes of the partition the erofs in it uses. Raises BuildError where there is none."""
    with disk.open("rb") as handle:
        handle.seek(partition.offset + EROFS_SUPERBLOCK)
        superblock = handle.read(128)
    magic, block_bits, blocks = (
        struct.unpack_from(code, superblock, at)[0] for code, at in (("<I", 0), ("<B", 12), ("<I", 36))
    )
    if magic != EROFS_MAGIC:
        raise BuildError(f"{disk}: partition {partition.label} holds no erofs")
    return int(blocks) << int(block_bits)
