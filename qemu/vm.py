# SPDX-License-Identifier: GPL-2.0-or-later
"""A running machine: power, snapshots, links, the console.

Snapshots are internal to the two qcow2 files and survive the process; restoring one takes half a second. A
machine that is off is started paused by ``restore``. Cutting the power kills QEMU: what the guest has not
flushed is lost, as on hardware.

A machine ends with whoever started it, however that ends, unless it was started detached. The kernel gives
that to the thread that called, not to its process (PR_SET_PDEATHSIG(2const)): so it is always the first.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from qemu import disks, tpm
from qemu.acceleration import accelerator
from qemu.emulator import Emulator, find_emulator
from qemu.errors import HarnessError, MachineDied, Timeout
from qemu.guest import Guest
from qemu.machine import DISK_NODE, VARIABLES_NODE, Machine, Places, Tap, arguments
from qemu.qmp import QmpClient

_NODES = [DISK_NODE, VARIABLES_NODE]
_ENDS_WITH_US = [
    "setpriv",
    "--pdeathsig",
    "KILL",
]  # becomes the command: no process more


class Vm:
    """One machine with its disks in one folder; a context manager that leaves nothing running."""

    def __init__(
        self,
        machine: Machine,
        *,
        folder: Path | None = None,
        emulator: Emulator | None = None,
        keep_disks: bool = False,
    ) -> None:
        self.machine = machine
        self.emulator = emulator or find_emulator()
        self._own_folder = folder is None
        self.places = Places(folder or Path(tempfile.mkdtemp(prefix="patronus-vm-")))
        self._firmware = self.emulator.firmware(secure_boot=machine.secure_boot)
        self._process: subprocess.Popen[bytes] | None = None
        self._tpm: subprocess.Popen[bytes] | None = None
        self._qmp: QmpClient | None = None
        self._guest: Guest | None = None
        if not keep_disks:
            disks.create(self.emulator, machine, self.places, self._firmware)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.cut_power()
        if self._own_folder:
            shutil.rmtree(self.places.folder)

    @property
    def qmp(self) -> QmpClient:
        """The control socket of the running machine."""
        if self._qmp is None:
            raise HarnessError("the machine is off")
        return self._qmp

    @property
    def guest(self) -> Guest:
        """The root shell inside; answers once the guest's unit has started."""
        if self._guest is None:
            raise HarnessError("the machine is off")
        return self._guest

    @property
    def pid(self) -> int | None:
        """The process id of QEMU, None when the machine is off."""
        return self._process.pid if self._process else None

    def start(self, *, machine: Machine | None = None, paused: bool = False, detached: bool = False) -> None:
        """Switch on, with another description (NICs, credentials) of the same disks where one is given."""
        if self._process is not None:
            raise HarnessError("the machine runs already")
        if not detached and threading.current_thread() is not threading.main_thread():
            raise HarnessError("only the first thread starts a machine: it ends with the one that did")
        self.machine = machine or self.machine
        self._remove_sockets()
        if self.machine.tpm:
            self._tpm = tpm.start(self.emulator, self.machine.tpm, self.places.tpm_socket)
        argv = [] if detached else list(_ENDS_WITH_US)
        argv += self.command_line() + (["-S"] if paused else [])
        backends = [nic.backend for nic in self.machine.nics]
        with (self.places.folder / "qemu.log").open("ab") as log:
            self._process = subprocess.Popen(
                argv, env=self.emulator.environment(), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                pass_fds=[end.fd for end in backends if isinstance(end, Tap)], start_new_session=detached,
            )  # fmt: skip
        self._await_socket()
        self._qmp = QmpClient(self.places.qmp)
        self._guest = Guest(self.places.shell)

    def command_line(self) -> list[str]:
        """Return the whole command that is this machine; can be pasted where the taps exist."""
        kind = accelerator(self.emulator)
        return self.emulator.system() + arguments(self.machine, self.places, self._firmware, kind)

    def cut_power(self) -> None:
        """Kill QEMU. Does nothing when the machine is off."""
        if self._process is not None:
            self._process.kill()
        self._forget()

    def wait_off(self, *, timeout_s: float = 120.0) -> None:
        """Wait until the guest has switched itself off."""
        if self._process is not None:
            try:
                self._process.wait(timeout_s)
            except subprocess.TimeoutExpired as error:
                raise Timeout(f"the machine is still on after {timeout_s:.0f} s") from error
        self._forget()

    def reset(self) -> None:
        """Press the reset button."""
        self.qmp.execute("system_reset")

    def press(self, key: str) -> None:
        """Press a key of the machine's keyboard, by QEMU's name for it."""
        self.qmp.execute("send-key", keys=[{"type": "qcode", "data": key}])

    def monitor(self, command: str) -> str:
        """Give a command to QEMU's own monitor, for what QMP has no command of its own; return its answer."""
        arguments: dict[str, Any] = {"command-line": command}
        return str(self.qmp.execute("human-monitor-command", **arguments))

    def set_link(self, index: int, *, up: bool) -> None:
        """Plug the cable of the NIC with that place in the list in, or out."""
        self.qmp.execute("set_link", name=f"dev-nic{index}", up=up)

    def save(self, tag: str) -> None:
        """Take a snapshot of memory, disk and firmware variables."""
        self.qmp.run_job("snapshot-save", tag=tag, vmstate=DISK_NODE, devices=_NODES)

    def restore(self, tag: str) -> None:
        """Go back to a snapshot; the guest's clock is set to now if its shell is there."""
        if self._process is None:
            self.start(paused=True)
        self.qmp.execute("stop")
        self.qmp.run_job("snapshot-load", tag=tag, vmstate=DISK_NODE, devices=_NODES)
        self.qmp.execute("cont")
        self.guest.resume()

    def console(self) -> str:
        """All that the serial console has said since the machine was made."""
        log = self.places.serial_log
        return log.read_bytes().decode(errors="replace") if log.exists() else ""

    def wait_console(self, text: str, *, timeout_s: float, since: int = 0) -> str:
        """Wait until the console says ``text`` after its first ``since`` characters; return what it said."""
        deadline = time.monotonic() + timeout_s
        while text not in (said := self.console()[since:]):
            self.check_alive()
            if time.monotonic() > deadline:
                raise Timeout(f"the console never said {text!r}; its end is:\n{said[-2000:]}")
            time.sleep(0.2)
        return said

    def check_alive(self) -> None:
        """Raise MachineDied with QEMU's last words when it has ended by itself."""
        if self._process is None or self._process.poll() is not None:
            words = (self.places.folder / "qemu.log").read_text(errors="replace")[-2000:]
            raise MachineDied(f"QEMU is not running; it said:\n{words}")

    def _await_socket(self) -> None:
        deadline = time.monotonic() + 30.0
        while not self.places.shell.exists() or not self.places.qmp.exists():
            self.check_alive()
            if time.monotonic() > deadline:
                raise Timeout("QEMU made no control socket within 30 s")
            time.sleep(0.02)

    def _forget(self) -> None:
        for end in (self._qmp, self._guest):
            if end is not None:
                end.close()
        if self._process is not None:
            self._process.wait()
        if self._tpm is not None:
            self._tpm.terminate()
            self._tpm.wait()
        self._process = self._tpm = self._qmp = self._guest = None
        self._remove_sockets()

    def _remove_sockets(self) -> None:
        for path in (
            self.places.qmp,
            self.places.shell,
            self.places.serial_socket,
            self.places.tpm_socket,
        ):
            path.unlink(missing_ok=True)
