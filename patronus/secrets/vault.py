# SPDX-License-Identifier: GPL-2.0-or-later
"""The vault: named secrets in ``secrets.d/NAME.enc``, under a master key that this device opens by itself.

Impure. A secret is a few bytes under a name; a name with a dot, ``accounts.totp.ann``, belongs to a room of
the router, one without to the configuration, which names it by ``secret: NAME``. Safe from any thread.

What is read is not kept in memory; the master key is, from the first use until ``close``, which overwrites it
as well as Python can: copies in the interpreter's and OpenSSL's heap stay until that memory is used again.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass
from pathlib import Path

from patronus.core.errors import (
    Conflict,
    InvalidRequest,
    KernelError,
    PatronusError,
    StorageError,
    Unavailable,
)
from patronus.core.files import Disk
from patronus.secrets.cipher import file_name
from patronus.secrets.keyring import RECOVERY, Keyring, MasterKey
from patronus.secrets.keys import SEALED, KeyFiles, Sealer, Stretch
from patronus.secrets.password import hash as argon2id
from patronus.secrets.sealed_files import SealedFiles, check

log = logging.getLogger(__name__)

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
        self._files = SealedFiles(folder, disk or Disk())
        self._keys = KeyFiles(folder, sealer, stretch, disk or Disk())
        self._lock = threading.RLock()
        self._ring: Keyring | None = None
        self._closed = False
        self._complaint: str | None = None

    def names(self) -> list[str]:
        """Return the names of all secrets; needs no key. Raises StorageError."""
        return self._files.names()

    def versions(self) -> dict[str, str]:
        """Return name → what changes with each write; needs no key, and passes over damaged files."""
        return self._files.versions()

    def read(self, name: str) -> bytes:
        """Return a secret. Raises NotFound, StorageError for a damaged file, Unavailable while locked."""
        with self._lock:
            self._files.sealed(name)
            return self._files.read(self._opened(), name)

    def write(self, name: str, value: bytes) -> None:
        """Store a secret, on disk when this returns. Raises InvalidRequest, StorageError, Unavailable."""
        check(name, value)
        with self._lock:
            self._files.write(self._opened(create=True), name, value)

    def delete(self, name: str) -> None:
        """Remove a secret. Raises NotFound, StorageError."""
        with self._lock:
            self._files.delete(name)

    def set_recovery(self, password: str) -> None:
        """Let a password open the vault on any device. Raises InvalidRequest, Unavailable, StorageError."""
        argon2id.check(password, "")
        with self._lock:
            self._opened(create=True)
        stretched = self._keys.stretched(password)  # seconds in which the others read their secrets
        with self._lock:
            self._keys.wrap(self._opened(), stretched)

    def unlock(self, password: str) -> None:
        """Open the vault by its recovery password and seal it to this device.

        Raises Conflict where it is open, NotFound without a recovery password, NotPermitted for a wrong
        one; KernelError or Unavailable where sealing fails: then it is open until the daemon ends.
        """
        with self._lock:
            if self._is_open():
                raise Conflict("the secrets are not locked")
            self._ring = self._keys.open_recovery(password)
            self._complaint = None
            self._keys.seal(self._ring)
            self._finish_rotation(self._ring)

    def rotate(self, password: str | None = None) -> int:
        """Exchange the master key and encrypt every secret anew; return how many.

        ``password``: the recovery password, where one is set. A power cut at any point leaves every secret
        readable, and the next start finishes. Raises InvalidRequest without a password that is needed,
        NotPermitted for a wrong one, StorageError that names a damaged file: then nothing has changed.
        """
        with self._lock:
            ring = self._opened(create=True)
            if self._keys.recoverable:
                if password is None:
                    raise InvalidRequest("the recovery password is needed: the new key is wrapped with it")
                self._keys.open_recovery(password).wipe()
            if damaged := self._files.damaged(ring):
                raise StorageError(f"{', '.join(map(file_name, damaged))} cannot be read: delete it first")
            both = Keyring((MasterKey.fresh(), *ring.keys))
            self._store(both, password)
            self._ring = both
            count = self._files.encrypt_anew(both)
            self._retire(both, password)
            return count

    def start_over(self) -> Path:
        """Set everything aside that cannot be opened any more, and begin with an empty vault.

        Returns the folder that holds it. Raises Conflict where the vault is open, StorageError.
        """
        with self._lock:
            if self._is_open():
                raise Conflict("the secrets are not locked: delete those that you do not want")
            self._complaint = None
            return self._files.set_aside([RECOVERY, SEALED])

    def status(self) -> VaultStatus:
        """Return how the vault is; tries to open it. Raises StorageError."""
        with self._lock:
            state, reason, ring = "open", None, None
            if self._is_empty():
                state = "empty"
            else:
                try:
                    ring = self._opened()
                except Unavailable as error:
                    state, reason = "locked", str(error)
            return VaultStatus(
                state, reason, self._keys.protection(), self._keys.recoverable,
                rotating=ring is not None and len(ring.keys) > 1,
                damaged=tuple(self._files.damaged(ring)) if ring else (),
            )  # fmt: skip

    def wake(self) -> None:
        """Try to open a vault that holds something, so that ``notice`` knows; raises nothing."""
        with self._lock:
            try:
                if not self._is_empty():
                    self._opened()
            except (StorageError, Unavailable) as error:
                log.error("%s", error)

    def notice(self) -> str | None:
        """Return what a person should know: why the vault did not open when somebody last tried."""
        return self._complaint

    def close(self) -> None:
        """Wipe the master key; nothing can be read after."""
        with self._lock:
            self._closed = True
            if self._ring is not None:
                self._ring.wipe()
            self._ring = None

    def _is_empty(self) -> bool:
        return not (self.names() or self._keys.sealed or self._keys.recoverable)

    def _is_open(self) -> bool:
        try:
            self._opened(create=True)
        except (StorageError, Unavailable):
            return False
        return True

    def _opened(self, *, create: bool = False) -> Keyring:
        """Return the keyring, opened where it was not; a vault that holds nothing gets one to begin with.

        Raises StorageError, Unavailable.
        """
        if self._closed:
            raise Unavailable("the daemon is stopping")
        if self._ring is None and self._keys.sealed:
            self._ring = self._open()
            self._finish_rotation(self._ring)
        elif self._ring is None and create and self._is_empty():
            self._ring = self._begin()
        if self._ring is None:
            raise self._locked(f"{SEALED} is missing")
        return self._ring

    def _begin(self) -> Keyring:
        ring = Keyring((MasterKey.fresh(),))
        self._files.make_folder()
        try:
            self._keys.seal(ring)
        except KernelError as error:
            raise Unavailable(f"no secret can be stored: {error}") from error
        return ring

    def _open(self) -> Keyring:
        try:
            ring = self._keys.open_sealed()
        except PatronusError as error:
            raise self._locked(str(error)) from error
        self._complaint = None
        return ring

    def _locked(self, why: str) -> Unavailable:
        self._complaint = f"the secrets are locked: {why}; {ADVICE}"
        return Unavailable(self._complaint)

    def _store(self, ring: Keyring, password: str | None) -> None:
        """Put the keyring where the password opens it, then where the device does."""
        if password is not None and self._keys.recoverable:
            self._keys.wrap(ring, self._keys.stretched(password))
        self._keys.seal(ring)

    def _retire(self, ring: Keyring, password: str | None) -> None:
        """Forget the keys that nothing needs any more."""
        self._ring = Keyring((ring.current,))
        self._store(self._ring, password)
        Keyring(ring.keys[1:]).wipe()

    def _finish_rotation(self, ring: Keyring) -> None:
        """Finish an exchange that was broken off; where that fails, all stays readable and it is said."""
        if len(ring.keys) > 1:
            try:
                self._files.encrypt_anew(ring)
                self._retire(ring, None)
            except PatronusError as error:
                self._ring = ring
                log.error("the exchange of the master key could not be finished: %s", error)
