# SPDX-License-Identifier: GPL-2.0-or-later
"""One secret as a file: AES-256-GCM (NIST SP 800-38D) under a master key, bound to its name. Pure.

    18 bytes               magic and version: ``patronus secret 1`` and a line feed
    8 bytes                which master key
    12 bytes               nonce, fresh for every file that is written
    the rest               ciphertext and 16 bytes of tag

Everything before the ciphertext, and the name, is associated data: a file that was changed, cut, or given
another name is refused.
"""

from __future__ import annotations

import secrets
import struct
from dataclasses import dataclass
from typing import NoReturn

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from patronus.core.errors import StorageError

FAMILY = b"patronus secret "
MAGIC = FAMILY + b"1\n"
KEY_BYTES = 32
ID_BYTES = 8
NONCE_BYTES = 12
"""Random, 96 bits: safe for 2^32 files under one key (SP 800-38D section 8.3); each rotation starts anew."""
TAG_BYTES = 16
_HEADER = struct.Struct(f"={len(MAGIC)}s{ID_BYTES}s{NONCE_BYTES}s")


@dataclass(frozen=True)
class Header:
    """What a file says of itself before it is opened; nothing of it is proven."""

    key_id: bytes
    nonce: bytes

    @property
    def version(self) -> str:
        """Return what changes whenever the file is written, and tells nothing of the secret."""
        return self.nonce.hex()


def seal(key: bytes | bytearray, key_id: bytes, name: str, value: bytes) -> bytes:
    """Return the file that holds ``value`` under ``name``."""
    nonce = secrets.token_bytes(NONCE_BYTES)
    header = _HEADER.pack(MAGIC, key_id, nonce)
    return header + AESGCM(key).encrypt(nonce, value, header + name.encode())


def read_header(name: str, data: bytes) -> Header:
    """Return the header of a secret's file. Raises StorageError that names it."""
    if not data.startswith(MAGIC):
        if data.startswith(FAMILY):
            _refuse(name, "was written by a later version")
        _refuse(name, "is not a secret's file, or was changed")
    if len(data) < _HEADER.size + TAG_BYTES:
        _refuse(name, "was cut short")
    _magic, key_id, nonce = _HEADER.unpack_from(data)
    return Header(key_id, nonce)


def unseal(key: bytes | bytearray, name: str, data: bytes) -> bytes:
    """Return the value in a secret's file. Raises StorageError that names it."""
    header = read_header(name, data)
    associated = data[: _HEADER.size] + name.encode()
    try:
        return AESGCM(key).decrypt(header.nonce, data[_HEADER.size :], associated)
    except InvalidTag:
        _refuse(name, "was changed or cut short")


def _refuse(name: str, what: str) -> NoReturn:
    raise StorageError(f"{file_name(name)} {what}")


def file_name(name: str) -> str:
    """Return the name of a secret's file."""
    return f"{name}.enc"
