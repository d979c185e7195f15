# SPDX-License-Identifier: GPL-2.0-or-later
"""The keyring's two files: ``master.sealed`` opens on this device, ``master.recovery`` by password.

Impure. What opens all secrets is always in both before any secret needs it.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from patronus.core.errors import KernelError, NotFound
from patronus.core.files import Disk, storage_errors, write_durably
from patronus.secrets.keyring import RECOVERY, Keyring, stretching_of, unwrap, wrap
from patronus.secrets.stretch import Stretching

SEALED = "master.sealed"
PRIVATE = 0o600
_KINDS = {
    "5a1c6a86df9d4096b1d5a65e0862f19a": "the host key, on the same disk",
    "0c7cc07b117645919c4b0bea08bc20fe": "the TPM",
    "faf7eb9341e3412ca1a436f95a29362f": "the TPM and a signed boot",
    "93a894094874449090caf2fc93cab553": "the TPM and the host key",
    "af4950a849134eb1a73846304ff30c05": "the TPM, a signed boot and the host key",
}
"""systemd's names of the ways to seal a credential (creds-util.h), the first 16 bytes of what is sealed."""
UNKNOWN = "a way that this version does not know"
NO_KEY = "058469daf6f54324800549da0f8ea2fb"
"""Sealed without any key: what systemd does in an initrd without TPM. It protects nothing."""

Stretch = Callable[[str, Stretching], bytes]
"""(password, how) → 256-bit key. Raises TooManyRequests, Unavailable."""


class Sealer(Protocol):
    """What binds data to this device: ``kernel.units.Units``."""

    def seal(self, data: bytes) -> bytes:
        """Return the data so that this device alone can open it. Raises KernelError, Unavailable."""

    def unseal(self, sealed: bytes) -> bytes:
        """Return what ``seal`` was given. Raises KernelError, Unavailable."""


class KeyFiles:
    """The keyring's files in one folder."""

    def __init__(self, folder: Path, sealer: Sealer, stretch: Stretch, disk: Disk) -> None:
        self._sealed = folder / SEALED
        self._recovery = folder / RECOVERY
        self._sealer = sealer
        self._stretch = stretch
        self._disk = disk

    @property
    def sealed(self) -> bool:
        """Return whether there is a keyring for this or another device."""
        return self._sealed.exists()

    @property
    def recoverable(self) -> bool:
        """Return whether there is a keyring that a password opens."""
        return self._recovery.exists()

    def protection(self) -> str | None:
        """Return in words what the sealed keyring depends on, None where there is none."""
        return _KINDS.get(kind_of(self._read(self._sealed)), UNKNOWN) if self.sealed else None

    def open_sealed(self) -> Keyring:
        """Return the keyring of this device. Raises KernelError, Unavailable, NotFound, StorageError."""
        return Keyring.unpack(self._sealer.unseal(self._read(self._sealed)))

    def open_recovery(self, password: str) -> Keyring:
        """Return the keyring that the password opens. Raises NotFound, NotPermitted, StorageError."""
        if not self.recoverable:
            raise NotFound("no recovery password was ever set")
        data = self._read(self._recovery)
        return unwrap(data, self._stretch(password, stretching_of(data)))

    def seal(self, ring: Keyring) -> None:
        """Make the keyring open on this device from now on. Raises KernelError, Unavailable, StorageError."""
        sealed = self._sealer.seal(ring.pack())
        if kind_of(sealed) == NO_KEY:
            raise KernelError("systemd has no key to seal with: neither a TPM nor a disk that lasts")
        write_durably(self._disk, self._sealed, sealed, PRIVATE)

    def stretched(self, password: str) -> tuple[Stretching, bytes]:
        """Return how a password becomes a key, and that key: seconds. Raises TooManyRequests, Unavailable."""
        how = Stretching.fresh()
        return how, self._stretch(password, how)

    def wrap(self, ring: Keyring, stretched: tuple[Stretching, bytes]) -> None:
        """Make the keyring open by the password that was stretched from now on. Raises StorageError."""
        write_durably(self._disk, self._recovery, wrap(ring, *stretched), PRIVATE)

    def _read(self, path: Path) -> bytes:
        with storage_errors(f"{path.name} could not be read"):
            return path.read_bytes()


def kind_of(sealed: bytes) -> str:
    """Return the name, in hex, of the way in which something was sealed; empty where it has none."""
    try:
        return base64.b64decode(sealed[:24], validate=True)[:16].hex()
    except binascii.Error:
        return ""
