# SPDX-License-Identifier: GPL-2.0-or-later
"""The socket by which FRR's daemons are spoken to: what vtysh(1) does, without a process for each question.

A command goes over ended by a zero byte; the answer is text, three zero bytes, and one that says how it went
(``vtysh.c`` of FRR 10: 0 done, 1 a warning, 13 a warning while configuring, all else an error).
"""

from __future__ import annotations

import json
import socket
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from patronus.core.errors import KernelError, Unavailable
from patronus.kernel.process import redact

FOLDER = Path("/run/frr")
TIME_S = 20.0
LONGEST = 64 * 1024 * 1024
"""Bytes of an answer: a full table of routes is 300 MB and is never asked for."""
NETSTAT = Path("/proc/thread-self/net/netstat")
"""Counters of the network namespace of the calling thread."""
_WRONG = ("TCPMD5Failure", "TCPMD5NotFound", "TCPMD5Unexpected")
_DONE = 0
_END = b"\0\0\0"


class Vty:
    """The daemons of one folder. Methods raise Unavailable where nobody answers, else KernelError."""

    def __init__(self, folder: Path = FOLDER) -> None:
        self._folder = folder

    def answers(self, daemon: str) -> bool:
        """Return whether a daemon runs and answers."""
        try:
            self.ask(daemon, "show version")
        except (KernelError, Unavailable):
            return False
        return True

    def wrong_passwords(self) -> int:
        """Return how many packets of TCP the kernel threw away for their MD5 digest, or for having none."""
        try:
            heads, values = [
                line.split() for line in NETSTAT.read_text().splitlines() if line.startswith("TcpExt:")
            ]
        except (OSError, ValueError):
            return 0
        counted = dict(zip(heads, values, strict=False))
        return sum(int(counted.get(name, 0)) for name in _WRONG)

    def ask(self, daemon: str, command: str) -> str:
        """Return what a daemon says to a command of the privileged mode."""
        with self._open(daemon) as line:
            self._say(line, daemon, "enable", ())
            return self._say(line, daemon, command, ())

    def ask_json(self, daemon: str, command: str) -> Any:
        """Return what a daemon says, read. Raises KernelError where it is not JSON."""
        said = self.ask(daemon, f"{command} json")
        try:
            return json.loads(said or "{}")
        except ValueError as error:
            raise KernelError(f"{daemon} answers {command} with something else: {error}") from error

    def configure(self, daemon: str, commands: Sequence[str], secrets: Collection[str] = ()) -> None:
        """Give a daemon commands in the mode of configuration; the first that it refuses ends it."""
        with self._open(daemon) as line:
            for command in ("enable", "configure terminal", *commands):
                self._say(line, daemon, command, secrets)

    def _open(self, daemon: str) -> socket.socket:
        line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        line.settimeout(TIME_S)
        try:
            line.connect(str(self._folder / f"{daemon}.vty"))
        except OSError as error:
            line.close()
            raise Unavailable(f"{daemon} does not answer: {error}") from error
        return line

    def _say(self, line: socket.socket, daemon: str, command: str, secrets: Collection[str]) -> str:
        if "\0" in command or "\n" in command:
            raise KernelError(f"{daemon} is told one command at a time")
        try:
            line.sendall(command.encode() + b"\0")
            said = _answer(line)
        except OSError as error:
            raise Unavailable(f"{daemon} does not answer: {error}") from error
        text = said[: -len(_END) - 1].decode(errors="replace")
        if said[-1] != _DONE:
            words = redact(f"{command}: {' '.join(text.split())}", secrets)
            raise KernelError(f"{daemon} refuses {words}")
        return text


def _answer(line: socket.socket) -> bytes:
    """Return one answer with its end. Raises OSError."""
    found = bytearray()
    while not (len(found) > len(_END) and found[-len(_END) - 1 : -1] == _END):
        part = line.recv(65536)
        if not part or len(found) > LONGEST:
            raise ConnectionError("it hung up in the middle of an answer")
        found += part
    return bytes(found)
