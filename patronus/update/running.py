# SPDX-License-Identifier: GPL-2.0-or-later
"""The system that runs this program: its version, its boot partition, and the machine to install it on."""

from __future__ import annotations

from pathlib import Path

from patronus.update.disk import World, disks, original
from patronus.update.disk_install import Machine

RELEASE = Path("/usr/lib/os-release")
ESP = Path("/boot")
_VERSION = "IMAGE_VERSION="


def version() -> str:
    """Return the version of the image that runs; empty where it is none."""
    lines = RELEASE.read_text().splitlines()
    return next((line.removeprefix(_VERSION).strip('"') for line in lines if line.startswith(_VERSION)), "")


def machine() -> Machine:
    """Return the disks of this machine, and where the system that runs lies."""
    world = World()
    return Machine(lambda: disks(world), lambda: original(version(), world, esp=ESP), world.devices)
