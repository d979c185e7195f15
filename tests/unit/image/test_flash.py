# SPDX-License-Identifier: GPL-2.0-or-later
"""Flashing writes the whole image and reads it back, and refuses every disk that cannot be meant."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from image.flash import confirm, refuse, refuse_small, refuse_used, verify, write
from image.host import BuildError

IMAGE_BYTES = 9_000_001  # more than two chunks, and no multiple of one
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="loop devices need root")


def quiet(action: str, done: int, total: int) -> None:
    assert action in ("writing", "verifying")
    assert 0 < done <= total


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "image.raw"
    path.write_bytes(os.urandom(IMAGE_BYTES))
    return path


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A loop device of 4.2 GB, sparse: as large as the smallest disk that is allowed."""
    backing = tmp_path / "disk"
    with backing.open("wb") as handle:
        handle.truncate(4_200_000_000)
    made = subprocess.run(["losetup", "-f", "--show", backing], check=True, capture_output=True, text=True)
    device = Path(made.stdout.strip())
    yield device
    subprocess.run(["losetup", "-d", device], check=True)


def test_what_is_written_is_what_is_read_back(image: Path, tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_bytes(bytes(IMAGE_BYTES + 4096))
    expected = write(image, target, quiet)
    verify(target, IMAGE_BYTES, expected, quiet)
    assert target.read_bytes()[:IMAGE_BYTES] == image.read_bytes()


def test_a_flipped_bit_is_found_when_reading_back(image: Path, tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_bytes(bytes(IMAGE_BYTES))
    expected = write(image, target, quiet)
    with target.open("r+b") as handle:
        handle.seek(IMAGE_BYTES - 1)
        last = handle.read(1)[0]
        handle.seek(IMAGE_BYTES - 1)
        handle.write(bytes([last ^ 1]))
    with pytest.raises(BuildError, match="does not hold what was written"):
        verify(target, IMAGE_BYTES, expected, quiet)


def test_a_file_a_missing_device_and_a_small_disk_are_refused(image: Path, tmp_path: Path) -> None:
    with pytest.raises(BuildError, match="is not a disk"):
        refuse(image, image)
    with pytest.raises(BuildError, match="there is no"):
        refuse(tmp_path / "sdx", image)
    with pytest.raises(BuildError, match=r"has 3\.9 GB"):
        refuse_small(3_900_000_000, image)
    refuse_small(4_000_000_000, image)


def fake_sysfs(root: Path, holder: str | None = None) -> Path:
    """A sysfs with the disk sdz (8:240), its partition sdz1 (8:241) and what is built on that (253:7)."""
    disk = root / "devices/sdz"
    (disk / "sdz1/holders").mkdir(parents=True)
    (disk / "holders").mkdir()
    (disk / "dev").write_text("8:240\n")
    (disk / "sdz1/dev").write_text("8:241\n")
    (disk / "sdz1/partition").write_text("1\n")
    if holder:
        (root / "devices" / holder).mkdir()
        (root / "devices" / holder / "dev").write_text("253:7\n")
        (disk / "sdz1/holders" / holder).symlink_to(root / "devices" / holder)
    (root / "class/block").mkdir(parents=True)
    (root / "class/block/sdz").symlink_to(disk)
    return root


@pytest.mark.parametrize(
    ("number", "place", "message"),
    [
        ("8:241", "/media/usb", "in use: /media/usb"),
        ("8:240", "/mnt", "in use: /mnt"),
        ("8:241", "/", "the disk that this system runs from"),
        ("253:7", "/", "the disk that this system runs from"),
    ],
)
def test_a_mounted_disk_is_refused_also_through_what_is_built_on_it(
    tmp_path: Path, number: str, place: str, message: str
) -> None:
    sysfs = fake_sysfs(tmp_path, "dm-7")
    mountinfo = f"30 1 {number} / {place} rw - ext4 /dev/sdz1 rw\n"
    with pytest.raises(BuildError, match=message):
        refuse_used(Path("/dev/sdz"), sysfs, mountinfo, "Filename Type\n")


def test_a_disk_is_taken_when_only_others_are_mounted(tmp_path: Path) -> None:
    refuse_used(
        Path("/dev/sdz"), fake_sysfs(tmp_path), "30 1 8:1 / / rw - ext4 /dev/sda1 rw\n", "Filename Type\n"
    )


@needs_root
def test_another_answer_writes_nothing(image: Path, disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("yes\n"))
    with pytest.raises(BuildError, match="nothing was written"):
        confirm(disk)
    with disk.open("rb") as handle:
        assert handle.read(4096) == bytes(4096)


@needs_root
def test_a_mounted_loop_device_is_refused_by_the_check_and_by_the_kernel(
    image: Path, disk: Path, tmp_path: Path
) -> None:
    subprocess.run(["mkfs.ext4", "-q", disk], check=True)
    place = tmp_path / "mounted"
    place.mkdir()
    subprocess.run(["mount", disk, place], check=True)
    try:
        with pytest.raises(BuildError, match="in use"):
            refuse(disk, image)
        with pytest.raises(BuildError, match="cannot be had alone"):
            write(image, disk, quiet)
    finally:
        subprocess.run(["umount", place], check=True)
    refuse(disk, image)
