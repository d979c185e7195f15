# SPDX-License-Identifier: GPL-2.0-or-later
"""The doorkeeper: set-up, log-in in one step or two, and who calls. Safe from any thread."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from patronus.core.control import Clock
from patronus.core.errors import (
    InvalidRequest,
    NotAuthenticated,
    NotPermitted,
    SecondFactorNeeded,
    StorageError,
)
from patronus.core.verb import Caller, Grant
from patronus.kernel.clock import synchronised
from patronus.kernel.host import Places
from patronus.secrets import throttle
from patronus.secrets import token as api_token
from patronus.secrets.accounts import AccountStore
from patronus.secrets.attempts import Attempts
from patronus.secrets.bearers import Bearers
from patronus.secrets.challenge import Challenges
from patronus.secrets.passes import Passes
from patronus.secrets.password import hash as argon2id
from patronus.secrets.password.service import PasswordService
from patronus.secrets.register import Account
from patronus.secrets.registrar import Registrar
from patronus.secrets.second_factor import SecondFactors, Secrets
from patronus.secrets.sessions import Session
from patronus.secrets.way_in import WayIn

log = logging.getLogger(__name__)

FIRST_ACCOUNT = "admin"
"""The name of the account whose password is given by credential."""
SOURCES = 8
"""Sources kept of an account."""
WRONG = "the name or the password is wrong"
ENDED = "the session has ended; log in again"


class Doorkeeper:
    """Decides who a caller is.

    ``way_in`` is set-up; ``registrar`` looks after accounts and roles, ``bearers`` after API tokens,
    ``factors`` after second factors, ``passes`` after sessions.
    """

    def __init__(
        self,
        store: AccountStore,
        places: Places,
        clock: Clock,
        vault: Secrets,
        passwords: PasswordService,
        *,
        reset: str | None = None,
        router: Callable[[], str] = lambda: "patronus",
    ) -> None:
        self._store = store
        self._clock = clock
        self._lock = threading.RLock()
        self._passwords = passwords
        self._attempts = Attempts(clock)
        self._challenges = Challenges()
        self.passes = Passes(places.run / "sessions.json", clock, self._lock)
        self.way_in = WayIn(store, places.run / "set-up-code.json", clock, reset)
        self.registrar = Registrar(store, self.passes, self._passwords, self._lock)
        self.bearers = Bearers(store, clock, self._lock)
        self.factors = SecondFactors(
            store, vault, clock, self._lock, lambda: synchronised(places.timesync), router
        )

    def take_first_password(self, password: str) -> None:
        """Make the first account with a password, or a hash, that the owner gave with the machine."""
        given = password.strip("\r\n")
        if given.startswith("$argon2"):
            stored = argon2id.check_hash(given)
        else:
            argon2id.check(given, FIRST_ACCOUNT)
            stored = self._passwords.make(given)
        self.way_in.make_first(FIRST_ACCOUNT, stored)

    def set_up(self, caller: Caller, code: str, name: str, password: str) -> tuple[str, Session]:
        """Make the first administrator and log them in. Raises Conflict, NotPermitted for the code."""
        self.way_in.check_open()
        argon2id.check(password, name)
        with self._attempts.one({throttle.source_key(caller.origin): throttle.SOURCE}):
            self.way_in.check_code(code)
        stored = self._passwords.make(password)
        with self._lock:
            self.way_in.make_first(name, stored)
            return self.passes.begin(name, caller.origin)

    def log_in(
        self, caller: Caller, name: str, password: str, code: str | None = None
    ) -> tuple[str, Session, Account]:
        """Begin a session.

        Raises NotAuthenticated, NotPermitted for a disabled account, TooManyRequests; SecondFactorNeeded
        where a code is wanted and none was given: ``finish_log_in`` takes it with the challenge.
        """
        with self._attempts.one(self._limits(name, caller.origin)):
            account = self._checked(name, password, caller.origin)
        if account.disabled:
            raise NotPermitted(f"the account {name} is disabled")
        if account.second_factor is not None:
            if code is None:
                raise SecondFactorNeeded(self._pose(account, caller))
            self._check_code(account.name, caller, code)
        return self._enter(name, account.password, caller.origin)

    def finish_log_in(self, caller: Caller, challenge: str, code: str) -> tuple[str, Session, Account]:
        """Begin the session of a challenge by its code. Raises NotAuthenticated, TooManyRequests."""
        with self._lock:
            posed = self._challenges.find(challenge, caller.origin, self._clock.boottime())
        if posed is None:
            raise NotAuthenticated("it took too long; begin again with name and password")
        self._check_code(posed.account, caller, code)
        with self._lock:
            self._challenges.met(challenge)
        return self._enter(posed.account, posed.password, caller.origin)

    def prove(self, caller: Caller, password: str, code: str | None = None) -> Account:
        """Return the caller's account once they have shown its password, and a code where one is given.

        For what a stolen session must not do. Raises NotPermitted for a caller without a session of its
        own, NotAuthenticated, TooManyRequests.
        """
        account = self.own_account(caller)
        with self._attempts.one(self._limits(account.name, caller.origin)):
            self._checked(account.name, password, caller.origin)
        if code is not None:
            self._check_code(account.name, caller, code)
        return account

    def change_password(self, caller: Caller, old: str, new: str) -> None:
        """Give the caller a new password and end their other sessions. Raises NotAuthenticated."""
        account = self.own_account(caller)
        argon2id.check(new, account.name)
        self.prove(caller, old)
        self.registrar.set_password(account.name, new, but=caller.session)

    def confirm_second_factor(self, caller: Caller, code: str) -> list[str]:
        """Ask the caller for codes from now on, end their other sessions; return the recovery codes."""
        account = self.own_account(caller)
        with self._attempts.one({f"code of {account.name}": throttle.CODE}):
            codes = self.factors.confirm(account.name, code)
        self.passes.end_all(account.name, caller.session)
        return codes

    def own_account(self, caller: Caller) -> Account:
        """Return the account of a caller who logged in. Raises NotPermitted for a token, and for root."""
        if caller.session is None:
            raise NotPermitted("this is for a person who has logged in, with a session of their own")
        return self._store.register.account(caller.name)

    def authenticate(self, token: str, origin: str) -> Caller:
        """Return whose session or API token this is, and what they may now. Raises NotAuthenticated."""
        with self._lock:
            if api_token.is_token(token):
                return self._bearer(token, origin)
            session = self.passes.use(token)
            account = self._store.register.find(session.account) if session else None
            if session is None or account is None or account.disabled:
                raise NotAuthenticated(ENDED)
            grant = self._store.register.wanted(account.role)
            return Caller(account.name, grant.base, origin, session.identifier, grants=(grant,))

    def _bearer(self, text: str, origin: str) -> Caller:
        token = self.bearers.find(text)
        account = self._store.register.find(token.account) if token else None
        if token is None or account is None or account.disabled:
            raise NotAuthenticated("the API token is unknown, has expired, or was revoked")
        grants: tuple[Grant, ...] = tuple(
            self._store.register.wanted(role) for role in dict.fromkeys((account.role, token.role))
        )
        role = min(grant.base for grant in grants)
        return Caller(f"{account.name}/{token.name}", role, origin, token=token.identifier, grants=grants)

    def _limits(self, name: str, origin: str) -> dict[str, throttle.Limit]:
        source = throttle.source_key(origin)
        key = throttle.account_key(name, source, known=self._is_known(name, origin))
        return {key: throttle.ACCOUNT, source: throttle.SOURCE}

    def _is_known(self, name: str, origin: str) -> bool:
        account = self._store.register.find(name)
        return account is not None and throttle.source_key(origin) in account.sources

    def _checked(self, name: str, password: str, origin: str) -> Account:
        account = self._store.register.find(name)
        stored = account.password if account else argon2id.NO_ONE
        right = self._passwords.matches(stored, password, known=self._is_known(name, origin))
        if account is None or not right:
            raise NotAuthenticated(WRONG)
        return account

    def _pose(self, account: Account, caller: Caller) -> str:
        with self._lock:
            now = self._clock.boottime()
            return self._challenges.pose(account.name, account.password, caller.origin, now)

    def _check_code(self, name: str, caller: Caller, code: str) -> None:
        source = throttle.source_key(caller.origin)
        with self._attempts.one({f"code of {name}": throttle.CODE, source: throttle.SOURCE}):
            self.factors.check(name, code)

    def _enter(self, name: str, password: str, origin: str) -> tuple[str, Session, Account]:
        """Begin the session of an account that still has the password that was checked."""
        with self._lock:
            account = self._store.register.find(name)
            if account is None or account.password != password or account.disabled:
                raise NotAuthenticated(WRONG)
            source = throttle.source_key(origin)
            if source not in account.sources[:1]:
                sources = (source, *(one for one in account.sources if one != source))[:SOURCES]
                account = account.model_copy(update={"sources": sources})
                self._store.note(self._store.register.with_changed(account))
            return *self.passes.begin(name, origin), account


def create(
    places: Places,
    clock: Clock,
    vault: Secrets,
    passwords: PasswordService,
    *,
    password: str | None = None,
    reset: str | None = None,
    router: Callable[[], str] = lambda: "patronus",
) -> Doorkeeper:
    """Make the doorkeeper.

    ``password`` is the credential ``patronus.password``, plain or ``$argon2id$…``: it counts only while
    set-up is open, and where it is refused set-up by code stays open. ``reset`` is the credential
    ``patronus.reset-accounts``. ``router`` names the router for authenticator apps. Never raises for what
    is on the disk: a router that nobody can log in to routes all the same.
    """
    store = AccountStore(places.state / "accounts" / "accounts.json")
    doorkeeper = Doorkeeper(store, places, clock, vault, passwords, reset=reset, router=router)
    try:
        if doorkeeper.way_in.reason is not None and password is not None:
            _take_first_password(doorkeeper, password)
        doorkeeper.way_in.renew_code()
    except StorageError as error:
        log.critical("set-up cannot begin: %s", error)
    if notice := doorkeeper.way_in.notice():
        log.critical("%s", notice)
    return doorkeeper


def _take_first_password(doorkeeper: Doorkeeper, password: str) -> None:
    try:
        doorkeeper.take_first_password(password)
    except InvalidRequest as error:
        log.error("the credential patronus.password is refused: %s", error)
