# SPDX-License-Identifier: GPL-2.0-or-later
"""The last confirmed generation a second time, in memory: what runs when the disk cannot be read any more.

The file lies in /run, so it outlives the daemon and not the boot.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic_core import to_json

from patronus.core.errors import StorageError
from patronus.core.files import Disk, storage_errors, write_durably


@dataclass(frozen=True)
class Spared:
    """A confirmed generation's number and files."""

    number: int
    texts: Mapping[str, str]


class Spare:
    """The file in memory. ``disk`` is that of /run."""

    def __init__(self, path: Path, disk: Disk | None = None) -> None:
        self._path = path
        self._disk = disk or Disk()

    def keep(self, number: int, texts: Mapping[str, str]) -> None:
        """Keep a confirmed generation in the place of the last one. Raises StorageError."""
        data = to_json({"number": number, "texts": dict(texts)})
        with storage_errors("the spare configuration could not be kept"):
            self._disk.make_folder(self._path.parent)
        write_durably(self._disk, self._path, data)

    def read(self) -> Spared | None:
        """Return what is kept, None where nothing is, or it is not whole."""
        try:
            with storage_errors("the spare configuration could not be read"):
                found = Spared(**json.loads(self._path.read_bytes()))
        except (StorageError, ValueError, RecursionError, TypeError):
            return None
        return found if isinstance(found.number, int) and isinstance(found.texts, dict) else None
