# SPDX-License-Identifier: GPL-2.0-or-later
"""Codes that a person reads and types: random groups of four letters, kept as a hash. Pure."""

from __future__ import annotations

import hashlib
import secrets

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's base 32: no I, L, O or U to misread; 5 bits a character."""
GROUP_LENGTH = 4
_MISREAD = str.maketrans("OIL", "011")


def new_code(groups: int) -> str:
    """Return a new code as it is shown, ``7F3A-…``: 20 random bits a group."""
    return "-".join("".join(secrets.choice(ALPHABET) for _ in range(GROUP_LENGTH)) for _ in range(groups))


def digest(text: str) -> str:
    """Return the SHA-256 hash of a code, however a person typed it: case, dashes and spaces are free."""
    letters = "".join(letter for letter in text.upper() if letter.isalnum()).translate(_MISREAD)
    return hashlib.sha256(letters.encode(errors="surrogatepass")).hexdigest()
