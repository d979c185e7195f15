# SPDX-License-Identifier: GPL-2.0-or-later
"""A change that hangs stops the daemon's pulse; the watchdog ends it, and it says where it hung."""

from __future__ import annotations

import signal
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from patronus.core.errors import PatronusError
from tests.netns.daemon.machine import LONG_S, Machine, eventually

WATCHDOG_S = 2.0
POOL = """pools:
  - id: lan
    interface: lan
    ranges: [192.168.1.150-192.168.1.160]
    lease_time: 1h
"""


class Manager:
    """systemd's end of sd_notify(3): hears what the daemon says."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        path.chmod(0o666)

    def beats_within(self, seconds: float) -> bool:
        """Return whether the pulse is heard within so many seconds from now."""
        self._socket.setblocking(False)
        while self._heard():
            continue
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self._socket.settimeout(left)
            if self._heard() == b"WATCHDOG=1":
                return True
        return False

    def _heard(self) -> bytes:
        try:
            return self._socket.recv(4096)
        except (BlockingIOError, TimeoutError):
            return b""

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[tuple[Machine, Manager]]:
    """Lend a router whose daemon thinks that systemd wants its pulse."""
    machine = Machine()
    manager = Manager(machine.root / "notify")
    monkeypatch.setenv("NOTIFY_SOCKET", str(machine.root / "notify"))
    monkeypatch.setenv("WATCHDOG_USEC", str(int(WATCHDOG_S * 1e6)))
    try:
        machine.start()
        machine.uplinked()
        yield machine, manager
    finally:
        machine.close()
        manager.close()


def test_a_change_that_hangs_ends_in_a_restart_with_what_was_confirmed(
    watched: tuple[Machine, Manager],
) -> None:
    machine, manager = watched
    ruleset = machine.ruleset()
    assert manager.beats_within(LONG_S)
    (dhcp,) = (server for server in machine.servers if server.name == "dhcp")
    dhcp.process.send_signal(signal.SIGSTOP)
    change = threading.Thread(target=_attempt, args=(machine,))
    change.start()
    eventually(lambda: not manager.beats_within(WATCHDOG_S), "the end of the pulse")
    assert machine.daemon is not None
    assert machine.daemon.poll() is None, "it lives and hangs"
    eventually(lambda: "no pulse: a change hangs" in machine.said(), "its complaint")
    machine.daemon.send_signal(signal.SIGABRT)
    assert machine.daemon.wait(LONG_S) == -signal.SIGABRT
    change.join()
    assert "channel.py" in machine.said(), "its last words name the place"
    dhcp.process.send_signal(signal.SIGCONT)
    machine.start()
    assert manager.beats_within(LONG_S)
    assert machine.ruleset() == ruleset
    assert machine.doctor() == []


def _attempt(machine: Machine) -> None:
    machine.file("network/dhcp.yaml").write_text(POOL)
    try:
        machine.call("config.Load")
    except PatronusError:
        return
