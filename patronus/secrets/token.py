# SPDX-License-Identifier: GPL-2.0-or-later
"""API tokens: ``patronus_`` and 256 random bits, of which only the hash is kept. Pure: told the time."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Iterable

from patronus.secrets.register import ApiToken

PREFIX = "patronus_"
"""So that a person, and a scanner for lost secrets, sees what it is."""
TOKEN_BYTES = 32
LONGEST_S = 366 * 86400.0


def new_token(name: str, account: str, role: str, now: float, life_s: float) -> tuple[str, ApiToken]:
    """Return the text of a new token, shown once, and what is kept of it."""
    text = PREFIX + secrets.token_urlsafe(TOKEN_BYTES)
    digest = _digest(text)
    token = ApiToken(
        identifier=digest[:16], digest=digest, name=name, account=account, role=role, created=now,
        expires=now + life_s,
    )  # fmt: skip
    return text, token


def is_token(text: str) -> bool:
    """Return whether a text is meant as an API token, and not as a session."""
    return text.startswith(PREFIX)


def find(tokens: Iterable[ApiToken], text: str) -> ApiToken | None:
    """Return the token of a text, if it is kept; one that has expired too."""
    digest = _digest(text)
    return next((token for token in tokens if hmac.compare_digest(token.digest, digest)), None)


def lives(token: ApiToken, now: float) -> bool:
    """Return whether a token has not expired; a clock from before its making counts as its making."""
    return max(now, token.created) < token.expires


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()
