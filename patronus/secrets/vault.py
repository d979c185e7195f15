# SPDX-License-Identifier: GPL-2.0-or-later
"""The vault: named secrets in ``secrets.d/NAME.enc``, under a master key that this device opens by itself.

Impure. A secret is a few bytes under a name; a name with a dot, ``accounts.totp.ann``, belongs to a room of
the router, one without to the configuration, which names it by ``secret: NAME``. Safe from any thread.

What is read is not kept in memory; the master key is, from the first use until ``close``, which overwrites it
as well as Python can: copies in the interpreter's and OpenSSL's heap stay until that memory is used again.
"""

from __future__ import annotations

import logging
import re
import threading
from dataclasses import dataclass
from pathlib import Path

from patronus.core.errors import (
    Conflict,
    InvalidRequest,
    KernelError,
    NotFound,
    PatronusError,
    StorageError,
    Unavailable,
)
from patronus.core.files import Disk, remove_durably, storage_errors, write_durably
from patronus.secrets.cipher import file_name, read_header, seal, unseal
from patronus.secrets.keyring import RECOVERY, Keyring, MasterKey
from patronus.secrets.keys import PRIVATE, SEALED, KeyFiles, Sealer, Stretch
from patronus.secrets.password import hash as argon2id

log = logging.getLogger(__name__)

LARGEST = 64 * 1024
"""Bytes of one secret: a long chain of certificates with its key."""
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,127}")
_SUFFIX = ".enc"
ADVICE = "patronus secret unlock opens them with the recovery password"


@dataclass(frozen=True)
class VaultStatus:
    """How the vault is. ``state``: empty (nothing was ever stored), open, locked.

    ``protection`` says what the master key is sealed with; ``recovery``, whether a password opens it too;
    ``rotating``, that an exchange of the master key was broken off; ``damaged`` names what cannot be read.
    """

    state: str
    reason: str | None
    protection: str | None
    recovery: bool
    rotating: bool
    damaged: tuple[str, ...]


class Vault:
    """Keeps secrets in one folder."""

    def __init__(self, folder: Path, sealer: Sealer, stretch: Stretch, disk: Disk | None = None) -> None:
        self._folder = folder
        self._disk = disk or Disk()
        self._keys = KeyFiles(folder, sealer, stretch, self._disk)
        self._lock = threading.RLock()
        self._ring: Keyring | None = None
        self._closed = False

    def names(self) -> list[str]:
        """Return the names of all secrets; needs no key. Raises StorageError."""
        with storage_errors("the secrets could not be listed"):
            found = self._folder.glob(f"*{_SUFFIX}") if self._folder.is_dir() else ()
            return sorted(path.stem for path in found if _NAME.fullmatch(path.stem))

    def versions(self) -> dict[str, str]:
        """Return name → what changes with each write; needs no key, and passes over damaged files."""
        found = {}
        for name in self.names():
            try:
                found[name] = read_header(name, self._data(name)).version
            except (NotFound, StorageError) as error:
                log.error("%s", error)
        return found

    def read(self, name: str) -> bytes:
        """Return a secret. Raises NotFound, StorageError for a damaged file, Unavailable while locked."""
        with self._lock:
            self._data(name)
            ring = self._ring_of_device()
            return self._opened_value(ring, name, self._data(name))

    def write(self, name: str, value: bytes) -> None:
        """Store a secret, on disk when this returns. Raises InvalidRequest, StorageError, Unavailable."""
        if not _NAME.fullmatch(name):
            raise InvalidRequest("a secret's name has small letters, digits and . _ -, at most 128 of them")
        if len(value) > LARGEST:
            raise InvalidRequest(f"a secret has at most {LARGEST} bytes")
        with self._lock:
            self._put(self._ring_of_device(create=True), name, value)

    def delete(self, name: str) -> None:
        """Remove a secret. Raises NotFound, StorageError."""
        with self._lock:
            self._data(name)
            remove_durably(self._disk, self._path(name))

    def set_recovery(self, password: str) -> None:
        """Let a password open the vault on any device. Raises InvalidRequest, Unavailable, StorageError."""
        argon2id.check(password, "")
        with self._lock:
            self._keys.wrap(self._ring_of_device(create=True), password)

    def unlock(self, password: str) -> None:
        """Open the vault by its recovery password and seal it to this device.

        Raises Conflict where it is open, NotFound without a recovery password, NotPermitted for a wrong
        one; KernelError or Unavailable where sealing fails: then it is open until the daemon ends.
        """
        with self._lock:
            if self._is_open():
                raise Conflict("the secrets are not locked")
            self._ring = self._keys.open_recovery(password)
            self._keys.seal(self._ring)
            self._finish_rotation(self._ring)

    def rotate(self, password: str | None = None) -> int:
        """Exchange the master key and encrypt every secret anew; return how many.

        ``password``: the recovery password, where one is set. A power cut at any point leaves every secret
        readable, and the next start finishes. Raises InvalidRequest without a password that is needed,
        NotPermitted for a wrong one, StorageError that names a damaged file: then nothing has changed.
        """
        with self._lock:
            ring = self._ring_of_device(create=True)
            if self._keys.recoverable:
                if password is None:
                    raise InvalidRequest("the recovery password is needed: the new key is wrapped with it")
                self._keys.open_recovery(password).wipe()
            if damaged := self._damaged(ring):
                raise StorageError(f"{', '.join(map(file_name, damaged))} cannot be read: delete it first")
            both = Keyring((MasterKey.fresh(), *ring.keys))
            self._store(both, password)
            self._ring = both
            count = self._encrypt_anew(both)
            self._retire(both, password)
            return count

    def start_over(self) -> Path:
        """Set everything aside that cannot be opened any more, and begin with an empty vault.

        Returns the folder that holds it. Raises Conflict where the vault is open, StorageError.
        """
        with self._lock:
            if self._is_open():
                raise Conflict("the secrets are not locked: delete those that you do not want")
            with storage_errors("the locked secrets could not be set aside"):
                number = sum(1 for _ in self._folder.glob("lost-*")) + 1
                aside = self._folder / f"lost-{number}"
                self._disk.make_folder(aside)
                for name in [*map(file_name, self.names()), RECOVERY, SEALED]:
                    if (self._folder / name).exists():
                        self._disk.rename(self._folder / name, aside / name)
                self._disk.sync(aside)
                self._disk.sync(self._folder)
            return aside

    def status(self) -> VaultStatus:
        """Return how the vault is; tries to open it. Raises StorageError."""
        with self._lock:
            state, reason, ring = "open", None, None
            if not (self.names() or self._keys.sealed or self._keys.recoverable):
                state = "empty"
            else:
                try:
                    ring = self._ring_of_device()
                except Unavailable as error:
                    state, reason = "locked", str(error)
            return VaultStatus(
                state, reason, self._keys.protection(), self._keys.recoverable,
                rotating=ring is not None and len(ring.keys) > 1,
                damaged=tuple(self._damaged(ring)) if ring else (),
            )  # fmt: skip

    def close(self) -> None:
        """Wipe the master key; nothing can be read after."""
        with self._lock:
            self._closed = True
            if self._ring is not None:
                self._ring.wipe()
            self._ring = None

    def _path(self, name: str) -> Path:
        return self._folder / file_name(name)

    def _data(self, name: str) -> bytes:
        path = self._path(name)
        if not _NAME.fullmatch(name) or not path.exists():
            raise NotFound(f"there is no secret {name}")
        with storage_errors(f"{path.name} could not be read"):
            return path.read_bytes()

    def _put(self, ring: Keyring, name: str, value: bytes) -> None:
        sealed = seal(ring.current.key, ring.current.identifier, name, value)
        write_durably(self._disk, self._path(name), sealed, PRIVATE)

    def _opened_value(self, ring: Keyring, name: str, data: bytes) -> bytes:
        key = ring.find(read_header(name, data).key_id)
        if key is None:
            raise StorageError(f"{file_name(name)} was changed, or belongs to another router")
        return unseal(key.key, name, data)

    def _damaged(self, ring: Keyring) -> list[str]:
        found = []
        for name in self.names():
            try:
                self._opened_value(ring, name, self._data(name))
            except StorageError:
                found.append(name)
        return found

    def _is_open(self) -> bool:
        try:
            self._ring_of_device(create=True)
        except (KernelError, StorageError, Unavailable):
            return False
        return True

    def _ring_of_device(self, *, create: bool = False) -> Keyring:
        """Return the keyring, opened where it was not. Raises Unavailable, and KernelError at the first."""
        if self._closed:
            raise Unavailable("the daemon is stopping")
        if self._ring is None and self._keys.sealed:
            self._ring = self._open()
            self._finish_rotation(self._ring)
        elif self._ring is None and create and not self._keys.recoverable and not self.names():
            self._ring = self._begin()
        if self._ring is None:
            raise Unavailable(f"the secrets are locked: {SEALED} is missing; {ADVICE}")
        return self._ring

    def _begin(self) -> Keyring:
        ring = Keyring((MasterKey.fresh(),))
        with storage_errors("the secrets' folder could not be made"):
            self._disk.make_folder(self._folder)
            self._disk.sync(self._folder.parent)
        self._keys.seal(ring)
        return ring

    def _open(self) -> Keyring:
        try:
            return self._keys.open_sealed()
        except PatronusError as error:
            raise Unavailable(f"the secrets are locked: {error}; {ADVICE}") from error

    def _store(self, ring: Keyring, password: str | None) -> None:
        """Put the keyring where the password opens it, then where the device does."""
        if password is not None and self._keys.recoverable:
            self._keys.wrap(ring, password)
        self._keys.seal(ring)

    def _encrypt_anew(self, ring: Keyring) -> int:
        """Bring every secret under the current key; return how many there are. Raises StorageError."""
        names = self.names()
        for name in names:
            data = self._data(name)
            if read_header(name, data).key_id != ring.current.identifier:
                self._put(ring, name, self._opened_value(ring, name, data))
        return len(names)

    def _retire(self, ring: Keyring, password: str | None) -> None:
        """Forget the keys that nothing needs any more."""
        self._ring = Keyring((ring.current,))
        self._store(self._ring, password)
        Keyring(ring.keys[1:]).wipe()

    def _finish_rotation(self, ring: Keyring) -> None:
        """Finish an exchange that was broken off; where that fails, all stays readable and it is said."""
        if len(ring.keys) > 1:
            try:
                self._encrypt_anew(ring)
                self._retire(ring, None)
            except PatronusError as error:
                self._ring = ring
                log.error("the exchange of the master key could not be finished: %s", error)
