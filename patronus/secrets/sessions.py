# SPDX-License-Identifier: GPL-2.0-or-later
"""Sessions: random 256-bit names of which only the hash is kept. Pure: told the time, in seconds since boot.

A session belongs to one boot; it ends when idle too long, when it is too old, or at once when it is revoked.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

IDLE_S = 30 * 60.0
LONGEST_S = 12 * 3600.0
MOST_SESSIONS = 32
"""Sessions of one account; a new one past that ends the one longest unused."""
TOKEN_BYTES = 32


@dataclass(frozen=True)
class Session:
    """``identifier`` names it in logs and opens nothing; times are seconds since boot."""

    identifier: str
    digest: str
    account: str
    origin: str
    began: float
    used: float

    def ends(self) -> float:
        """Return when it ends unless it is used again."""
        return min(self.used + IDLE_S, self.absolute_end())

    def absolute_end(self) -> float:
        """Return when it ends however much it is used."""
        return self.began + LONGEST_S


class Sessions:
    """The sessions that live, by the hash of their token."""

    def __init__(self, sessions: Iterable[Session] = ()) -> None:
        self._sessions = {session.digest: session for session in sessions}

    def begin(self, account: str, origin: str, now: float) -> tuple[str, Session]:
        """Return a new token and its session."""
        self._expire(now)
        own = sorted((s for s in self._sessions.values() if s.account == account), key=lambda s: s.used)
        for session in own[: max(0, len(own) - MOST_SESSIONS + 1)]:
            del self._sessions[session.digest]
        token = secrets.token_urlsafe(TOKEN_BYTES)
        digest = _digest(token)
        session = Session(digest[:16], digest, account, origin, now, now)
        self._sessions[digest] = session
        return token, session

    def use(self, token: str, now: float) -> Session | None:
        """Return the session of a token, which counts as use; None where there is none that lives."""
        session = self._sessions.get(_digest(token))
        if session is None or now >= session.ends():
            return None
        session = replace(session, used=now)
        self._sessions[session.digest] = session
        return session

    def living(self, now: float) -> list[Session]:
        """Return the sessions that live, the one last used first."""
        self._expire(now)
        return sorted(self._sessions.values(), key=lambda session: session.used, reverse=True)

    def end(self, identifier: str) -> None:
        """End one session."""
        self._keep(lambda session: session.identifier != identifier)

    def end_all(self, account: str, but: str | None = None) -> None:
        """End every session of an account, save the one with identifier ``but``."""
        self._keep(lambda session: session.account != account or session.identifier == but)

    def as_data(self) -> list[dict[str, Any]]:
        """Return the sessions as JSON-ready data; no token is in it."""
        return [asdict(session) for session in self._sessions.values()]

    @classmethod
    def from_data(cls, data: Iterable[Mapping[str, Any]]) -> Sessions:
        """Return what ``as_data`` made. Raises TypeError where a field is missing or unknown."""
        return cls(Session(**item) for item in data)

    def _expire(self, now: float) -> None:
        self._keep(lambda session: now < session.ends())

    def _keep(self, wanted: Callable[[Session], bool]) -> None:
        self._sessions = {digest: session for digest, session in self._sessions.items() if wanted(session)}


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode(errors="surrogatepass")).hexdigest()
