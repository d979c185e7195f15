# SPDX-License-Identifier: GPL-2.0-or-later
"""Where a network card sits: its place on the bus and its driver, from sysfs.

The place is written as udev's path_id does (ID_PATH), so that what ``udevadm info`` shows can be copied into
a configuration: ``pci-0000:00:02.0``, ``pci-0000:00:14.0-usb-0:1:1.0``, ``platform-d0001000.virtio_mmio``.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

SYSFS = Path("/sys")


def _subsystem(device: Path) -> str:
    link = device / "subsystem"
    return link.resolve().name if link.is_symlink() else ""


def ancestors(name: str, sysfs: Path = SYSFS) -> tuple[tuple[str, str], ...]:
    """Return (subsystem, sysname) of the NIC's device and what it hangs on, nearest first."""
    start = sysfs / "class" / "net" / name / "device"
    if not start.exists():
        return ()
    device, root = start.resolve(), (sysfs / "devices").resolve()
    found = []
    while root in device.parents:
        found.append((_subsystem(device), device.name))
        device = device.parent
    return tuple(found)


def bus_path(chain: Sequence[tuple[str, str]]) -> str | None:
    """Return the place on the bus in udev's form, or None where no bus is known.

    Of PCI the function itself counts, not the bridges above it; of USB the port and the interface.
    """
    parts: list[str] = []
    seen: set[str] = set()
    for subsystem, sysname in chain:
        if subsystem in seen or subsystem not in ("pci", "usb", "platform"):
            continue
        if subsystem == "platform" and "pci" in seen:
            continue
        seen.add(subsystem)
        place = f"0:{sysname.partition('-')[2]}" if subsystem == "usb" else sysname
        parts.insert(0, f"{subsystem}-{place}")
    return "-".join(parts) or None


def driver(name: str, sysfs: Path = SYSFS) -> str | None:
    """Return the name of the NIC's driver, or None."""
    link = sysfs / "class" / "net" / name / "device" / "driver"
    return link.resolve().name if link.exists() else None
