# SPDX-License-Identifier: GPL-2.0-or-later
"""The disks of a machine: a qcow2 over the image, which is never written, and one for the firmware."""

from __future__ import annotations

import subprocess
from pathlib import Path

from qemu.emulator import Emulator, Firmware
from qemu.errors import HarnessError, Missing
from qemu.machine import Machine, Places


def create(emulator: Emulator, machine: Machine, places: Places, firmware: Firmware) -> None:
    """Make both disks as they are when the machine leaves the shop."""
    if not machine.image.exists():
        raise Missing(str(machine.image), hint="`make image` builds it")
    size = max(machine.disk_bytes, machine.image.stat().st_size)
    overlay(emulator, machine.image, places.disk, size=size)
    _image_tool(
        emulator, "convert", "-f", "raw", "-O", "qcow2", str(firmware.variables), str(places.variables)
    )


def overlay(emulator: Emulator, base: Path, target: Path, *, size: int, base_format: str = "raw") -> None:
    """Make a qcow2 of ``size`` bytes whose unwritten blocks are those of ``base``."""
    backing = ["-b", str(base.resolve()), "-F", base_format]
    _image_tool(emulator, "create", "-q", "-f", "qcow2", *backing, str(target), str(size))


def blank(emulator: Emulator, target: Path, *, size: int) -> None:
    """Make a qcow2 of ``size`` bytes with nothing on it."""
    _image_tool(emulator, "create", "-q", "-f", "qcow2", str(target), str(size))


def _image_tool(emulator: Emulator, *arguments: str) -> None:
    argv = [*emulator.program("qemu-img"), *arguments]
    done = subprocess.run(argv, env=emulator.environment(), capture_output=True, text=True, check=False)
    if done.returncode:
        raise HarnessError(f"qemu-img {arguments[0]}: {done.stderr.strip()}")
