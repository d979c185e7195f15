# SPDX-License-Identifier: GPL-2.0-or-later
"""A root shell inside the guest, over a virtio port, put there by systemd credentials and nothing else.

The credentials name a unit and a drop-in that wants it (systemd-debug-generator, systemd 256 and later). The
unit's condition keeps it out of the initrd. Requests and replies are framed and carry an id, so that what was
under way when a snapshot was taken cannot be taken for an answer.
"""

from __future__ import annotations

import base64
import math
import secrets
import shlex
import socket
import time
from dataclasses import dataclass
from pathlib import Path

from qemu.errors import CommandFailed, MachineDied, Timeout
from qemu.machine import SHELL_PORT

_UNIT = "patronus-harness-shell.service"
_AGENT = Path(__file__).with_name("shell_agent.sh")
_DEVICE = f"/dev/virtio-ports/{SHELL_PORT}"
_MARK = b"\x1e"
LONGEST_PATIENCE_S = 15.0
_LAST_TRY_S = 60.0
_AGAIN = """exec {{never}}<> <(:)
now() {{ read -r up _ </proc/uptime && echo "${{up%.*}}"; }}
end=$(($(now) + {limit_s}))
until said=$(
{command}
) 2>"$0.errors"; do
    if (($(now) >= end)); then echo "$said"; cat "$0.errors" >&2; exit 1; fi
    read -rt {every_s} -u "$never" || :
done
echo "$said"
"""
"""Waits without a process for it, and by a clock that nobody sets."""


def shell_credentials() -> dict[str, bytes]:
    """Return the credentials that start the shell once the real root is there."""
    agent = base64.b64encode(_AGENT.read_bytes()).decode()
    wait = f"until [ -e {_DEVICE} ]; do sleep 1; done"
    place = "%t/patronus-harness"
    unpack = f"echo {agent} | base64 -d >{place}/agent"
    unit = f"""[Unit]
Description=Root shell of the test harness
ConditionPathExists=!/etc/initrd-release
DefaultDependencies=no
After=systemd-udev-trigger.service systemd-tmpfiles-setup-dev.service
[Service]
ExecStart=/bin/bash -c '{wait}; {unpack}; exec bash {place}/agent {place} <>{_DEVICE}'
RuntimeDirectory=patronus-harness
Restart=always
RestartSec=1
TimeoutStopSec=2
"""
    return {
        f"systemd.extra-unit.{_UNIT}": unit.encode(),
        "systemd.unit-dropin.multi-user.target~harness": f"[Unit]\nWants={_UNIT}\n".encode(),
    }


@dataclass(frozen=True)
class Result:
    """How a command ended."""

    code: int
    stdout: str
    stderr: str


class Guest:
    """The host's end of the shell."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.connect(str(path))
        self._buffer = b""

    def close(self) -> None:
        """Let go of the port."""
        self._socket.close()

    def execute(self, command: str, *, timeout_s: float = 60.0) -> Result:
        """Run a bash script as root; Timeout when no answer comes (the command may then still be running)."""
        request = secrets.token_hex(8)
        body = command.encode()
        deadline = time.monotonic() + timeout_s
        self._send(f"\n{request} {len(body)}\n".encode() + body)
        while True:
            words = self._line(deadline).split()
            if words[:2] == [_MARK + b"reply", request.encode()]:
                code, out_length, err_length = (int(word) for word in words[2:])
                output = self._exactly(out_length, deadline).decode(errors="replace")
                errors = self._exactly(err_length, deadline).decode(errors="replace")
                return Result(code, output, errors)

    def succeed(self, command: str, *, timeout_s: float = 60.0) -> str:
        """Run a command that must end with 0; return what it said."""
        result = self.execute(command, timeout_s=timeout_s)
        if result.code != 0:
            raise CommandFailed("guest", command, result.code, result.stdout, result.stderr)
        return result.stdout

    def fail(self, command: str, *, timeout_s: float = 60.0) -> str:
        """Run a command that must not end with 0; return both its streams."""
        result = self.execute(command, timeout_s=timeout_s)
        if result.code == 0:
            raise CommandFailed("guest", f"{command} (should fail)", 0, result.stdout, result.stderr)
        return result.stdout + result.stderr

    def wait_until_succeeds(self, command: str, *, timeout_s: float = 120.0, every_s: int = 1) -> str:
        """Let the guest run a command again and again until it ends with 0; return what it put out then.

        The guest does that by itself: where nothing accelerates, a boot that is asked all the time how far
        it has come takes twice as long.
        """
        script = _AGAIN.format(command=command, limit_s=math.ceil(timeout_s), every_s=every_s)
        result = self.execute(script, timeout_s=timeout_s + _LAST_TRY_S)
        if result.code != 0:
            raise Timeout(f"never in {timeout_s:.0f} s: {command}\n{result.stdout}{result.stderr}")
        return result.stdout

    def wait_for_unit(self, unit: str, *, timeout_s: float = 120.0) -> None:
        """Wait until a unit is active; a failed one ends the wait at once, with its log."""
        name = shlex.quote(unit)
        wait = f"s=$(systemctl is-active {name}); [ $s = active ] || [ $s = failed ]"
        self.wait_until_succeeds(wait, timeout_s=timeout_s, every_s=3)
        self.succeed(
            f"systemctl is-active {name} || {{ journalctl -b -u {name} --no-pager | tail -40; exit 1; }}"
        )

    def wait_ready(self, *, timeout_s: float = 180.0) -> None:
        """Wait until the shell answers at all: for the boot to come that far.

        What nobody reads yet fills the port's socket, some ninety requests: they come ever more rarely.
        """
        deadline = time.monotonic() + timeout_s
        patience_s = 2.0
        while True:
            try:
                self.execute("true", timeout_s=patience_s)
            except Timeout:
                if time.monotonic() > deadline:
                    raise Timeout(f"no shell in the guest after {timeout_s:.0f} s") from None
                patience_s = min(1.5 * patience_s, LONGEST_PATIENCE_S)
            else:
                return

    def resume(self) -> None:
        """After a snapshot: forget half-received answers and set the guest's clock to the host's.

        All timers of the time between come due at once; the guest may be busy with them first.
        """
        self._buffer = b""
        self.execute(f"date -u -s @{time.time():.3f}", timeout_s=120.0)

    def copy_to(self, content: bytes, path: str, *, mode: str = "0644") -> None:
        """Write a file in the guest."""
        target = shlex.quote(path)
        coded = base64.encodebytes(content).decode()
        self.succeed(f"base64 -d >{target} <<'END-OF-FILE'\n{coded}END-OF-FILE\nchmod {mode} {target}")

    def copy_from(self, path: str) -> bytes:
        """Read a file in the guest."""
        return base64.b64decode(self.succeed(f"base64 {shlex.quote(path)}"))

    def _send(self, data: bytes) -> None:
        self._socket.settimeout(30.0)
        try:
            self._socket.sendall(data)
        except OSError as error:
            raise MachineDied(f"the guest's shell port is gone: {error}") from error

    def _line(self, deadline: float) -> bytes:
        while b"\n" not in self._buffer:
            self._receive(deadline)
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line

    def _exactly(self, length: int, deadline: float) -> bytes:
        while len(self._buffer) < length:
            self._receive(deadline)
        data, self._buffer = self._buffer[:length], self._buffer[length:]
        return data

    def _receive(self, deadline: float) -> None:
        self._socket.settimeout(max(0.001, deadline - time.monotonic()))
        try:
            piece = self._socket.recv(65536)
        except TimeoutError as error:
            raise Timeout("the guest's shell does not answer") from error
        if not piece:
            raise MachineDied("QEMU closed the guest's shell port")
        self._buffer += piece
