# SPDX-License-Identifier: GPL-2.0-or-later
"""systemd's credential service without systemd: its socket, and the real ``systemd-creds`` for each caller.

systemd hands an accepted connection to ``systemd-creds``, which speaks Varlink on it (sd_listen_fds(3)); so
does ``Credentials``. Its host key lies in ``/var/lib/systemd``: run it where that may be written.
"""

from __future__ import annotations

import os
import socket
import subprocess
import threading
from pathlib import Path

PROGRAM = "/usr/bin/systemd-creds"
_AS_SYSTEMD = 'export LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=varlink; exec "$@"'


class Credentials:
    """Serves on a socket of its own until closed."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(str(path))
        self._listener.listen()
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return  # closed
            with connection:
                subprocess.run(
                    ["bash", "-c", f"exec 3<&{connection.fileno()}; {_AS_SYSTEMD}", "bash", PROGRAM],
                    pass_fds=[connection.fileno()], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL, check=False, timeout=60,
                )  # fmt: skip

    def close(self) -> None:
        """Answer nobody any more; harmless the second time."""
        self._listener.close()


def machine_id(path: Path = Path("/etc/machine-id")) -> None:
    """Give the machine a name where it has none: systemd seals for a machine that has one."""
    if len(path.read_text().strip()) != 32:
        path.write_text(os.urandom(16).hex() + "\n")
