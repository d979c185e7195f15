# SPDX-License-Identifier: GPL-2.0-or-later
"""The folder in which lists are kept, each with how it stands; whole at any instant, also after a power cut.

It belongs to the process that brings them in; patronusd and its servers read.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from pydantic import ConfigDict, ValidationError

from patronus.core.files import Disk, remove_durably, write_durably
from patronus.core.late import Late
from patronus.lists.wanted import Content

LIST, STATE = ".list", ".json"
MODE = 0o644


class Download(Late):
    """How a list stands. Times in seconds since the epoch, by a clock that a person may set.

    ``good`` is when it was last seen to be as it is kept, ``changed`` when it was last another; None: never.
    ``error`` says why the last try came to nothing.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)

    url: str
    content: Content
    good: float | None = None
    changed: float | None = None
    entries: int = 0
    bytes: int = 0
    etag: str | None = None
    modified: str | None = None
    error: str | None = None


class Folder:
    """Lists by the names of ``wanted.Wanted.key``."""

    def __init__(self, path: Path, disk: Disk | None = None) -> None:
        self.path = path
        self._disk = disk or Disk()

    def list(self, key: str) -> Path:
        """Return the file of a list, whether it is there or not."""
        return self.path / f"{key}{LIST}"

    def state(self, key: str) -> Download | None:
        """Return how a list stands; None where nobody has tried to get it."""
        try:
            return Download.model_validate_json((self.path / f"{key}{STATE}").read_bytes())
        except (OSError, ValidationError):
            return None

    def keep(self, key: str, data: bytes, state: Download) -> None:
        """Put a list in the place of what was kept before. Raises StorageError."""
        write_durably(self._disk, self.list(key), data, MODE)
        self.note(key, state)

    def note(self, key: str, state: Download) -> None:
        """Keep how a list stands, and the list as it is. Raises StorageError."""
        write_durably(self._disk, self.path / f"{key}{STATE}", state.model_dump_json().encode(), MODE)

    def forget_all_but(self, keys: Collection[str]) -> None:
        """Remove the lists that nobody wants any more. Raises StorageError."""
        for path in sorted(self.path.glob("*")):
            if path.suffix in (LIST, STATE) and path.stem not in keys:
                remove_durably(self._disk, path)
