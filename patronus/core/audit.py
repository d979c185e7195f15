# SPDX-License-Identifier: GPL-2.0-or-later
"""The audit log: one JSON record a line, each with the hash of the one before it. Impure.

Whoever changes or takes out a record breaks the chain from there on, and ``verify`` names the place.
A record that a power cut tore stays in the file; the next one vouches for its bytes. The chain shows
tampering; that the end was cut off it can show only to who remembers the last hash.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from patronus.core.control import Clock
from patronus.core.files import Disk, storage_errors

START = "0" * 64
"""The hash before the first record."""
TAIL = 65536
"""Bytes from the end in which the last record is looked for; a record is shorter."""


@dataclass(frozen=True)
class Verdict:
    """What verifying found: ``records`` that are good; ``broken`` counts from 1, None where all are."""

    records: int
    last_hash: str
    broken: int | None = None
    reason: str | None = None


def digest(record: dict[str, Any]) -> str:
    """Return the hash of a record without its own ``hash``."""
    body = {key: value for key, value in record.items() if key != "hash"}
    return hashlib.sha256(json.dumps(body, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


class AuditLog:
    """Appends records durably. Safe from any thread."""

    def __init__(self, path: Path, clock: Clock, disk: Disk | None = None) -> None:
        self._path = path
        self._clock = clock
        self._disk = disk or Disk()
        self._lock = threading.Lock()
        self._previous, self._torn = self._end()

    def _end(self) -> tuple[str, bytes]:
        """Return the last record's hash and what a power cut left after it."""
        if not self._path.exists():
            return START, b""
        with storage_errors(f"{self._path.name} could not be read"), self._path.open("rb") as file:
            file.seek(0, 2)
            file.seek(max(0, file.tell() - TAIL))
            lines = file.read().split(b"\n")
        torn = lines.pop()
        for line in reversed(lines):
            if record := _record(line):
                return str(record.get("hash", START)), torn
        return START, torn

    def append(
        self, action: str, actor: str, origin: str, outcome: str, details: dict[str, Any] | None = None
    ) -> None:
        """Write one record; on disk when this returns. Raises StorageError."""
        with self._lock:
            record: dict[str, Any] = {
                "time": self._clock.wall(), "boot_id": self._clock.boot_id, "action": action, "actor": actor,
                "origin": origin, "outcome": outcome, **({"details": details} if details else {}),
                **({"torn": hashlib.sha256(self._torn).hexdigest()} if self._torn else {}),
                "previous": self._previous,
            }  # fmt: skip
            record["hash"] = digest(record)
            line = json.dumps(record, ensure_ascii=False).encode() + b"\n"
            with storage_errors("the audit record could not be written"):
                self._write(b"\n" + line if self._torn else line)
            self._previous, self._torn = record["hash"], b""

    def _write(self, data: bytes) -> None:
        is_new = not self._path.exists()
        try:
            self._disk.append(self._path, data)
            self._disk.sync(self._path)
        except OSError:
            self._previous, self._torn = self._end()
            raise
        if is_new:
            self._disk.sync(self._path.parent)

    def records(self) -> Iterator[dict[str, Any]]:
        """Yield the readable records, oldest first."""
        if self._path.exists():
            with self._path.open("rb") as file:
                yield from (record for line in file if (record := _record(line)))

    def verify(self) -> Verdict:
        """Follow the chain from the first record. Raises StorageError where the file cannot be read."""
        with storage_errors(f"{self._path.name} could not be read"):
            lines = self._path.read_bytes().split(b"\n") if self._path.exists() else []
        if lines:
            lines.pop()
        return follow(lines)


def follow(lines: list[bytes]) -> Verdict:
    """Return the verdict on the log's lines."""
    previous, good, torn = START, 0, b""
    for number, line in enumerate(lines, 1):
        record = _record(line)
        if record is None:
            if torn:
                return Verdict(good, previous, number, "the record cannot be read")
            torn = line
            continue
        reason = _fault(record, previous, torn)
        if reason:
            return Verdict(good, previous, number, reason)
        previous, good, torn = str(record["hash"]), good + 1, b""
    if torn:
        return Verdict(good, previous, len(lines), "the record cannot be read")
    return Verdict(good, previous)


def _fault(record: dict[str, Any], previous: str, torn: bytes) -> str | None:
    if record.get("hash") != digest(record):
        return "the record was changed"
    if record.get("previous") != previous:
        return "the record before it is missing or was changed"
    if record.get("torn") != (hashlib.sha256(torn).hexdigest() if torn else None):
        return "the record before it cannot be read"
    return None


def _record(line: bytes) -> dict[str, Any] | None:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return record if isinstance(record, dict) and "hash" in record else None
