# SPDX-License-Identifier: GPL-2.0-or-later
"""The one-time set-up code: 100 random bits in five groups of four, kept as a hash, for one boot. Pure."""

from __future__ import annotations

import hmac
from dataclasses import dataclass

from patronus.secrets.code import digest, new_code

GROUPS = 5


@dataclass(frozen=True)
class SetupCode:
    """What is stored of a code: its hash, the boot it was made for, and why set-up was open then."""

    digest: str
    boot_id: str
    reason: str

    def matches(self, text: str, boot_id: str) -> bool:
        """Return whether ``text``, as a person typed it, is the code of this boot."""
        return self.boot_id == boot_id and hmac.compare_digest(self.digest, digest(text))


def generate(boot_id: str, reason: str) -> tuple[str, SetupCode]:
    """Return a new code as it is printed, ``7F3A-…``, and what to store of it."""
    text = new_code(GROUPS)
    return text, SetupCode(digest(text), boot_id, reason)
