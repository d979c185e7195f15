# SPDX-License-Identifier: GPL-2.0-or-later
"""OpenSSH's client as dulwich's way to a server: pinned host keys, one key to log in by, its last words."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dulwich.client import SSHVendor, SubprocessWrapper

from patronus.gitops.programs import ENVIRONMENT

HOST_ALIAS = "repository"
WORDS = 400
"""Characters of what ssh says that an error repeats."""


class Ssh(SSHVendor):  # type: ignore[misc]
    """Starts ssh, which believes these host keys alone and logs in by this key alone."""

    def __init__(self, folder: Path, known_hosts: Sequence[str], key: Path) -> None:
        self._said = folder / "ssh.log"
        hosts = folder / "known_hosts"
        hosts.write_text("".join(f"{HOST_ALIAS} {line}\n" for line in known_hosts))
        options = {
            "UserKnownHostsFile": hosts, "GlobalKnownHostsFile": "/dev/null", "StrictHostKeyChecking": "yes",
            "HostKeyAlias": HOST_ALIAS, "IdentityFile": key, "IdentitiesOnly": "yes", "BatchMode": "yes",
            "PreferredAuthentications": "publickey", "ConnectTimeout": 15, "ServerAliveInterval": 10,
            "ServerAliveCountMax": 3, "LogLevel": "ERROR", "UpdateHostKeys": "no",
        }  # fmt: skip
        self._argv = ["ssh", "-F", "none", "-a", "-x"]
        self._argv += [word for name, value in options.items() for word in ("-o", f"{name}={value}")]

    def run_command(
        self, host: str, command: str, username: str | None = None, port: int | None = None, **_: Any
    ) -> Any:
        """Run a command on the server; dulwich calls this."""
        argv = [*self._argv, *(["-p", str(port)] if port else []), "--", f"{username}@{host}", command]
        with self._said.open("wb") as said:
            process = subprocess.Popen(
                argv, bufsize=0, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=said, env=ENVIRONMENT
            )
        return SubprocessWrapper(process)

    def words(self) -> str:
        """Return the last words of ssh, nothing where it had none."""
        return self._said.read_text(errors="replace").strip()[-WORDS:] if self._said.exists() else ""
