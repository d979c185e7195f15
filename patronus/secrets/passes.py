# SPDX-License-Identifier: GPL-2.0-or-later
"""What a session is known by outside: a signed token (JWT, RFC 7519), and the file that outlives the daemon.

The signature alone opens nothing: its ``jti`` must name a session that lives, which is looked up on each
call, so that one that was ended is over at once. The file lies in /run, holds the key and the hash of each
``jti``, and is gone with the boot. Time is CLOCK_BOOTTIME, in which nobody can turn a session's end back;
so the token has no ``exp``, which would be wall-clock time. Safe from any thread.
"""

from __future__ import annotations

import json
import logging
import secrets
import threading
from pathlib import Path
from typing import Any

from patronus.core.control import Clock
from patronus.core.errors import NotFound
from patronus.secrets.accounts import write_private
from patronus.secrets.sessions import Session, Sessions

log = logging.getLogger(__name__)

ALGORITHM = "HS256"
KEY_BYTES = 32
LONGEST_TOKEN = 1024
SAVE_EVERY_S = 60.0
"""How late the idle time of a session may be after the daemon was killed."""


class Passes:
    """The sessions of this boot, and the tokens by which they are called."""

    def __init__(self, file: Path, clock: Clock, lock: threading.RLock) -> None:
        self._file = file
        self._clock = clock
        self._lock = lock
        self._key, self._sessions = _read(file, clock.boot_id)
        self._saved_at = clock.boottime()

    def begin(self, account: str, origin: str) -> tuple[str, Session]:
        """Return the token of a new session, and the session. Raises StorageError."""
        with self._lock:
            jti, session = self._sessions.begin(account, origin, self.now())
            self._save()
        import jwt  # with its whole world of keys and web requests: with the first log-in, not at boot

        claims = {"sub": account, "jti": jti, "boot": self._clock.boot_id}
        return jwt.encode(claims, self._key, algorithm=ALGORITHM), session

    def use(self, token: str) -> Session | None:
        """Return the session of a token, which counts as use; None where there is none that lives."""
        jti = self._jti(token)
        with self._lock:
            session = self._sessions.use(jti, self.now())
            if session is not None and self.now() - self._saved_at >= SAVE_EVERY_S:
                self._save()
        return session

    def living(self) -> list[Session]:
        """Return the sessions that live, the one last used first."""
        with self._lock:
            return self._sessions.living(self.now())

    def end(self, identifier: str, *, of: str | None = None) -> None:
        """End one session at once; ``of`` limits it to an account's own. Raises NotFound, StorageError."""
        with self._lock:
            own = [session for session in self.living() if of in (None, session.account)]
            if all(session.identifier != identifier for session in own):
                raise NotFound(f"there is no session {identifier!r}")
            self._sessions.end(identifier)
            self._save()

    def end_all(self, account: str, but: str | None = None) -> None:
        """End every session of an account, save the one with identifier ``but``. Raises StorageError."""
        with self._lock:
            self._sessions.end_all(account, but)
            self._save()

    def now(self) -> float:
        """Return the time in which sessions count: seconds since boot."""
        return self._clock.boottime()

    def _jti(self, token: str) -> str:
        """Return the name of the session that a token of ours carries; of any other, a name of none."""
        if len(token) > LONGEST_TOKEN:
            return ""
        import jwt

        try:
            claims = jwt.decode(token, self._key, [ALGORITHM], options={"require": ["sub", "jti"]})
        except (jwt.InvalidTokenError, UnicodeError):
            return ""
        return str(claims["jti"])

    def _save(self) -> None:
        self._saved_at = self._clock.boottime()
        data = {
            "boot_id": self._clock.boot_id, "key": self._key.hex(), "sessions": self._sessions.as_data(),
        }  # fmt: skip
        write_private(self._file, data, durable=False)


def _read(file: Path, boot_id: str) -> tuple[bytes, Sessions]:
    try:
        data: dict[str, Any] = json.loads(file.read_bytes())
        if data["boot_id"] == boot_id:
            return bytes.fromhex(data["key"]), Sessions.from_data(data["sessions"])
    except FileNotFoundError:
        pass
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        log.warning("%s is not whole, all sessions have ended: %s", file, error)
    return secrets.token_bytes(KEY_BYTES), Sessions()
