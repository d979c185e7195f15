# SPDX-License-Identifier: GPL-2.0-or-later
"""Reads what the machine says of itself: its image, memory and load."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

KIB = 1024
_ROOT_HASH = re.compile(r"(?:^|\s)roothash=([0-9a-f]{64})(?:\s|$)")

UNKNOWN = "unknown"


@dataclass(frozen=True)
class Release:
    """The image that runs: its version (os-release(5), IMAGE_VERSION) and its profile."""

    version: str
    profile: str


def image_release(root: Path = Path("/usr")) -> Release:
    """Return which image runs; ``unknown`` on a machine that no image of ours started."""
    fields = {}
    described, profile = root / "lib/os-release", root / "share/patronus/profile"
    if described.exists():
        for line in described.read_text().splitlines():
            key, _, value = line.partition("=")
            fields[key] = value.strip().strip('"')
    return Release(
        fields.get("IMAGE_VERSION", UNKNOWN), profile.read_text().strip() if profile.exists() else UNKNOWN
    )


def root_hash(command_line: Path = Path("/proc/cmdline")) -> str | None:
    """Return dm-verity's hash of the root file system, which names the image; None without."""
    found = _ROOT_HASH.search(command_line.read_text(errors="replace")) if command_line.exists() else None
    return found[1] if found else None


def memory(path: Path = Path("/proc/meminfo")) -> tuple[int, int]:
    """Return bytes of memory: total and available (proc_meminfo(5))."""
    fields = dict(line.split(":", 1) for line in path.read_text().splitlines())
    return tuple(int(fields[key].split()[0]) * KIB for key in ("MemTotal", "MemAvailable"))  # type: ignore[return-value]


def load_average() -> float:
    """Return the load of the last minute."""
    return os.getloadavg()[0]
