# SPDX-License-Identifier: GPL-2.0-or-later
"""The dialler of one uplink: ``python3 -m patronus.network.pppoe.server``. Runs pppd again and again.

It is root, as pppd wants it, with the rights over networks alone. Its task comes from patronusd, and nothing
of it reaches pppd but words and numbers in their places: pppd could be told to run programs.
"""

from __future__ import annotations

import argparse
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from types import FrameType

from patronus.core.errors import InvalidRequest
from patronus.kernel.process import PATH
from patronus.network.pppoe import task as tasks
from patronus.network.pppoe.options import render
from patronus.network.pppoe.report import Report
from patronus.network.pppoe.session import REFUSED, Session, pause_s
from patronus.network.pppoe.task import Task

log = logging.getLogger("patronus-pppoe")

MAILBOX = Path("/run/patronus-dhcpcd/changed.sock")
GOODBYE_S = 10.0
"""So long pppd may take to say goodbye to the provider."""


class Dialler:
    """Keeps one uplink up. ``report`` is a file for patronusd, ``options`` one that only pppd can see."""

    def __init__(self, task: Task, report: Path, options: Path) -> None:
        self._task = task
        self._path = report
        self._options = options
        self._told: Report | None = None
        self._over = threading.Event()
        self._pppd: subprocess.Popen[str] | None = None

    def run(self) -> None:
        """Dial until told to stop; then nothing is told of the uplink any more."""
        self._tell(Report())
        failures = 0
        while not self._over.is_set():
            last, stood = self._session()
            failures = 1 if stood else failures + 1
            if self._over.is_set():
                break
            self._tell(last)
            wait_s = pause_s(failures, refused=last.error == REFUSED)
            log.warning("%s: %s; again in %.0f s", self._task.device, last.error, wait_s)
            self._over.wait(wait_s)
        self._path.unlink(missing_ok=True)
        self._wake()

    def stop(self, *_: int | FrameType | None) -> None:
        """Hang up and dial no more; for a signal."""
        self._over.set()
        if self._pppd is not None:
            with suppress(OSError):
                self._pppd.terminate()

    def _session(self) -> tuple[Report, bool]:
        """Run pppd once. Return why it ended, and whether the session ever stood."""
        session = Session(self._task)
        try:
            self._pppd = self._start()
        except OSError as error:
            return Report(error=f"pppd cannot be started: {error.strerror}"), False
        with self._pppd as pppd:
            if self._over.is_set():  # told to stop while it was being started
                pppd.terminate()
            assert pppd.stdout is not None
            for line in pppd.stdout:
                session = session.hear(line.strip(), time.clock_gettime(time.CLOCK_BOOTTIME))
                if session.report.up:
                    self._tell(session.report)
            try:
                status = pppd.wait(GOODBYE_S)
            except subprocess.TimeoutExpired:
                pppd.kill()
                status = pppd.wait()
        return session.ended(status), session.report.up

    def _start(self) -> subprocess.Popen[str]:
        """Start pppd. Its options lie in a file, as arguments can be read by everybody."""
        descriptor = os.open(self._options, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(render(self._task))
        return subprocess.Popen(
            ["pppd", "file", str(self._options)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            env={"PATH": PATH, "LC_ALL": "C"},
        )

    def _tell(self, report: Report) -> None:
        """Write the report where it says something new, and wake patronusd."""
        if report == self._told:
            return
        self._told = report
        fresh = self._path.with_suffix(".new")
        fresh.write_text(report.as_text(), encoding="utf-8")
        fresh.chmod(0o644)
        fresh.replace(self._path)
        self._wake()

    def _wake(self) -> None:
        """Where patronusd is away it will read the report when it comes."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as sock:
            try:
                sock.sendto(b"changed", str(MAILBOX))
            except OSError as error:
                log.info("patronusd is not told: %s", error)


def main() -> None:
    """Dial as the task says."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    parser = argparse.ArgumentParser(prog="patronus.network.pppoe.server", description=__doc__)
    parser.add_argument("task", type=Path, help="file with the task, a credential of systemd")
    parser.add_argument("report", type=Path, help="file to tell in how the uplink stands")
    parser.add_argument(
        "options", type=Path, help="file for pppd's options, in a folder that nobody else sees"
    )
    given = parser.parse_args()
    try:
        task = tasks.parse(given.task.read_text(encoding="utf-8"))
    except (OSError, ValueError, InvalidRequest) as error:
        sys.exit(f"patronus-pppoe: {error}")
    dialler = Dialler(task, given.report, given.options)
    signal.signal(signal.SIGTERM, dialler.stop)
    signal.signal(signal.SIGINT, dialler.stop)
    dialler.run()


if __name__ == "__main__":
    os.umask(0o077)
    main()
