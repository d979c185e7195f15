# SPDX-License-Identifier: GPL-2.0-or-later
"""A daemon of FRR as its socket shows it: takes commands, ended by a zero byte; says text and how it went."""

from __future__ import annotations

import socket
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

WELL, WARNING, WRONG = 0, 1, 2
"""CMD_SUCCESS, CMD_WARNING and CMD_ERR_NO_MATCH of FRR's ``command.h``."""


@dataclass
class Daemon:
    """Listens in a folder as ``name``; ``says``: command → text and how it went, else nothing and well.

    ``heard`` are the commands of all conversations. It hangs up in the middle of the answer to ``breaks``.
    """

    folder: Path
    name: str
    says: Mapping[str, tuple[bytes, int]] = field(default_factory=dict)
    breaks: str | None = None
    heard: list[str] = field(default_factory=list)

    def __enter__(self) -> Daemon:
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(str(self.folder / f"{self.name}.vty"))
        self._listener.listen()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listener.close()
        (self.folder / f"{self.name}.vty").unlink()

    def _serve(self) -> None:
        while True:
            try:
                line, _ = self._listener.accept()
            except OSError:
                return
            with line:
                self._converse(line)

    def _converse(self, line: socket.socket) -> None:
        waiting = b""
        while part := line.recv(4096):
            *commands, waiting = (waiting + part).split(b"\0")
            for command in (one.decode() for one in commands):
                self.heard.append(command)
                text, went = self.says.get(command, (b"", WELL))
                if command == self.breaks:
                    line.sendall(text)
                    return
                line.sendall(text)
                line.sendall(bytes((0, 0, 0, went)))
