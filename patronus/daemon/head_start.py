# SPDX-License-Identifier: GPL-2.0-or-later
"""What the next boot must find for the head start to fit it: the system that runs, and its network cards."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Iterable
from pathlib import Path

from patronus.core.head_start import Card, Occasion, System
from patronus.core.link import Nic
from patronus.daemon.machine import image_release, root_hash

NAME = "head-start"
"""The file in the daemon's state folder."""
NO_ROOT = "-"
LOADER = "patronus-head-start"
"""The folder in /run that is there as long as patronus-head-start.service works."""
PATIENCE_S = 90.0
"""systemd ends it after a minute."""
LOOK_EVERY_S = 0.05

log = logging.getLogger(__name__)


def await_loader(folder: Path, patience_s: float = PATIENCE_S) -> None:
    """Wait until the head start is over, taken or not: two must not change the kernel at once."""
    until = time.monotonic() + patience_s
    while folder.exists():
        if time.monotonic() > until:
            log.warning("the head start does not end, and is not waited for any longer")
            return
        time.sleep(LOOK_EVERY_S)


def occasion(cards: Iterable[Nic], now_s: float, root: Path = Path("/")) -> Occasion:
    """Return what must hold, but for the generation and the system."""
    return Occasion(now_s, tuple(Card(one.name, one.mac, _place(one.name, root)) for one in cards))


def running(root: Path = Path("/")) -> System:
    """Return the system that runs."""
    return System(image_release(root / "usr").version, root_hash(root / "proc/cmdline") or NO_ROOT)


def _place(name: str, root: Path) -> str:
    """Return where the card's device lies; virtio numbers its own as they come: the one above counts."""
    device = root / "sys/class/net" / name / "device"
    if not device.exists():
        return "-"
    found = device.resolve()
    return str(found.parent if re.fullmatch(r"virtio\d+", found.name) else found)
