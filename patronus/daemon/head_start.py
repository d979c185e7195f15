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
NAMING = "udev/queue"
"""The file in /run that is there as long as udev loads drivers and names network cards."""
NAMING_PATIENCE_S = 30.0
"""A router with a card that never ends to appear starts without it, and takes it when it comes."""
LOOK_EVERY_S = 0.05

log = logging.getLogger(__name__)


def await_beginning(run: Path) -> None:
    """Wait until the head start is over, taken or not, and udev has named the cards that are there.

    ``run`` is ``/run``. Two must not change the kernel at once, and a first configuration names each card.
    """
    await_end(run / LOADER, "the head start", PATIENCE_S)
    await_end(run / NAMING, "the naming of network cards", NAMING_PATIENCE_S)


def await_end(sign: Path, what: str, patience_s: float) -> None:
    """Wait until the sign is gone, which is there as long as ``what`` works."""
    until = time.monotonic() + patience_s
    while sign.exists():
        if time.monotonic() > until:
            log.warning("%s does not end, and is not waited for any longer", what)
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
