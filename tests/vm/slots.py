# SPDX-License-Identifier: GPL-2.0-or-later
"""Disks with a second slot, filled as an update would, and bytes changed below a machine that trusts them."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from image.gpt import erofs_bytes, partitions
from image.host import run
from image.trees import tool
from patronus.update.gpt import Partition
from qemu.machine import SYSTEM_DISK
from qemu.vm import Vm

BLOCK = 4096
MIB = 1 << 20
DISK_BYTES = 4 << 30
OTHER = "patronus_0.0.0"
"""The system in slot B: older than any that is built, so that slot A comes first."""
_SALT = "5a" * 32
_VERITY_TYPE, _ROOT_TYPE = "2c7357ed-ebd2-46d9-aec1-23d437ec2bf5", "4f68bce3-e8cd-4db1-96e7-fbcaf984b709"
_ROOT_HASH = re.compile(rb"roothash=[0-9a-f]{64}")


@dataclass(frozen=True)
class Slot:
    """Where the verified root of one slot lies on a disk."""

    data: Partition
    hashes: Partition

    @property
    def superblock(self) -> int:
        """The byte with which the hash tree's superblock begins."""
        return self.hashes.offset

    @property
    def root_block(self) -> int:
        """The block of the tree whose hash is the root hash: the first behind the superblock."""
        return self.hashes.offset + BLOCK


def slot(disk: Path) -> Slot:
    """Return slot A of a disk."""
    table = [part for part in partitions(disk) if part.label.startswith("patronus_")]
    return Slot(table[1], table[0])


def copy(image: Path, target: Path) -> Path:
    """Copy an image, holes as holes."""
    run(["cp", "--sparse=always", "--reflink=auto", image, target])
    return target


class Esp:
    """The boot partition of a disk that no machine uses."""

    def __init__(self, disk: Path) -> None:
        (esp,) = (part for part in partitions(disk) if part.label == "esp")
        self._where = f"{disk}@@{esp.offset}"

    def entries(self) -> list[str]:
        """Return the names of the boot entries."""
        return [Path(line.strip()).name for line in self._call("mdir", "-b", "::/EFI/Linux").splitlines()]

    def rename(self, old: str, new: str) -> None:
        """Give a boot entry another name: another counter. mren refuses the name that it has."""
        if new != old:
            self._call("mren", f"::/EFI/Linux/{old}", f"::/EFI/Linux/{new}")

    def take(self, place: str, target: Path) -> Path:
        """Copy a file out of it."""
        self._call("mcopy", "-n", f"::{place}", str(target))
        return target

    def put(self, source: Path, place: str) -> None:
        """Copy a file into it, over one that is there."""
        self._call("mcopy", "-o", str(source), f"::{place}")

    def _call(self, program: str, *arguments: str) -> str:
        argv = [*tool("mtools"), "-c", program, "-i", self._where, *arguments]
        return run(argv, env={"MTOOLS_SKIP_CHECK": "1"}, capture=True)


def count(disk: Path, counter: str) -> str:
    """Give the one system on the disk a boot counter, such as ``+1-2``; return its name without it."""
    esp = Esp(disk)
    (name,) = esp.entries()
    stem = name.partition("+")[0].removesuffix(".efi")
    esp.rename(name, f"{stem}{counter}.efi")
    return stem


def fill_other(disk: Path, scratch: Path) -> str:
    """Fill slot B with the system of slot A under a hash tree of its own, whose root hash is returned.

    Its boot entry has no counter: it is older, and has been good for long.
    """
    one = slot(disk)
    data, hashes = scratch / "root", scratch / "verity"
    _cut(disk, one.data.offset, erofs_bytes(disk, one.data), data)
    hashes.write_bytes(b"")
    argv = [*tool("veritysetup"), "format", f"--salt={_SALT}", str(data), str(hashes)]
    root_hash = re.search(r"Root hash:\s+([0-9a-f]{64})", run(argv, capture=True))
    assert root_hash
    place = -(-disk.stat().st_size // MIB) * MIB
    with disk.open("r+b") as handle:
        handle.truncate(DISK_BYTES)
    _add_partitions(disk, root_hash[1], place)
    for source, offset in ((hashes, place), (data, place + 32 * MIB)):
        run(["dd", "bs=1M", "conv=notrunc,sparse", "status=none", f"if={source}", f"of={disk}",
             f"seek={offset // MIB}"])  # fmt: skip
    esp = Esp(disk)
    (name,) = esp.entries()
    kernel = esp.take(f"/EFI/Linux/{name}", scratch / "kernel.efi")
    kernel.write_bytes(_ROOT_HASH.sub(b"roothash=" + root_hash[1].encode(), kernel.read_bytes()))
    esp.put(kernel, f"/EFI/Linux/{OTHER}.efi")
    return root_hash[1]


def _cut(disk: Path, offset: int, size: int, target: Path) -> None:
    run(["dd", "bs=1M", "conv=sparse", "status=none", "iflag=count_bytes", f"skip={offset // MIB}",
         f"count={size}", f"if={disk}", f"of={target}"])  # fmt: skip


def _add_partitions(disk: Path, root_hash: str, place: int) -> None:
    """Append both partitions of slot B; their ids are the halves of the root hash, as repart(8) has it."""
    rows = [
        (place, 32 * MIB, _VERITY_TYPE, root_hash[32:], f"{OTHER}_verity"),
        (place + 32 * MIB, 1024 * MIB, _ROOT_TYPE, root_hash[:32], OTHER),
    ]
    script = "".join(
        f"start={start // 512}, size={size // 512}, type={kind}, uuid={_uuid(half)}, name={name}\n"
        for start, size, kind, half, name in rows
    )
    sfdisk = [*tool("sfdisk"), "--quiet", "--no-reread", "--no-tell-kernel"]
    run([*sfdisk, "--relocate", "gpt-bak-std", disk])
    subprocess.run([*sfdisk, "--append", str(disk)], input=script, text=True, check=True)


def _uuid(digits: str) -> str:
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def flip(vm: Vm, offset: int) -> None:
    """Spoil the block at this byte of the machine's disk, whether it is on or off."""
    command = f"write -P 0xa5 {offset - offset % 512} 512"
    if vm.pid is None:
        argv = [*vm.emulator.program("qemu-io"), "-f", "qcow2", "-c", command, str(vm.places.disk)]
        subprocess.run(argv, env=vm.emulator.environment(), check=True, capture_output=True)
    else:
        complaint = vm.monitor(f'qemu-io -d /machine/peripheral/{SYSTEM_DISK}/virtio-backend "{command}"')
        assert not complaint, complaint


def block_of(disk: Path, scratch: Path, path: str) -> int:
    """Return the byte of the disk at which a block in the middle of a file of slot A begins."""
    one = slot(disk)
    root = scratch / "root-a"
    _cut(disk, one.data.offset, erofs_bytes(disk, one.data), root)
    said = run([*tool("dump.erofs"), f"--path={path}", "-e", str(root)], capture=True)
    extents = re.findall(r"\| +\d+ : +(\d+)\.\.", said)
    return one.data.offset + int(extents[len(extents) // 2])
