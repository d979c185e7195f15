# SPDX-License-Identifier: GPL-2.0-or-later
"""How a value is refused: what it is, what is allowed, and what was probably meant."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

SHOWN = 60
"""Characters of a refused value that a message repeats."""


class Refused(ValueError):
    """A written value is not what its place wants; pydantic carries it to the problem unharmed.

    ``message`` says what is wrong, ``allowed`` what would be right, ``hint`` what was probably meant.
    """

    def __init__(self, message: str, allowed: str | None = None, hint: str | None = None) -> None:
        self.message, self.allowed, self.hint = message, allowed, hint
        super().__init__(message + (f" ({allowed})" if allowed else "") + (f"; {hint}" if hint else ""))


def message_of(details: Mapping[str, Any]) -> str:
    """Return what is wrong, of one of ``ValidationError.errors()``: without pydantic's word before ours."""
    return str(details["msg"]).removeprefix("Value error, ")


def shown(value: Any) -> str:
    """Return the value as a message repeats it: as it would be written, and cut if long."""
    if value is None:
        return "nothing"
    text = str(value).lower() if isinstance(value, bool) else str(value)
    text = "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)
    return text if len(text) <= SHOWN else text[: SHOWN - 1] + "…"


def text_of(value: Any, what: str, allowed: str) -> str:
    """Return a value that must be text, without surrounding blanks. Raises Refused, hinting at quotes."""
    if isinstance(value, str):
        return value.strip()
    hint = "put it in quotes" if isinstance(value, int | float) and not isinstance(value, bool) else None
    raise Refused(f"{shown(value)} is not {what}", allowed, hint)


def exactly_one(message: str, **given: object) -> None:
    """Raise Refused unless one of the values is there, and no other; ``from_`` is shown as ``from``."""
    if sum(value is not None for value in given.values()) != 1:
        raise Refused(message, f"exactly one of {', '.join(name.rstrip('_') for name in given)}")
