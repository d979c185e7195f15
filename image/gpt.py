# SPDX-License-Identifier: GPL-2.0-or-later
"""What a disk image holds: its partitions, and how much of one its file system uses."""

from __future__ import annotations

import struct
from pathlib import Path

from image.host import BuildError
from patronus.update import gpt
from patronus.update.gpt import Partition

EROFS_SUPERBLOCK = 1024
EROFS_MAGIC = 0xE0F5E1E2


def partitions(disk: Path) -> list[Partition]:
    """Return the partitions in the order of the table. Raises BuildError where there is no GPT."""
    try:
        return gpt.partitions(disk)
    except ValueError as error:
        raise BuildError(str(error)) from error


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
