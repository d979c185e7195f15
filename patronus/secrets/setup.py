# SPDX-License-Identifier: GPL-2.0-or-later
"""The one-time set-up code: 100 random bits in five groups of four, kept as a hash, for one boot. Pure."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's base 32: no I, L, O or U to misread; 5 bits a character."""
GROUPS = 5
GROUP_LENGTH = 4
_MISREAD = str.maketrans("OIL", "011")


@dataclass(frozen=True)
class SetupCode:
    """What is stored of a code: its hash, and the boot it was made for."""

    digest: str
    boot_id: str

    def matches(self, text: str, boot_id: str) -> bool:
        """Return whether ``text``, as a person typed it, is the code of this boot."""
        return self.boot_id == boot_id and hmac.compare_digest(self.digest, _digest(text))


def generate(boot_id: str) -> tuple[str, SetupCode]:
    """Return a new code as it is printed, ``7F3A-…``, and what to store of it."""
    letters = [secrets.choice(ALPHABET) for _ in range(GROUPS * GROUP_LENGTH)]
    starts = range(0, len(letters), GROUP_LENGTH)
    text = "-".join("".join(letters[start : start + GROUP_LENGTH]) for start in starts)
    return text, SetupCode(_digest(text), boot_id)


def _digest(text: str) -> str:
    letters = "".join(letter for letter in text.upper() if letter.isalnum()).translate(_MISREAD)
    return hashlib.sha256(letters.encode()).hexdigest()
