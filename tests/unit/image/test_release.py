# SPDX-License-Identifier: GPL-2.0-or-later
"""A release is cut out of a disk to the byte, under names that carry the partitions' ids."""

from __future__ import annotations

import gzip
import hashlib
import struct
import uuid
from pathlib import Path

import pytest

from image.gpt import EROFS_MAGIC
from image.host import BuildError
from image.keys import Keys
from image.release import cut, release, write_sums
from patronus.update.gpt import ENTRY, HEADER, SECTOR

ROOT_ID, VERITY_ID = uuid.uuid4(), uuid.uuid4()
MIB = 1 << 20


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    """A disk of two partitions; the erofs in the second uses two of its four blocks."""
    rows = [("patronus_0.2.0_verity", VERITY_ID, 1, 1), ("patronus_0.2.0", ROOT_ID, 2, 4)]
    table = b"".join(
        ENTRY.pack(b"k" * 16, own.bytes_le, first * MIB // SECTOR, (first + size) * MIB // SECTOR - 1, 0,
                   label.encode("utf-16-le"))
        for label, own, first, size in rows
    )  # fmt: skip
    header = HEADER.pack(b"EFI PART", 0, 0, 0, 0, 0, 0, 0, 0, b"", 2, 2, ENTRY.size, 0)
    root = bytearray(b"r" * 4 * MIB)
    struct.pack_into("<I", root, 1024, EROFS_MAGIC)
    struct.pack_into("<B", root, 1024 + 12, 20)
    struct.pack_into("<I", root, 1024 + 36, 2)
    path = tmp_path / "patronus_0.2.0.raw"
    start = bytes(SECTOR) + header.ljust(SECTOR, b"\0") + table
    path.write_bytes(start.ljust(MIB, b"\0") + b"v" * MIB + root)
    return path


def test_what_is_cut_out_is_what_the_slot_holds(disk: Path, tmp_path: Path) -> None:
    target = tmp_path / "out"
    target.mkdir()
    parts = cut(disk, "0.2.0", target)
    for kind, own, offset, size in (("verity", VERITY_ID, 1, 1), ("root", ROOT_ID, 2, 2)):
        plain = gzip.decompress((target / f"patronus_0.2.0_{own.hex}.{kind}.gz").read_bytes())
        assert plain == disk.read_bytes()[offset * MIB : (offset + size) * MIB]
        assert parts[kind] == {"bytes": size * MIB, "sha256": hashlib.sha256(plain).hexdigest()}
    write_sums(target)
    names = [line.partition("  ")[2] for line in (target / "SHA256SUMS").read_text().splitlines()]
    assert sorted(names) == sorted(path.name for path in target.iterdir() if path.suffix == ".gz")


def test_an_image_of_another_version_is_refused(disk: Path, tmp_path: Path) -> None:
    with pytest.raises(BuildError, match=r"no partition 'patronus_0\.3\.0'"):
        cut(disk, "0.3.0", tmp_path)


def test_without_an_image_or_a_key_nothing_is_written(disk: Path, tmp_path: Path) -> None:
    target = tmp_path / "out"
    with pytest.raises(BuildError, match="make image"):
        release(tmp_path / "none.raw", "minimal", Keys(tmp_path), target)
    with pytest.raises(BuildError, match="make keys"):
        release(disk, "minimal", Keys(tmp_path), target)
    assert not target.exists()
