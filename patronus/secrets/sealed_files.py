# SPDX-License-Identifier: GPL-2.0-or-later
"""The secrets' files in their folder, each opened and written under a keyring that the vault hands in.

Impure. Knows no lock and keeps no key.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable
from pathlib import Path

from patronus.core.errors import InvalidRequest, NotFound, StorageError
from patronus.core.files import Disk, remove_durably, storage_errors, write_durably
from patronus.secrets.cipher import file_name, read_header, seal, unseal
from patronus.secrets.keyring import Keyring
from patronus.secrets.keys import PRIVATE

log = logging.getLogger(__name__)

LARGEST = 64 * 1024
"""Bytes of one secret: a long chain of certificates with its key."""
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,127}")
_SUFFIX = ".enc"


class SealedFiles:
    """The files of one folder."""

    def __init__(self, folder: Path, disk: Disk) -> None:
        self._folder = folder
        self._disk = disk

    def names(self) -> list[str]:
        """Return the names of all secrets. Raises StorageError."""
        with storage_errors("the secrets could not be listed"):
            found = self._folder.glob(f"*{_SUFFIX}") if self._folder.is_dir() else ()
            return sorted(path.stem for path in found if _NAME.fullmatch(path.stem))

    def versions(self) -> dict[str, str]:
        """Return name → what changes with each write; passes over damaged files."""
        found = {}
        for name in self.names():
            try:
                found[name] = read_header(name, self.sealed(name)).version
            except (NotFound, StorageError) as error:
                log.error("%s", error)
        return found

    def sealed(self, name: str) -> bytes:
        """Return a secret's file. Raises NotFound, StorageError."""
        path = self._folder / file_name(name)
        if not _NAME.fullmatch(name) or not path.exists():
            raise NotFound(f"there is no secret {name}")
        with storage_errors(f"{path.name} could not be read"):
            return path.read_bytes()

    def read(self, ring: Keyring, name: str) -> bytes:
        """Return a secret. Raises NotFound, and StorageError that names a damaged file."""
        data = self.sealed(name)
        key = ring.find(read_header(name, data).key_id)
        if key is None:
            raise StorageError(f"{file_name(name)} was changed, or belongs to another router")
        return unseal(key.key, name, data)

    def write(self, ring: Keyring, name: str, value: bytes) -> None:
        """Store a secret under the current key; on disk when this returns. Raises StorageError."""
        sealed = seal(ring.current.key, ring.current.identifier, name, value)
        write_durably(self._disk, self._folder / file_name(name), sealed, PRIVATE)

    def delete(self, name: str) -> None:
        """Remove a secret for good. Raises NotFound, StorageError."""
        self.sealed(name)
        remove_durably(self._disk, self._folder / file_name(name))

    def damaged(self, ring: Keyring) -> list[str]:
        """Return the names of the secrets that cannot be read."""
        found = []
        for name in self.names():
            try:
                self.read(ring, name)
            except StorageError:
                found.append(name)
        return found

    def encrypt_anew(self, ring: Keyring) -> int:
        """Bring every secret under the current key; return how many there are. Raises StorageError."""
        names = self.names()
        for name in names:
            if read_header(name, self.sealed(name)).key_id != ring.current.identifier:
                self.write(ring, name, self.read(ring, name))
        return len(names)

    def make_folder(self) -> None:
        """Make the folder, durably. Raises StorageError."""
        with storage_errors("the secrets' folder could not be made"):
            self._disk.make_folder(self._folder)
            self._disk.sync(self._folder.parent)

    def set_aside(self, others: Iterable[str]) -> Path:
        """Move all secrets, and then the other files of these names, to a folder below; return that.

        Raises StorageError.
        """
        with storage_errors("the locked secrets could not be set aside"):
            aside = self._folder / f"lost-{sum(1 for _ in self._folder.glob('lost-*')) + 1}"
            self._disk.make_folder(aside)
            for name in [*map(file_name, self.names()), *others]:
                if (self._folder / name).exists():
                    self._disk.rename(self._folder / name, aside / name)
            self._disk.sync(aside)
            self._disk.sync(self._folder)
        return aside


def check(name: str, value: bytes) -> None:
    """Raise InvalidRequest for a name that no file can have, or a value that is too large."""
    if not _NAME.fullmatch(name):
        raise InvalidRequest("a secret's name has small letters, digits and . _ -, at most 128 of them")
    if len(value) > LARGEST:
        raise InvalidRequest(f"a secret has at most {LARGEST} bytes")
