# SPDX-License-Identifier: GPL-2.0-or-later
"""The master keys: one, and while it is exchanged two; and the file that a password opens. Pure.

20 bytes               magic and version: ``patronus recovery 1`` and a line feed
24 bytes               how the password becomes the key-encryption key (``stretch.Stretching``)
12 bytes               nonce
the rest               the packed keyring in AES-256-GCM, all before it as associated data
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from patronus.core.errors import NotPermitted, StorageError
from patronus.secrets.cipher import ID_BYTES, KEY_BYTES, NONCE_BYTES
from patronus.secrets.stretch import Stretching

RECOVERY = "master.recovery"
MAGIC = b"patronus recovery 1\n"
_FORM = b"\x01"
_ENTRY = ID_BYTES + KEY_BYTES
_NONCE_AT = len(MAGIC) + Stretching.FORM.size
_SEALED_AT = _NONCE_AT + NONCE_BYTES


@dataclass(frozen=True)
class MasterKey:
    """A random 256-bit key and its random name; the bytes can be wiped."""

    identifier: bytes
    key: bytearray = field(repr=False)

    @classmethod
    def fresh(cls) -> MasterKey:
        """Return a new key."""
        return cls(secrets.token_bytes(ID_BYTES), bytearray(secrets.token_bytes(KEY_BYTES)))


@dataclass(frozen=True)
class Keyring:
    """Master keys, the one that new files get first."""

    keys: Sequence[MasterKey]

    @property
    def current(self) -> MasterKey:
        """Return the key of new files."""
        return self.keys[0]

    def find(self, identifier: bytes) -> MasterKey | None:
        """Return the key of that name."""
        return next((key for key in self.keys if key.identifier == identifier), None)

    def pack(self) -> bytes:
        """Return the keys in the clear, to be sealed."""
        return _FORM + b"".join(key.identifier + bytes(key.key) for key in self.keys)

    @classmethod
    def unpack(cls, data: bytes) -> Keyring:
        """Return the keys that ``pack`` made. Raises StorageError."""
        body = data[1:]
        if data[:1] != _FORM or not body or len(body) % _ENTRY:
            raise StorageError("the master key has a form that this version does not know")
        entries = [body[at : at + _ENTRY] for at in range(0, len(body), _ENTRY)]
        return cls(tuple(MasterKey(entry[:ID_BYTES], bytearray(entry[ID_BYTES:])) for entry in entries))

    def wipe(self) -> None:
        """Overwrite the keys. Copies that Python or a library has made stay until their memory is reused."""
        for key in self.keys:
            key.key[:] = bytes(len(key.key))


def wrap(ring: Keyring, how: Stretching, encrypting: bytes) -> bytes:
    """Return the recovery file: the keyring under the key that a password made, ``encrypting``."""
    nonce = secrets.token_bytes(NONCE_BYTES)
    header = MAGIC + how.pack() + nonce
    return header + AESGCM(encrypting).encrypt(nonce, ring.pack(), header)


def stretching_of(data: bytes) -> Stretching:
    """Return how the recovery file's key is made. Raises StorageError."""
    if not data.startswith(MAGIC) or len(data) <= _SEALED_AT:
        raise StorageError(f"{RECOVERY} was changed, cut short, or written by a later version")
    return Stretching.unpack(data[len(MAGIC) : _NONCE_AT], RECOVERY)


def unwrap(data: bytes, encrypting: bytes) -> Keyring:
    """Return the keyring in a recovery file. Raises NotPermitted: nobody can tell why it does not open."""
    nonce = data[_NONCE_AT:_SEALED_AT]
    try:
        return Keyring.unpack(AESGCM(encrypting).decrypt(nonce, data[_SEALED_AT:], data[:_SEALED_AT]))
    except InvalidTag:
        raise NotPermitted(f"the recovery password is wrong, or {RECOVERY} was changed") from None
