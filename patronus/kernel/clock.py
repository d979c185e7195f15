# SPDX-License-Identifier: GPL-2.0-or-later
"""The clock of this machine: time since boot for deadlines, wall time with the image's age as its floor."""

from __future__ import annotations

import time
from pathlib import Path

from patronus.core.errors import KernelError

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_EPOCH = Path("/usr/lib/clock-epoch")
"""The file whose time stamp systemd takes as the earliest possible now, systemd(1)."""


def build_time() -> float:
    """Return when the image was built, in seconds since the epoch: no clock can be right before it."""
    stamped = _EPOCH if _EPOCH.exists() else Path(__file__)
    return stamped.stat().st_mtime


def synchronised(stamp: Path) -> bool:
    """Return whether a time server has set the clock since the boot.

    ``stamp`` is the file in /run that ``patronus-ntp-synchronised.service`` makes when chronyd says so. The
    kernel's own word (adjtimex(2), STA_UNSYNC) is not for a process under ProtectClock=.
    """
    return stamp.exists()


class SystemClock:
    """``core.control.Clock`` over CLOCK_BOOTTIME. Safe from any thread."""

    def __init__(self, floor: float | None = None) -> None:
        """Read the name of this boot. ``floor``: the earliest wall time (None: the image's build)."""
        self._floor = build_time() if floor is None else floor
        try:
            self._boot_id = _BOOT_ID.read_text(encoding="ascii").strip()
        except OSError as error:
            raise KernelError(f"the kernel does not name this boot: {error}") from error

    @property
    def boot_id(self) -> str:
        """The kernel's random name of this boot."""
        return self._boot_id

    def boottime(self) -> float:
        """Return seconds since boot, suspend included (CLOCK_BOOTTIME)."""
        return time.clock_gettime(time.CLOCK_BOOTTIME)

    def wall(self) -> float:
        """Return seconds since the epoch, never before the build of the image."""
        return max(time.time(), self._floor)
