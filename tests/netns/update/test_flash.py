# SPDX-License-Identifier: GPL-2.0-or-later
"""Disks that one image is written to have identities of their own, in tables that other programs read."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest

from image.flash import flash, verify, write
from image.host import BuildError
from image.identity import Patch, fresh, laid_over
from image.trees import tool
from patronus.update.gpt import SECTOR, Partition, partitions

MIB = 1 << 20
FILES = {"EFI/BOOT/BOOTX64.EFI": b"boot" * 1000, "EFI/Linux/patronus_0.1.0+3.efi": b"a signed kernel" * 1000}
SLOT = {"patronus_0.1.0": UUID(int=0x819C46B2 << 96), "patronus_0.1.0_verity": UUID(int=0xD841CE85 << 96)}


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An image with a boot partition that holds files, and a slot, made by what makes the real one."""
    folder = tmp_path_factory.mktemp("image")
    for name, content in FILES.items():
        (folder / "boot" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "boot" / name).write_bytes(content)
    boot = folder / "boot.vfat"
    with boot.open("wb") as handle:
        handle.truncate(64 * MIB)
    subprocess.run([*tool("mkfs.vfat"), "-F", "32", "-n", "ESP", boot], check=True, capture_output=True)
    copy = [*tool("mcopy"), "-s", "-i", str(boot), *map(str, (folder / "boot").iterdir()), "::"]
    subprocess.run(copy, check=True)
    parts = {"00-esp": f"Type=esp\nLabel=esp\nSizeMinBytes=64M\nSizeMaxBytes=64M\nCopyBlocks={boot}\n"}
    for label, own in SLOT.items():
        kind = "root-verity" if label.endswith("_verity") else "root"
        parts[label] = f"Type={kind}\nLabel={label}\nUUID={own}\nSizeMinBytes=4M\nSizeMaxBytes=4M\n"
    (folder / "repart.d").mkdir()
    for name, text in parts.items():
        (folder / f"repart.d/{name}.conf").write_text(f"[Partition]\n{text}")
    made = folder / "image.raw"
    subprocess.run(
        [*tool("systemd-repart"), f"--definitions={folder}/repart.d", "--empty=create", "--size=auto",
         "--dry-run=no", "--no-pager", "--offline=yes", made], check=True, capture_output=True,
    )  # fmt: skip
    return made


@pytest.fixture
def disks(tmp_path: Path) -> Iterator[list[Path]]:
    """Two disks of 4.2 GB, sparse."""
    devices = []
    try:
        for name in ("one", "two"):
            with (tmp_path / name).open("wb") as handle:
                handle.truncate(4_200_000_000)
            attach = ["losetup", "--find", "--show", str(tmp_path / name)]
            made = subprocess.run(attach, check=True, capture_output=True, text=True)
            devices.append(Path(made.stdout.strip()))
        yield devices
    finally:
        for device in devices:
            subprocess.run(["losetup", "--detach", device], check=True)


def boot_partition(disk: Path) -> Partition:
    """Return where the boot partition lies."""
    return next(part for part in partitions(disk) if part.label == "esp")


def identities(disk: Path, boot: Partition) -> dict[str, str]:
    """Return what another program reads: ids of the disk, of its partitions, and of the boot file system."""
    read = [*tool("sfdisk"), "--json", str(disk)]
    table = json.loads(subprocess.run(read, check=True, capture_output=True).stdout)["partitiontable"]
    found = {part["name"]: part["uuid"] for part in table["partitions"]}
    probe = ["blkid", "-p", "-O", str(boot.offset), "-s", "UUID", "-o", "value", str(disk)]
    volume = subprocess.run(probe, check=True, capture_output=True, text=True).stdout.strip()
    return {"disk": table["id"], "volume": volume, **found}


def second_alone(disk: Path, folder: Path, size: int) -> Path:
    """Return a copy whose first table is damaged, so that the second one counts."""
    copied = folder / f"{disk.name}.second"
    with disk.open("rb") as source:
        copied.write_bytes(source.read(size))
    with copied.open("r+b") as handle:
        handle.seek(SECTOR)
        handle.write(bytes(SECTOR))
    return copied


def boot_file(disk: Path, name: str) -> bytes:
    """Return a file of the boot partition."""
    boot = boot_partition(disk)
    read = [*tool("mtype"), "-i", f"{disk}@@{boot.offset}", f"::{name}"]
    return subprocess.run(read, check=True, capture_output=True).stdout


def test_two_disks_from_one_image_can_be_told_apart_but_for_the_slot_that_was_signed(
    image: Path, disks: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for disk in disks:
        monkeypatch.setattr(sys, "stdin", io.StringIO(f"{disk}\n"))
        flash(image, disk)
    boot = boot_partition(image)
    built, one, two = (identities(disk, boot) for disk in (image, *disks))
    assert built.keys() == {"disk", "volume", "esp", *SLOT} == one.keys() == two.keys()
    for name in ("disk", "volume", "esp"):
        assert len({built[name], one[name], two[name]}) == 3, name
    for label, own in SLOT.items():
        assert {built[label], one[label], two[label]} == {str(own).upper()}
    for disk, found in ((disks[0], one), (disks[1], two)):
        assert identities(second_alone(disk, tmp_path, image.stat().st_size), boot) == found
        assert {name: boot_file(disk, name) for name in FILES} == FILES


def test_the_file_system_of_the_boot_partition_is_whole_and_says_one_id_twice(
    image: Path, tmp_path: Path
) -> None:
    target = tmp_path / "target"
    target.write_bytes(bytes(image.stat().st_size))
    verify(target, image.stat().st_size, write(image, target, lambda *_: None, fresh(image)), lambda *_: None)
    boot = boot_partition(target)
    volume = tmp_path / "volume"
    volume.write_bytes(target.read_bytes()[boot.offset : boot.offset + boot.size])
    checked = subprocess.run([*tool("fsck.vfat"), "-n", volume], check=False, capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout
    assert "differences between boot sector and its backup" not in checked.stdout


def test_an_image_without_a_second_table_is_refused_before_anybody_is_asked(
    image: Path, tmp_path: Path
) -> None:
    cut = tmp_path / "cut.raw"
    cut.write_bytes(image.read_bytes()[:-SECTOR])
    with pytest.raises(BuildError, match="no second partition table"):
        fresh(cut)


def test_what_falls_on_the_edge_of_two_pieces_is_laid_over_both() -> None:
    patches = [Patch(3, b"XYZ"), Patch(9, b"W")]
    pieces = [laid_over(b"abcd", 0, patches), laid_over(b"efgh", 4, patches), laid_over(b"ijkl", 8, patches)]
    assert pieces == [b"abcX", b"YZgh", b"iWkl"]
