# SPDX-License-Identifier: GPL-2.0-or-later
"""What a person typed, as the configuration writes it. Pure: the daemon judges whether it is right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from patronus.core.typed import number_or_text


def items(text: str) -> list[str]:
    """Return the values in a line or several, parted by commas or spaces."""
    return text.replace(",", " ").split()


def one_or_many(text: str) -> str | list[str] | None:
    """Return one value alone, several as a list, none as None."""
    found = items(text)
    if not found:
        return None
    return found[0] if len(found) == 1 else found


def number(text: str) -> int | str | None:
    """Return what was typed where a number belongs, nothing as None."""
    return number_or_text(text) if text else None


def tags(text: str) -> list[int | str]:
    """Return VLANs in a line, numbers as numbers."""
    return [number_or_text(item) for item in items(text)]


def ports(text: str) -> int | str | list[int | str] | None:
    """Return ports as the files write them: numbers as numbers, ``1000-2000`` and ``@web`` as text."""
    found = tags(text)
    if not found:
        return None
    return found[0] if len(found) == 1 else found


def changed(old: Mapping[str, Any], given: Mapping[str, Any], handled: Sequence[str]) -> dict[str, Any]:
    """Return ``old`` with the handled keys as given; None takes a key away, all other keys stay."""
    kept = {key: value for key, value in old.items() if key not in handled}
    return kept | {key: value for key, value in given.items() if value is not None}
