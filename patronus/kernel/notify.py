# SPDX-License-Identifier: GPL-2.0-or-later
"""Tells systemd that a service is ready and alive, by the protocol of sd_notify(3)."""

from __future__ import annotations

import os
import socket


def notify(state: str) -> None:
    """Send ``READY=1``, ``STATUS=…`` and the like; nothing happens where systemd did not start us."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    if address.startswith("@"):
        address = "\0" + address[1:]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock:
        sock.sendto(state.encode(), address)


def watchdog_s() -> float | None:
    """Return the seconds in which systemd wants a ``WATCHDOG=1``; None where it waits for none.

    Source: sd_watchdog_enabled(3).
    """
    limit_us, pid = os.environ.get("WATCHDOG_USEC", ""), os.environ.get("WATCHDOG_PID", str(os.getpid()))
    return int(limit_us) / 1e6 if limit_us.isdecimal() and pid == str(os.getpid()) else None
