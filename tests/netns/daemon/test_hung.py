# SPDX-License-Identifier: GPL-2.0-or-later
"""A change that hangs stops the daemon's pulse; the watchdog ends it, and it says where it hung.

A plugin that hangs ends the daemon by itself, and the next one starts without it.
"""

from __future__ import annotations

import shutil
import signal
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from patronus.core.errors import PatronusError
from tests.netns.daemon.machine import LONG_S, Machine, eventually
from tests.web.plugin import RAISES, write

WATCHDOG_S = 2.0
LIMIT_S = 10.0
PATIENT = f"import time\nfrom patronus.daemon import patience\npatience.LIMIT_S = {LIMIT_S}\n"
HANGS_AT_THE_START = f"{PATIENT}time.sleep(600)\n"
HANGS_WHEN_TOLD = PATIENT + RAISES.replace("    pass", "    hang: bool = False").replace(
    'raise ZeroDivisionError("in the check")',
    "time.sleep(600 if config.get(Model).hang else 0)\n        return ()",
)
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
    _load(machine)


@pytest.fixture
def hanging(monkeypatch: pytest.MonkeyPatch) -> Iterator[Machine]:
    """Lend a router with two plugins; one hangs when it is started, the other when its file says so."""
    machine = Machine()
    python = Path(tempfile.mkdtemp(dir="/run"))
    python.chmod(0o755)
    write(python, "starts", HANGS_AT_THE_START, features="create")
    write(python, "raises", HANGS_WHEN_TOLD, features="create")
    monkeypatch.setenv("PYTHONPATH", str(python))
    try:
        yield machine
    finally:
        machine.close()
        shutil.rmtree(python)


def test_a_plugin_that_hangs_is_left_out_at_the_next_start(hanging: Machine) -> None:
    assert hanging.launch().wait(LONG_S) == 1, "a router that never comes up would be worse"
    hanging.start()
    hanging.uplinked()
    ruleset = hanging.ruleset()
    assert left_out(hanging) == ["the plugin starts is left out until the router restarts: it hung (start)"]
    assert "starts.py" in hanging.said(), "its last words name the place"
    hanging.file("plugins").mkdir(exist_ok=True)
    hanging.file("plugins/raises.yaml").write_text("hang: true\n")
    change = threading.Thread(target=_load, args=(hanging,))
    change.start()
    assert hanging.daemon is not None
    assert hanging.daemon.wait(LONG_S) == 1
    change.join()
    hanging.start()
    assert "the plugin raises is left out until the router restarts: it hung (check)" in left_out(hanging)
    assert (hanging.ruleset(), hanging.doctor()) == (ruleset, [])
    hanging.call("firewall.Block", prefix="198.51.100.7")


def left_out(machine: Machine) -> list[str]:
    """Return what the router's status says of plugins that are left out."""
    notices = machine.call("system.Status")["notices"]
    return [text for text in notices if "left out" in text]


def _load(machine: Machine) -> None:
    try:
        machine.call("config.Load")
    except PatronusError:
        return
