# SPDX-License-Identifier: GPL-2.0-or-later
"""The disk image for a hypervisor: qcow2 for QEMU and Proxmox, vmdk for VMware and VirtualBox."""

from __future__ import annotations

import os
from pathlib import Path

from image.host import run
from image.trees import tool

FORMATS: dict[str, tuple[str, ...]] = {"raw": (), "qcow2": ("-c",), "vmdk": ()}
"""Format → what qemu-img(1) is told besides."""
DISK_BYTES = 8 << 30
"""Bytes of the virtual disk: the first boot takes all of it; the file holds only what is written."""


def convert(disk: Path, kind: str, *, size: int = DISK_BYTES) -> Path:
    """Return the raw disk in another format, beside it; made anew where the disk is newer. Raises BuildError.

    The raw disk is as large as what it holds; one of a hypervisor has room for the rest.
    """
    if kind == "raw":
        return disk
    target, grown = disk.with_suffix(f".{kind}"), disk.with_suffix(".grown")
    if target.exists() and target.stat().st_mtime > disk.stat().st_mtime:
        return target
    try:
        run(["cp", "--sparse=always", "--reflink=auto", disk, grown])
        os.truncate(grown, max(size, grown.stat().st_size))
        unfinished = target.with_suffix(".new")
        run([*tool("qemu-img"), "convert", "-f", "raw", "-O", kind, *FORMATS[kind], grown, unfinished])
        unfinished.rename(target)
    finally:
        grown.unlink(missing_ok=True)
    return target
