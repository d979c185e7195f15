# SPDX-License-Identifier: GPL-2.0-or-later
"""Edits: how a face says what to change in the files; the engine splices them into the text.

``at`` is a path inside a section; a list item is named by its id: ``("rules", "r-7f3a")``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Insert:
    """Add ``value`` to the list at ``at``; before position ``index``, or at the end where that is None."""

    section: str
    at: tuple[str, ...]
    value: Any
    index: int | None = None


@dataclass(frozen=True)
class Replace:
    """Put ``value`` in the place of the item or key at ``at``; a key that is missing is added."""

    section: str
    at: tuple[str, ...]
    value: Any


@dataclass(frozen=True)
class Remove:
    """Take away the item or key at ``at``."""

    section: str
    at: tuple[str, ...]


@dataclass(frozen=True)
class PutFile:
    """Replace a whole file, ``firewall/rules.yaml``, by ``text``; None deletes it."""

    file: str
    text: str | None


Edit = Insert | Replace | Remove | PutFile
Edits = Sequence[Edit]
