# SPDX-License-Identifier: GPL-2.0-or-later
"""The daemon's pulse: systemd hears it as long as changes get on and the door opens, and no longer.

A thread that hangs in the kernel while it has the turn blocks every change and every revert, and the process
looks well from outside. Then the pulse stops, systemd ends the process, whose last words are what each thread
was doing, and starts it again with the confirmed generation.
"""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Callable
from pathlib import Path

from patronus.kernel.notify import notify, watchdog_s

log = logging.getLogger(__name__)

BEATS = 4
"""So many beats fit into the time that systemd grants; one takes at most two of them."""

GetsOn = Callable[[float], bool]
"""(patience in seconds) → whether it is alive: ``Engine.gets_on``."""


class Pulse:
    """Beats in a thread of its own: ``door`` is the daemon's socket, ``period_s`` the time between beats."""

    def __init__(self, gets_on: GetsOn, door: Path, period_s: float) -> None:
        self._gets_on = gets_on
        self._door = door
        self._period_s = period_s
        self._stopped = threading.Event()

    def start(self) -> None:
        """Begin to beat."""
        threading.Thread(target=self._run, name="pulse", daemon=True).start()

    def stop(self) -> None:
        """Beat no more."""
        self._stopped.set()

    def ailment(self) -> str | None:
        """Return what hangs; None where all is well. Takes one period at most."""
        if not self._gets_on(self._period_s / 2):
            return "a change hangs: nobody else gets the turn"
        if not opens(self._door, self._period_s / 2):
            return f"nobody answers at {self._door}"
        return None

    def _run(self) -> None:
        while not self._stopped.wait(self._period_s):
            ailment = self.ailment()
            if ailment is None:
                notify("WATCHDOG=1")
            else:
                log.critical("no pulse: %s", ailment)


def opens(door: Path, patience_s: float) -> bool:
    """Return whether the daemon takes a connection and hangs up on who hangs up."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC) as visitor:
        visitor.settimeout(patience_s)
        try:
            visitor.connect(str(door))
            visitor.shutdown(socket.SHUT_WR)
            return visitor.recv(1) == b""
        except (BrokenPipeError, ConnectionResetError):
            return True  # hung up on us first: all places are taken, and somebody is there to say so
        except OSError:
            return False


def keep_pulse(gets_on: GetsOn, door: Path) -> Pulse | None:
    """Begin to beat where systemd listens; it does not where a person has started the daemon."""
    limit_s = watchdog_s()
    if limit_s is None:
        return None
    pulse = Pulse(gets_on, door, limit_s / BEATS)
    pulse.start()
    return pulse
