#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The last word on a tree before it becomes an image: run by mkosi for the root and for the initrd.

Standard library only and nothing of this package: it runs inside mkosi's sandbox, on the tools tree's Python.
"""

from __future__ import annotations

import os
import struct
from pathlib import Path

PYC_HEADER = struct.Struct("<4sIQ")  # magic, flags, source's time and size or hash: PEP 552
PYC_UNCHECKED = 1


def freeze_bytecode(root: Path) -> None:
    """Mark bytecode that goes by its source's time as valid: the source cannot change."""
    for path in root.rglob("usr/lib/python3*/**/*.pyc"):
        content = path.read_bytes()
        magic, flags, _ = PYC_HEADER.unpack_from(content)
        if flags == 0:
            path.write_bytes(PYC_HEADER.pack(magic, PYC_UNCHECKED, 0) + content[PYC_HEADER.size :])


def set_kernel_aside(root: Path) -> None:
    """Move the kernel to a folder that no partition copies: it lies in the UKI already."""
    for kernel in root.glob("usr/lib/modules/*/vmlinuz"):
        aside = root / "uki" / f"vmlinuz-{kernel.parent.name}"
        aside.parent.mkdir(exist_ok=True)
        kernel.rename(aside)
        kernel.symlink_to(os.path.relpath(aside, kernel.parent))


def start_as_root_alone(root: Path) -> None:
    """Take from pppd the right to become root: the unit that dials starts it as root, and nobody else may."""
    for path in root.glob("usr/sbin/pppd"):
        path.chmod(0o755)


def set_times(root: Path, epoch: int) -> None:
    """Give everything one time, so that neither the clock nor the age of a cached base shows in the image."""
    for folder, names, files in os.walk(root):
        for name in (*names, *files, "."):
            os.utime(Path(folder, name), (epoch, epoch), follow_symlinks=False)


def main() -> None:
    """Seal the tree that mkosi has prepared."""
    root = Path(os.environ["BUILDROOT"])
    freeze_bytecode(root)
    set_kernel_aside(root)
    start_as_root_alone(root)
    set_times(root, int(os.environ["SOURCE_DATE_EPOCH"]))


if __name__ == "__main__":
    main()
