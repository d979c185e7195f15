# SPDX-License-Identifier: GPL-2.0-or-later
"""Whether a disk is in use, by what the kernel says: sysfs, /proc/self/mountinfo, /proc/swaps.

Standard library only: the builder writes sticks with it.
"""

from __future__ import annotations

import os
from pathlib import Path

SMALLEST_DISK = 4_000_000_000  # docs/decisions/partitions.md


def family(name: str, sysfs: Path = Path("/sys")) -> set[str]:
    """Return the device numbers, as MAJOR:MINOR, of the disk, its partitions and what is built on them."""
    found: set[str] = set()
    waiting = [sysfs / "class/block" / name]
    while waiting:
        entry = waiting.pop().resolve()
        number = (entry / "dev").read_text().strip()
        if number in found:
            continue
        found.add(number)
        waiting += [child for child in entry.iterdir() if (child / "partition").exists()]
        waiting += list((entry / "holders").iterdir()) if (entry / "holders").is_dir() else []
    return found


def uses(numbers: set[str], mountinfo: str, swaps: str) -> list[str]:
    """Return where the devices are mounted or swapped on."""
    places = [
        fields[4] for fields in (line.split() for line in mountinfo.splitlines()) if fields[2] in numbers
    ]
    for line in swaps.splitlines()[1:]:
        area = Path(line.split()[0])
        if area.is_block_device() and _number(area) in numbers:
            places.append(f"swap on {area}")
    return places


def _number(device: Path) -> str:
    """Return MAJOR:MINOR of the device node."""
    identity = device.stat().st_rdev
    return f"{os.major(identity)}:{os.minor(identity)}"
