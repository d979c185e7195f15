# SPDX-License-Identifier: GPL-2.0-or-later
"""Between password and second factor: proof that the password was right. Pure: told the time since boot."""

from __future__ import annotations

import hashlib
import secrets
from collections import OrderedDict
from dataclasses import dataclass

LIFE_S = 300.0
MOST = 256
"""Challenges kept; past that the oldest goes. Each one cost its owner a right password."""


@dataclass(frozen=True)
class Challenge:
    """Who has given the right password, which hash it matched, from where, and until when that counts."""

    account: str
    password: str
    origin: str
    ends: float


class Challenges:
    """The challenges that wait for a code, by the hash of their text."""

    def __init__(self) -> None:
        self._waiting: OrderedDict[str, Challenge] = OrderedDict()

    def pose(self, account: str, password: str, origin: str, now: float) -> str:
        """Return the text of a new challenge."""
        text = secrets.token_urlsafe(32)
        self._waiting[_digest(text)] = Challenge(account, password, origin, now + LIFE_S)
        while len(self._waiting) > MOST:
            self._waiting.popitem(last=False)
        return text

    def find(self, text: str, origin: str, now: float) -> Challenge | None:
        """Return the challenge of a text, where it was posed to this origin and counts still."""
        found = self._waiting.get(_digest(text))
        return found if found is not None and found.origin == origin and now < found.ends else None

    def met(self, text: str) -> None:
        """Forget a challenge: its code was right."""
        self._waiting.pop(_digest(text), None)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()
