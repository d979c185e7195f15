# SPDX-License-Identifier: GPL-2.0-or-later
"""Words that a provider gave, as pppd takes them. Pure."""

from __future__ import annotations

MOST_CHARACTERS = 128
_MOST_BYTES = 255
"""MAXNAMELEN and MAXSECRETLEN of pppd's source, less the zero byte."""


def is_word(text: str) -> bool:
    """Return whether pppd takes it as user, service or concentrator."""
    return 1 <= len(text) <= MOST_CHARACTERS and is_secret(text)


def is_secret(text: str) -> bool:
    """Return whether pppd takes it as a password: one line, which may have any length that fits."""
    return 1 <= len(text.encode(errors="replace")) <= _MOST_BYTES and text.isprintable()


def quoted(text: str) -> str:
    """Return a word as pppd's option files write it, pppd(8) OPTIONS FILES."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
