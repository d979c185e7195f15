# SPDX-License-Identifier: GPL-2.0-or-later
"""A password stretched to a key: Argon2id (RFC 9106); its parameters stand in the file. Pure."""

from __future__ import annotations

import secrets
import struct
from dataclasses import dataclass
from typing import ClassVar

from argon2.low_level import Type, hash_secret_raw

from patronus.core.errors import StorageError
from patronus.secrets.password.hash import LANES, MEMORY_KIB, MOST_MEMORY_KIB, PASSES, normalise

SALT_BYTES = 16
KEY_BYTES = 32
MOST_PASSES = 16
MOST_LANES = 16


@dataclass(frozen=True)
class Stretching:
    """How one password becomes one key. ``memory_kib``: KiB that computing it takes."""

    salt: bytes
    memory_kib: int = MEMORY_KIB
    passes: int = PASSES
    lanes: int = LANES

    FORM: ClassVar[struct.Struct] = struct.Struct(f">IHH{SALT_BYTES}s")

    @classmethod
    def fresh(cls) -> Stretching:
        """Return this router's parameters with a new salt."""
        return cls(secrets.token_bytes(SALT_BYTES))

    def pack(self) -> bytes:
        """Return the parameters as they stand in a file's header."""
        return self.FORM.pack(self.memory_kib, self.passes, self.lanes, self.salt)

    @classmethod
    def unpack(cls, data: bytes, file: str) -> Stretching:
        """Return the parameters in a header, if they cost no more than a small router can lend.

        Nobody has vouched for them yet. Raises StorageError that names the file.
        """
        memory_kib, passes, lanes, salt = cls.FORM.unpack(data)
        fair = 8 * lanes <= memory_kib <= MOST_MEMORY_KIB and 1 <= passes <= MOST_PASSES
        if not fair or not 1 <= lanes <= MOST_LANES:
            raise StorageError(f"{file} was changed: no key is made from a password like that")
        return cls(salt, memory_kib, passes, lanes)


def stretch(password: str, how: Stretching) -> bytes:
    """Return the 256-bit key of a password. Takes ``how.memory_kib`` while it runs."""
    key: bytes = hash_secret_raw(
        normalise(password).encode(), how.salt, how.passes, how.memory_kib, how.lanes, KEY_BYTES, Type.ID
    )
    return key
