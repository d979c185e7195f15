# SPDX-License-Identifier: GPL-2.0-or-later
"""Identities of its own for each disk that an image is written to.

Two sticks with the same ids in one machine cannot be told apart: the system finds its disk by the id of the
boot partition (docs/decisions/boot-disk.md). The slots keep theirs: the signed command line asks for them.
UEFI specification 2.10, section 5.3 (GPT disk layout); Microsoft's fatgen103, "Boot Sector and BPB".
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO
from uuid import UUID, uuid4

from image.gpt import partitions
from image.host import BuildError
from patronus.update.gpt import HEADER, SECTOR, Partition

SLOTS = "patronus_"
"""How the labels of partitions begin that are found by ids which were signed."""
OWN_ID_OFFSET, VOLUME_ID_OFFSET = 16, 67
"""In an entry of a table, and in the boot sector of a FAT32."""
BACKUP_BOOT_SECTOR_OFFSET = 50

Draw = Callable[[], UUID]


@dataclass(frozen=True)
class Patch:
    """Bytes that a disk has in the place of the image's, from ``offset`` on."""

    offset: int
    content: bytes


def fresh(image: Path, draw: Draw = uuid4) -> list[Patch]:
    """Return what gives a disk with this image other ids: its own, its partitions' but slots, file systems'.

    Raises BuildError where the image has no two tables of partitions, OSError.
    """
    found = partitions(image)
    own = {part.number: draw() for part in found if not part.label.startswith(SLOTS)}
    disk = draw()
    with image.open("rb") as handle:
        tables = [SECTOR, _second(handle, image)]
        patches = [patch for header in tables for patch in _table(handle, header, disk, own)]
        for part in found:
            if part.number in own:
                patches += _fat(handle, part, draw)
    return patches


def _second(handle: BinaryIO, image: Path) -> int:
    """Return where the second table's header lies, which firmware takes where the first one is damaged."""
    place = HEADER.unpack(_read(handle, SECTOR, HEADER.size))[6] * SECTOR
    if _read(handle, place, 8) != b"EFI PART":
        raise BuildError(f"{image} has no second partition table", hint="build it anew: make image")
    return int(place)


def _table(handle: BinaryIO, header: int, disk: UUID, own: dict[int, UUID]) -> Iterator[Patch]:
    """Yield a table's entries and its header with other ids, and with the sums that these have."""
    fields = list(HEADER.unpack(_read(handle, header, HEADER.size)))
    place, count, size = (fields[index] for index in (10, 11, 12))
    entries = bytearray(_read(handle, place * SECTOR, count * size))
    for number, identity in own.items():
        at = (number - 1) * size + OWN_ID_OFFSET
        entries[at : at + 16] = identity.bytes_le
    fields[3], fields[9], fields[13] = 0, disk.bytes_le, zlib.crc32(entries)
    fields[3] = zlib.crc32(HEADER.pack(*fields))
    yield Patch(place * SECTOR, bytes(entries))
    yield Patch(header, HEADER.pack(*fields))


def _fat(handle: BinaryIO, part: Partition, draw: Draw) -> Iterator[Patch]:
    """Yield the volume's id in both boot sectors, where the partition holds a FAT32."""
    sector = _read(handle, part.offset, SECTOR)
    if sector[82:90] != b"FAT32   ":
        return
    (size,), (backup,) = (
        struct.unpack_from("<H", sector, 11),
        struct.unpack_from("<H", sector, BACKUP_BOOT_SECTOR_OFFSET),
    )
    volume = draw().bytes[:4]
    for place in {0, backup}:
        yield Patch(part.offset + place * size + VOLUME_ID_OFFSET, volume)


def _read(handle: BinaryIO, offset: int, size: int) -> bytes:
    handle.seek(offset)
    return handle.read(size).ljust(size, b"\0")


def laid_over(piece: bytes, start: int, patches: Sequence[Patch]) -> bytes:
    """Return a piece of the image, which begins at ``start``, with what of the patches falls into it."""
    changed = bytearray(piece)
    for patch in patches:
        first, end = max(patch.offset, start), min(patch.offset + len(patch.content), start + len(piece))
        if first < end:
            changed[first - start : end - start] = patch.content[first - patch.offset : end - patch.offset]
    return bytes(changed)
