# SPDX-License-Identifier: GPL-2.0-or-later
"""The journal from a place on, entry by entry, through journalctl(1)."""

from __future__ import annotations

import json
import os
import re
import select
import subprocess
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

from patronus.forward.syslog import AUDIT_FIELDS

FIELDS = (
    "MESSAGE", "PRIORITY", "SYSLOG_FACILITY", "SYSLOG_IDENTIFIER", "SYSLOG_PID", "_PID", "_UID", "_COMM",
    *(f"PATRONUS_{name.upper()}" for name in AUDIT_FIELDS),
)  # fmt: skip
LONGEST_LINE = 1 << 20
CHUNK = 65536
_CURSOR = re.compile(r"[a-z]=[0-9a-f]+(;[a-z]=[0-9a-f]+){1,9}")


class Journal:
    """Follows the journal after a cursor; without one, from this boot's beginning."""

    def __init__(self, cursor: str | None) -> None:
        command = [
            "journalctl",
            "--follow",
            "--quiet",
            "--output=json",
            f"--output-fields={','.join(FIELDS)}",
        ]
        command += ["--lines=all", f"--after-cursor={cursor}" if cursor else "--boot"]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL)
        assert self._process.stdout is not None
        self._descriptor = self._process.stdout.fileno()
        self._buffer = b""

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        self._process.wait()

    def entries(self, wait_s: float) -> Iterator[dict[str, Any]]:
        """Yield what has come, after at most ``wait_s``. Raises OSError where journalctl has ended."""
        if not select.select([self._descriptor], [], [], wait_s)[0]:
            return
        data = os.read(self._descriptor, CHUNK)
        if not data:
            raise OSError(f"journalctl ended with status {self._process.wait()}")
        *lines, self._buffer = (self._buffer + data).split(b"\n")
        if len(self._buffer) > LONGEST_LINE:
            self._buffer = b""
        for line in lines:
            if (entry := _read(line)) is not None:
                yield entry


def _read(line: bytes) -> dict[str, Any] | None:
    try:
        entry = json.loads(line)
    except ValueError:
        return None
    return entry if isinstance(entry, dict) and isinstance(entry.get("__CURSOR"), str) else None


class Place:
    """Where in the journal everything before was sent; kept in a file.

    What a power cut left there that is no cursor counts as none: journalctl would refuse it for ever.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        text = path.read_text(errors="replace").strip() if path.exists() else ""
        self.cursor = text if _CURSOR.fullmatch(text) else None

    def reach(self, cursor: str) -> None:
        """Keep the place. Raises OSError."""
        fresh = self._path.with_suffix(".new")
        fresh.write_text(cursor)
        fresh.replace(self._path)
        self.cursor = cursor
