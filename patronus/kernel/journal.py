# SPDX-License-Identifier: GPL-2.0-or-later
"""Structured entries for the journal, by its native protocol (systemd, "Native Journal Protocol")."""

from __future__ import annotations

import socket
import struct
from collections.abc import Mapping
from pathlib import Path

SOCKET = Path("/run/systemd/journal/socket")


def encode(fields: Mapping[str, str]) -> bytes:
    """Return one entry: ``NAME=value`` a line; a value of several lines with its length before it."""
    parts = []
    for name, value in fields.items():
        data = value.encode(errors="replace")
        if b"\n" in data:
            parts.append(name.encode() + b"\n" + struct.pack("<Q", len(data)) + data + b"\n")
        else:
            parts.append(name.encode() + b"=" + data + b"\n")
    return b"".join(parts)


class Journal:
    """Sends entries. Never waits, and never raises: what is written elsewhere must not fail for it."""

    def __init__(self, path: Path = SOCKET) -> None:
        self._path = path

    def send(self, fields: Mapping[str, str]) -> bool:
        """Send an entry; return whether the journal took it."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
            sender.settimeout(0.0)
            try:
                sender.sendto(encode(fields), str(self._path))
            except OSError:
                return False
        return True
