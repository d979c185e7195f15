# SPDX-License-Identifier: GPL-2.0-or-later
"""Hands out API tokens, knows them again, and revokes them. Safe from any thread."""

from __future__ import annotations

import logging
import threading

from patronus.core.control import Clock
from patronus.core.errors import Conflict, InvalidRequest, NotFound, StorageError
from patronus.secrets import token as api_token
from patronus.secrets.accounts import AccountStore
from patronus.secrets.register import ApiToken

log = logging.getLogger(__name__)

MOST_TOKENS = 32
"""Tokens of one account."""


class Bearers:
    """The API tokens of the register. One that has expired is taken out for good when it is seen."""

    def __init__(self, store: AccountStore, clock: Clock, lock: threading.RLock) -> None:
        self._store = store
        self._clock = clock
        self._lock = lock

    def add(self, account: str, name: str, role: str, life_s: float) -> tuple[str, ApiToken]:
        """Return the text of a new token, which is shown once, and the token.

        Raises NotFound for the account; InvalidRequest for the role or a life that is too long; Conflict
        where the account has a token of that name, or too many.
        """
        if not 0 < life_s <= api_token.LONGEST_S:
            raise InvalidRequest(f"a token lives at most {api_token.LONGEST_S / 86400:.0f} days")
        with self._lock:
            self._take_out_expired()
            register = self._store.register
            register.account(account)
            register.wanted(role)
            own = [token.name for token in register.tokens if token.account == account]
            if name in own:
                raise Conflict(f"{account} has a token {name!r} already")
            if len(own) >= MOST_TOKENS:
                raise Conflict(f"{account} has {MOST_TOKENS} tokens; revoke one first")
            text, token = api_token.new_token(name, account, role, self._clock.wall(), life_s)
            self._store.keep(register.with_tokens((*register.tokens, token)))
            return text, token

    def tokens(self) -> list[ApiToken]:
        """Return all tokens, by account and name."""
        with self._lock:
            self._take_out_expired()
            return sorted(self._store.register.tokens, key=lambda token: (token.account, token.name))

    def get(self, identifier: str) -> ApiToken:
        """Return a token by its identifier. Raises NotFound."""
        found = next((one for one in self._store.register.tokens if one.identifier == identifier), None)
        if found is None:
            raise NotFound(f"there is no token {identifier!r}")
        return found

    def revoke(self, identifier: str) -> None:
        """Take a token out: it opens nothing from now on. Raises NotFound, StorageError."""
        with self._lock:
            token = self.get(identifier)
            register = self._store.register
            self._store.keep(register.with_tokens(one for one in register.tokens if one != token))

    def find(self, text: str) -> ApiToken | None:
        """Return the token that a caller showed; None where there is none that lives."""
        with self._lock:
            token = api_token.find(self._store.register.tokens, text)
            if token is None or api_token.lives(token, self._clock.wall()):
                return token
            try:
                self._take_out_expired()
            except StorageError as error:
                log.warning("an expired token could not be taken out: %s", error)
            return None

    def _take_out_expired(self) -> None:
        now = self._clock.wall()
        tokens = self._store.register.tokens
        living = [token for token in tokens if api_token.lives(token, now)]
        if len(living) < len(tokens):
            self._store.keep(self._store.register.with_tokens(living))
