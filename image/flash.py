# SPDX-License-Identifier: GPL-2.0-or-later
"""Write an image to a disk: ``python3 -m image.flash [--profile PROFILE] /dev/sdX``.

Refuses what cannot be meant (the system's disk, a mounted disk, a partition, a disk too small), asks for the
device's name once more, shows progress, and reads everything back before it says that it is done. Each disk
gets identities of its own.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import io
import os
import stat
import struct
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from image.build import PROFILES, disk
from image.host import BuildError, as_root, complain
from image.identity import Patch, fresh, laid_over
from patronus.update.block import SMALLEST_DISK, family, uses

CHUNK = 4 << 20
BLKGETSIZE64 = 0x80081272  # linux/fs.h
Progress = Callable[[str, int, int], None]


def device_size(device: Path) -> int:
    """Return the size in bytes of a block device, or of the file that stands in for one."""
    with device.open("rb") as handle:
        if stat.S_ISBLK(os.fstat(handle.fileno()).st_mode):
            answer = fcntl.ioctl(handle, BLKGETSIZE64, bytes(8))
            return int(struct.unpack("<Q", answer)[0])
        return handle.seek(0, os.SEEK_END)


def refuse(device: Path, image: Path) -> None:
    """Raise BuildError unless the device is a whole, unused disk that is large enough for the image."""
    if not device.exists():
        raise BuildError(f"there is no {device}", hint="lsblk lists the disks")
    if not device.is_block_device():
        raise BuildError(f"{device} is not a disk", hint="name the disk, for example /dev/sdX")
    device = device.resolve()
    if Path("/sys/class/block", device.name, "partition").exists():
        raise BuildError(f"{device} is a partition", hint="name the whole disk")
    refuse_used(
        device, Path("/sys"), Path("/proc/self/mountinfo").read_text(), Path("/proc/swaps").read_text()
    )
    refuse_small(device_size(device), image)


def refuse_used(device: Path, sysfs: Path, mountinfo: str, swaps: str) -> None:
    """Raise BuildError where the disk, a partition of it or what is built on one is mounted or swapped on."""
    places = uses(family(device.name, sysfs), mountinfo, swaps)
    if "/" in places:
        raise BuildError(f"{device} is the disk that this system runs from")
    if places:
        raise BuildError(f"{device} is in use: {', '.join(places)}", hint="unmount it first")


def refuse_small(size: int, image: Path) -> None:
    """Raise BuildError where the size in bytes does not hold the image and what the first boot adds."""
    needed = max(SMALLEST_DISK, image.stat().st_size)
    if size < needed:
        raise BuildError(f"the disk has {size / 1e9:.1f} GB, the image needs {needed / 1e9:.1f} GB")


def write(image: Path, device: Path, progress: Progress, patches: Sequence[Patch] = ()) -> str:
    """Copy the image, with the patches laid over, to the device and sync; return the sha256 of that."""
    digest, total, done = hashlib.sha256(), image.stat().st_size, 0
    with image.open("rb") as source, _claim(device) as target:
        while piece := source.read(CHUNK):
            chunk = laid_over(piece, done, patches)
            digest.update(chunk)
            _write_all(target.fileno(), chunk)
            done += len(chunk)
            progress("writing", done, total)
        os.fsync(target.fileno())
        os.posix_fadvise(target.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    return digest.hexdigest()


def _claim(device: Path) -> io.FileIO:
    """Open the device for writing alone: the kernel refuses while anything holds a part of it."""
    try:
        return io.FileIO(os.open(device, os.O_RDWR | os.O_EXCL), "r+b")
    except OSError as error:
        raise BuildError(
            f"{device} cannot be had alone: {error.strerror}", hint="unmount what is on it"
        ) from error


def _write_all(descriptor: int, chunk: bytes) -> None:
    """Write the whole chunk, however the kernel splits it."""
    view = memoryview(chunk)
    while view:
        view = view[os.write(descriptor, view) :]


def verify(device: Path, size: int, expected: str, progress: Progress) -> None:
    """Read the first ``size`` bytes back. Raises BuildError where their sha256 is another."""
    digest, done = hashlib.sha256(), 0
    with device.open("rb", buffering=0) as source:
        while done < size and (chunk := source.read(min(CHUNK, size - done))):
            digest.update(chunk)
            done += len(chunk)
            progress("verifying", done, size)
    if digest.hexdigest() != expected:
        raise BuildError(
            f"{device} does not hold what was written", hint="the disk is faulty: use another one"
        )


def show(action: str, done: int, total: int) -> None:
    """Show how far it is, on one line of a terminal."""
    if sys.stderr.isatty():
        end = "\n" if done >= total else ""
        print(
            f"\r{action}: {100 * done // total} % of {total / 1e6:.0f} MB",
            end=end,
            file=sys.stderr,
            flush=True,
        )


def confirm(device: Path) -> None:
    """Ask for the device's name. Raises BuildError for any other answer."""
    size = device_size(device) / 1e9
    print(f"Everything on {device} ({size:.1f} GB) will be lost. Type its name to go on:", flush=True)
    if sys.stdin.readline().strip() != str(device):
        raise BuildError("nothing was written")


def flash(image: Path, device: Path) -> None:
    """Refuse, ask, write, verify."""
    refuse(device, image)
    patches = fresh(image)
    confirm(device)
    expected = write(image, device, show, patches)
    verify(device, image.stat().st_size, expected, show)
    print(f"{device} holds {image.name}, read back and equal. It can boot now.")


def main() -> None:
    """Write the built image of a profile to the device named on the command line."""
    parser = argparse.ArgumentParser(prog="python3 -m image.flash", description=__doc__)
    parser.add_argument("--profile", default="standard", choices=sorted(PROFILES))
    parser.add_argument("device", nargs="?", type=Path)
    chosen = parser.parse_args()
    try:
        if chosen.device is None:
            raise BuildError("no device is named", hint="make flash DEVICE=/dev/sdX; lsblk lists the disks")
        image = disk(chosen.profile)
        if not image.exists():
            raise BuildError(f"{image} is not built", hint=f"make image PROFILE={chosen.profile}")
        if os.geteuid() != 0:
            again = [sys.executable, "-m", "image.flash", *sys.argv[1:]]
            raise SystemExit(subprocess.run(as_root(again), check=False).returncode)
        flash(image, chosen.device)
    except (BuildError, PermissionError) as error:
        complain(error if isinstance(error, BuildError) else BuildError(str(error)))


if __name__ == "__main__":
    main()
