# SPDX-License-Identifier: GPL-2.0-or-later
"""The device's own signing key, Ed25519 (RFC 8032): made once, on this device, and it never leaves it."""

from __future__ import annotations

import threading
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from patronus.core.errors import StorageError
from patronus.core.files import Disk, storage_errors, write_durably

NAME = "device.key"
PRIVATE = 0o600
_MAKING = threading.Lock()
"""Held where a key may be made: of two who ask for the first time, one makes it."""


class DeviceKey:
    """The key in ``folder``. A damaged one is an error: in its place another would be another device."""

    def __init__(self, folder: Path, disk: Disk | None = None) -> None:
        self._file = folder / NAME
        self._disk = disk or Disk()

    def sign(self, data: bytes) -> bytes:
        """Return the signature, 64 bytes. Raises StorageError."""
        return self._key().sign(data)

    def public(self) -> str:
        """Return the public half, SubjectPublicKeyInfo in PEM. Raises StorageError."""
        pem = self._key().public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        return pem.decode()

    def _key(self) -> Ed25519PrivateKey:
        with storage_errors("the device's key"):
            with _MAKING:
                if not self._file.exists():
                    self._make()
            data = self._file.read_bytes()
        try:
            key = load_pem_private_key(data, password=None)
        except ValueError:
            raise StorageError(f"the device's key {self._file} is damaged") from None
        if not isinstance(key, Ed25519PrivateKey):
            raise StorageError(f"the device's key {self._file} is of another kind")
        return key

    def _make(self) -> None:
        self._disk.make_folder(self._file.parent)
        made = Ed25519PrivateKey.generate()
        pem = made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        write_durably(self._disk, self._file, pem, PRIVATE)
