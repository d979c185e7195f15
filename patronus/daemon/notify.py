# SPDX-License-Identifier: GPL-2.0-or-later
"""Tells systemd how the daemon is (sd_notify(3)), and a person at the console what to do."""

from __future__ import annotations

import os
import socket
from pathlib import Path

CONSOLE_FILE = "console.txt"
"""Below /run/patronus; a path unit prints it on the console each time it is written."""


def notify(state: str) -> None:
    """Send ``state`` (``READY=1``, ``STATUS=…``) to systemd; does nothing where systemd did not start us."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    if address.startswith("@"):
        address = "\0" + address[1:]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
        sender.sendto(state.encode(), address)


def tell_console(run: Path, text: str) -> None:
    """Have ``text`` printed on the machine's console; it never reaches a log."""
    target = run / CONSOLE_FILE
    fresh = target.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as stream:
        stream.write(text)
    fresh.rename(target)
