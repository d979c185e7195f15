# SPDX-License-Identifier: GPL-2.0-or-later
"""A backup as one encrypted file: Argon2id, and AES-256-GCM in chunks that cannot be cut or swapped.

    18 bytes   magic and version: ``patronus backup 1`` and a line feed
    24 bytes   how the password becomes the key (``stretch.Stretching``), with a salt of this file's own
    16 bytes   the tag of an empty message: tells a wrong password from a changed file
    chunks     64 KiB each and their tags, the last one shorter

The key serves this file alone, so the nonce of a chunk is its number and whether it is the last (the STREAM
construction: Hoang, Reyhanitabar, Rogaway, Vizár, "Online Authenticated-Encryption and its Nonce-Reuse
Misuse-Resistance", 2015). The header is associated data of every chunk. Pure.
"""

from __future__ import annotations

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from patronus.core.errors import InvalidRequest, NotPermitted, StorageError
from patronus.secrets.cipher import TAG_BYTES
from patronus.secrets.stretch import Stretching

FAMILY = b"patronus backup "
MAGIC = FAMILY + b"1\n"
CHUNK = 64 * 1024
_HEADER = len(MAGIC) + Stretching.FORM.size
_BODY = _HEADER + TAG_BYTES
_CHECK = b"\xff" * 12
"""The nonce of the empty message; no chunk has it."""


def seal(key: bytes, how: Stretching, content: bytes) -> bytes:
    """Return the backup of ``content`` under the key that ``how`` makes of a password; the salt is fresh."""
    cipher, header = AESGCM(key), MAGIC + how.pack()
    parts = [header, cipher.encrypt(_CHECK, b"", header)]
    starts = range(0, max(1, len(content)), CHUNK)
    for number, start in enumerate(starts):
        nonce = _nonce(number, last=number == len(starts) - 1)
        parts.append(cipher.encrypt(nonce, content[start : start + CHUNK], header))
    return b"".join(parts)


def stretching_of(data: bytes) -> Stretching:
    """Return how the key of a backup is made. Raises InvalidRequest."""
    if not data.startswith(MAGIC):
        if data.startswith(FAMILY):
            raise InvalidRequest("this backup was written by a later version of Patronus")
        raise InvalidRequest("this is not a backup of Patronus")
    if len(data) < _BODY + TAG_BYTES:
        raise InvalidRequest("this backup was cut short")
    try:
        return Stretching.unpack(data[len(MAGIC) : _HEADER], "the backup")
    except StorageError as error:
        raise InvalidRequest(str(error)) from error


def unseal(key: bytes, data: bytes) -> bytes:
    """Return what a backup holds. Raises NotPermitted for a wrong password, InvalidRequest if changed."""
    cipher, header = AESGCM(key), data[:_HEADER]
    try:
        cipher.decrypt(_CHECK, data[_HEADER:_BODY], header)
    except InvalidTag:
        raise NotPermitted("the password is wrong, or the beginning of the backup was changed") from None
    step = CHUNK + TAG_BYTES
    starts = range(_BODY, len(data), step)
    parts = []
    for number, start in enumerate(starts):
        nonce = _nonce(number, last=number == len(starts) - 1)
        try:
            parts.append(cipher.decrypt(nonce, data[start : start + step], header))
        except InvalidTag:
            raise InvalidRequest(f"the backup was changed or cut short, at byte {start} or after") from None
    return b"".join(parts)


def _nonce(number: int, *, last: bool) -> bytes:
    return number.to_bytes(11) + bytes([last])
