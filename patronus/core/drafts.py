# SPDX-License-Identifier: GPL-2.0-or-later
"""Drafts: changes that a user collects before they are one commit; one a user, durable.

A draft holds whole files as they shall be, beside the same files as they were in its base: so it can be
merged with what others commit meanwhile, however old it is.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from pathlib import Path
from urllib.parse import quote

from patronus.core.edit import Edits, PutFile
from patronus.core.errors import StorageError
from patronus.core.files import Disk, remove_durably, storage_errors, write_durably

BY_HAND = "by hand"
"""Owner of the draft that holds refused edits of /etc/patronus."""
LONGEST = 200
"""Characters of a file's name that may be the owner's; file systems take 255 with what a write adds to it."""

_looking: ContextVar[str | None] = ContextVar("draft", default=None)


@contextmanager
def seeing(owner: str | None) -> Iterator[None]:
    """Let this thread see the user's draft, if there is one, in the place of what runs."""
    token = _looking.set(owner)
    try:
        yield
    finally:
        _looking.reset(token)


def seen() -> str | None:
    """Return whose draft this thread sees in the place of what runs."""
    return _looking.get()


@dataclass(frozen=True)
class Draft:
    """A user's draft. ``texts``: file → text, None deletes it; ``before``: the same files in ``base``.

    ``time`` is that of the last edit, in seconds since the epoch.
    """

    owner: str
    base: int
    texts: Mapping[str, str | None] = field(default_factory=dict)
    before: Mapping[str, str | None] = field(default_factory=dict)
    time: float = 0.0

    @property
    def edits(self) -> Edits:
        """Return the draft as edits of whole files."""
        return [PutFile(name, text) for name, text in self.texts.items()]

    def base_texts(self, running: Mapping[str, str]) -> dict[str, str]:
        """Return a tree in which the draft's files are as in its base, and all others as they run."""
        texts = {name: text for name, text in running.items() if name not in self.before}
        return texts | {name: text for name, text in self.before.items() if text is not None}


class Drafts:
    """The folder of drafts, one JSON file for each owner."""

    def __init__(self, root: Path, disk: Disk | None = None) -> None:
        self._root = root
        self._disk = disk or Disk()

    def _path(self, owner: str) -> Path:
        name = quote(owner, safe="")
        return self._root / f"{name if len(name) <= LONGEST else sha256(owner.encode()).hexdigest()}.json"

    def get(self, owner: str) -> Draft | None:
        """Return the user's draft, None where there is none. Raises StorageError where it is not whole."""
        return self._read(self._path(owner))

    def exists(self, owner: str) -> bool:
        """Return whether the user has a draft, whole or not; False where the disk cannot tell."""
        try:
            return self._path(owner).exists()
        except OSError:
            return False

    def all(self) -> list[Draft]:
        """Return every draft that can be read, by owner."""
        with storage_errors("the drafts could not be read"):
            paths = sorted(self._root.glob("*.json")) if self._root.exists() else []
        found = []
        for path in paths:
            try:
                draft = self._read(path)
            except StorageError:
                continue
            found += [draft] if draft else []
        return found

    def _read(self, path: Path) -> Draft | None:
        with storage_errors("the draft could not be read"):
            try:
                data = path.read_bytes()
            except FileNotFoundError:
                return None
        try:
            return Draft(**json.loads(data))
        except (ValueError, RecursionError, TypeError) as error:
            raise StorageError(f"the draft in {path.name} is not whole: discard it") from error

    def put(self, draft: Draft) -> None:
        """Keep a draft durably in the place of the owner's last one. Raises StorageError."""
        with storage_errors("the draft could not be kept"):
            self._disk.make_folder(self._root)
        write_durably(self._disk, self._path(draft.owner), json.dumps(asdict(draft)).encode())

    def discard(self, owner: str) -> None:
        """Forget the user's draft, if there is one. Raises StorageError."""
        path = self._path(owner)
        if path.exists():
            remove_durably(self._disk, path)
