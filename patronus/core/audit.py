# SPDX-License-Identifier: GPL-2.0-or-later
"""The audit log: one JSON record a line, each with the hash of the one before it. Impure.

``audit.log`` takes the records. When it is full it becomes ``audit-000001.log`` and so on, and the chain goes
on in a new file; of those the newest are kept, and a record says which were removed. A log that is found
damaged at the start is set aside as ``audit-000002.damaged.log``, and a record names it. ``audit.mark``
holds the last record's number and hash, so that a log whose end was cut off is noticed.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from patronus.core.chain import (
    DAMAGED,
    MARK,
    PRUNED,
    Fault,
    Link,
    Verdict,
    closed_names,
    digest,
    follow,
    read_mark,
    read_record,
    torn_hash,
    verify,
)
from patronus.core.control import Clock
from patronus.core.files import Disk, storage_errors
from patronus.core.verb import Caller, Role

SEGMENT_BYTES = 1 << 20
"""A segment is closed when it is this long: a start reads one, in some tens of milliseconds."""
SEGMENTS_KEPT = 32
"""Closed segments that are kept: with the open one 33 MiB, some 60,000 records."""
LONGEST_OUTCOME = 2000
"""Characters of an outcome: a refused configuration can have thousands of problems."""
SELF = Caller("patronus", Role.ADMIN)
"""Who acts when the log speaks of itself."""

Record = dict[str, Any]


class AuditLog:
    """Appends records durably. Safe from any thread.

    ``echo`` is given each record that was written, for the journal. ``complaint`` says what was found
    damaged at the start, None where all was whole.
    """

    def __init__(
        self,
        path: Path,
        clock: Clock,
        disk: Disk | None = None,
        *,
        echo: Callable[[Record], None] = lambda _: None,
        segment_bytes: int = SEGMENT_BYTES,
        kept: int = SEGMENTS_KEPT,
    ) -> None:
        self._path = path
        self._mark_path = path.with_name(MARK)
        self._clock = clock
        self._disk = disk or Disk()
        self._echo = echo
        self._segment_bytes = segment_bytes
        self._kept = kept
        self._lock = threading.Lock()
        self._damage: Record | None = None
        self.complaint: str | None = None
        self._open()

    def _open(self) -> None:
        """Find the end of the chain, and what is wrong with the last segment. Raises StorageError."""
        with storage_errors(f"{self._path.name} could not be read"):
            last = self._closed()[-1:]
            self._begin = follow(last[0].name, last[0].read_bytes(), Link()).end if last else Link()
            data, fault = self._look()
        mark = self._mark()
        if fault is not None:
            self._found_damage(f"line {fault.line}: {fault.kind}: {fault.reason}", data, mark)
        elif mark is not None and self._end.number < mark.number:
            reason = f"the log ends with record {self._end.number}, and record {mark.number} was written"
            self._found_damage(reason, data, mark)

    def _look(self) -> tuple[bytes, Fault | None]:
        """Read the open segment and take up where it ends. Raises OSError."""
        data = self._path.read_bytes() if self._path.exists() else b""
        part = follow(self._path.name, data, self._begin)
        self._end, self._torn = part.end, part.torn
        self._size, self._has_newline = len(data), not data or data.endswith(b"\n")
        return data, part.fault

    def _found_damage(self, reason: str, data: bytes, mark: Link | None) -> None:
        self._damage = {"reason": reason}
        if data:
            self._damage |= {"file": self._next_name(".damaged"), "sha256": hashlib.sha256(data).hexdigest()}
        aside = f"; it is kept as {self._damage['file']}" if data else ""
        self.complaint = f"the audit log is damaged ({reason}){aside}"
        self._begin_anew(Link(max(self._end.number, mark.number if mark else 0), self._end.hash))

    def _begin_anew(self, after: Link) -> None:
        """Go on in an empty file."""
        self._begin = self._end = after
        self._torn, self._has_newline, self._size = b"", True, 0

    def _next_name(self, suffix: str = "") -> str:
        return f"audit-{max(self._numbered(), default=0) + 1:06d}{suffix}.log"

    def _numbered(self) -> dict[int, str]:
        folder = self._path.parent
        return closed_names(path.name for path in folder.iterdir()) if folder.is_dir() else {}

    def _closed(self) -> list[Path]:
        """Return the closed segments, oldest first."""
        return [self._path.with_name(name) for name in self._numbered().values()]

    def _mark(self) -> Link | None:
        try:
            return read_mark(self._mark_path.read_bytes())
        except OSError:
            return None

    @property
    def head(self) -> Link:
        """Where the chain ends: the number and hash of the last record."""
        return self._end

    def append(
        self, action: str, caller: Caller, outcome: str, details: dict[str, Any] | None = None
    ) -> None:
        """Write one record; on disk when this returns. Raises StorageError."""
        with self._lock, storage_errors("the audit record could not be written"):
            self._declare_damage()
            if self._size >= self._segment_bytes:
                self._rotate()
            self._write(self._record(action, caller, outcome, details))

    def _record(self, action: str, caller: Caller, outcome: str, details: dict[str, Any] | None) -> Record:
        key = (
            f"token {caller.token}" if caller.token else f"session {caller.session}" if caller.session else ""
        )
        return {
            "number": self._end.number + 1, "time": self._clock.wall(), "boot_id": self._clock.boot_id,
            "action": action, "actor": caller.name, "role": caller.role.name.lower(), "origin": caller.origin,
            **({"key": key} if key else {}), "outcome": outcome[:LONGEST_OUTCOME],
            **({"details": details} if details else {}),
        }  # fmt: skip

    def _write(self, record: Record) -> None:
        if torn := torn_hash(self._torn):
            record["torn"] = torn
        record["previous"] = self._end.hash
        record["hash"] = digest(record)
        line = json.dumps(record, ensure_ascii=False).encode(errors="backslashreplace") + b"\n"
        data = line if self._has_newline else b"\n" + line
        is_new = not self._path.exists()
        try:
            self._disk.append(self._path, data)
            self._disk.sync(self._path)
        except OSError:
            self._look()
            raise
        self._end, self._torn, self._has_newline = Link(record["number"], record["hash"]), b"", True
        self._size += len(data)
        self._put_mark()
        if is_new:
            self._disk.sync(self._path.parent)
        self._echo(record)

    def _put_mark(self) -> None:
        """Note where the chain ends; not synced, for an old mark or none does no harm."""
        text = json.dumps({"number": self._end.number, "hash": self._end.hash})
        with contextlib.suppress(OSError):
            self._disk.create(self._mark_path, text.encode())

    def _declare_damage(self) -> None:
        """Set the damaged log aside and begin a new one with a record that names it."""
        if self._damage is None:
            return
        if self._path.exists():
            self._disk.rename(self._path, self._path.with_name(self._damage["file"]))
            self._disk.sync(self._path.parent)
        self._write(self._record(DAMAGED, SELF, "damaged", self._damage))
        self._damage = None

    def _rotate(self) -> None:
        """Close the segment; remove the oldest past the cap, with a record that says so."""
        self._disk.rename(self._path, self._path.with_name(self._next_name()))
        self._disk.sync(self._path.parent)
        self._begin_anew(self._end)
        old = self._closed()[: -self._kept]
        if old:
            last = follow(old[-1].name, old[-1].read_bytes(), Link()).end
            details = {"segments": [one.name for one in old], "number": last.number, "hash": last.hash}
            self._write(self._record(PRUNED, SELF, "ok", details))
            for one in old:
                self._disk.remove(one)
            self._disk.sync(self._path.parent)

    def _paths(self) -> list[Path]:
        with self._lock:
            return [*self._closed(), *([self._path] if self._path.exists() else [])]

    def records(self, *, newest_first: bool = False) -> Iterator[Record]:
        """Yield the readable records, oldest first unless asked otherwise. Raises StorageError."""
        paths = self._paths()
        for path in reversed(paths) if newest_first else paths:
            with storage_errors(f"{path.name} could not be read"):
                lines = _read(path).split(b"\n")
            for line in reversed(lines) if newest_first else lines:
                if record := read_record(line):
                    yield record

    def verify(self) -> Verdict:
        """Follow the chain over all segments to where it must end. Raises StorageError."""
        with self._lock, storage_errors("the audit log could not be read"):
            there = [*self._closed(), *([self._path] if self._path.exists() else [])]
            mark = self._end if self._damage is None else self._mark()
            return verify(((path.name, path.read_bytes()) for path in there), mark)


def _read(path: Path) -> bytes:
    """Return a segment's bytes; nothing where it was removed or renamed meanwhile."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""
