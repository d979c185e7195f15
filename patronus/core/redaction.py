# SPDX-License-Identifier: GPL-2.0-or-later
"""What may be written down of a value: no secret, and nothing long. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

SECRET_WORDS = (
    "password", "code", "token", "session", "secret", "key", "challenge", "credential", "passphrase",
)  # fmt: skip
"""What a name holds whose value is never written down."""
MASK = "***"
LONGEST = 200
"""Characters of a text that are written down; of a longer one its length and its hash."""
MOST = 20
"""Members of a list or an object that are written down; the others are counted."""
DEEPEST = 8


def is_secret(name: str) -> bool:
    """Return whether the value of that name could be a secret."""
    return any(word in name.lower() for word in SECRET_WORDS)


def redact(value: Any, depth: int = 0) -> Any:
    """Return JSON-ready data as it may be written down, with every value of a secret name masked."""
    if depth > DEEPEST:
        return "…"
    if isinstance(value, Mapping):
        kept = {
            _text(str(key)): MASK if is_secret(str(key)) else redact(item, depth + 1)
            for key, item in list(value.items())[:MOST]
        }
        return kept if len(value) <= MOST else {**kept, "…": f"and {len(value) - MOST} more"}
    if isinstance(value, list | tuple):
        items = [redact(item, depth + 1) for item in value[:MOST]]
        return items if len(value) <= MOST else [*items, f"and {len(value) - MOST} more"]
    return _text(value) if isinstance(value, str) else value


def _text(text: str) -> str:
    if len(text) <= LONGEST:
        return text
    digest = hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()
    return f"({len(text)} characters, sha256 {digest[:16]})"
