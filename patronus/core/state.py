# SPDX-License-Identifier: GPL-2.0-or-later
"""Small durable values that are not configuration, kept in one JSON file. Impure."""

from __future__ import annotations

import copy
import json
import threading
from pathlib import Path
from typing import Any

from patronus.core.errors import StorageError
from patronus.core.files import Disk, storage_errors, write_durably


class StateFile:
    """``core.control.RuntimeState`` in a file. Safe from any thread.

    A file that is not whole is set aside as ``….corrupt``, ``complaint`` says so, and the values start empty.
    One that cannot be read is tried again before anything is written over it.
    """

    def __init__(self, path: Path, disk: Disk | None = None) -> None:
        self._path = path
        self._disk = disk or Disk()
        self._lock = threading.Lock()
        self.complaint: str | None = None
        self._values: dict[str, Any] = {}
        self._is_read = False
        try:
            self._open()
        except StorageError as error:
            self.complaint = str(error)

    def _open(self) -> None:
        with storage_errors(f"{self._path.name} could not be read"):
            self._disk.make_folder(self._path.parent)
            self._values = self._read()
        self._is_read = True

    def _read(self) -> dict[str, Any]:
        try:
            values = json.loads(self._path.read_bytes())
        except FileNotFoundError:
            return {}
        except (ValueError, RecursionError) as error:
            return self._set_aside(str(error))
        return values if isinstance(values, dict) else self._set_aside("not a JSON object")

    def _set_aside(self, reason: str) -> dict[str, Any]:
        aside = self._path.with_name(f"{self._path.name}.corrupt")
        self._disk.rename(self._path, aside)
        self.complaint = f"{self._path} is not whole ({reason}); it was set aside as {aside.name}"
        return {}

    def get(self, key: str, default: Any = None) -> Any:
        """Return the JSON value stored under ``key``; the caller may change what it gets."""
        with self._lock:
            return copy.deepcopy(self._values.get(key, default))

    def put(self, key: str, value: Any) -> None:
        """Store a JSON value durably. Raises StorageError, and then the old value still stands."""
        with self._lock:
            if not self._is_read:
                self._open()
            values = {**self._values, key: value}
            try:
                data = json.dumps(values, ensure_ascii=False, sort_keys=True, allow_nan=False).encode()
            except (TypeError, ValueError) as error:
                raise StorageError(f"the value of {key} cannot be stored: {error}") from error
            write_durably(self._disk, self._path, data + b"\n")
            self._values = json.loads(data)
