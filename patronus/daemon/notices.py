# SPDX-License-Identifier: GPL-2.0-or-later
"""What a person should know, for the router's status: what happened, and what is so as long as it is."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable

log = logging.getLogger(__name__)


class Notices:
    """``watched`` are asked each time, and answer None where all is well."""

    def __init__(self) -> None:
        self._said: list[str] = []
        self.watched: list[Callable[[], str | None]] = []

    def add(self, texts: Iterable[str]) -> None:
        """Keep what has been said elsewhere already."""
        self._said += texts

    def complain(self, text: str) -> None:
        """Say something: in the journal, and in the router's status."""
        log.error("%s", text)
        if text not in self._said:
            self._said.append(text)

    def texts(self) -> list[str]:
        """Return all that is to be said now."""
        return [*self._said, *(text for look in self.watched if (text := look()))]
