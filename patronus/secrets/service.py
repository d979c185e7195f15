# SPDX-License-Identifier: GPL-2.0-or-later
"""The doorkeeper: set-up, log-in and the life of sessions. Safe from any thread."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from patronus.core.control import Clock
from patronus.core.errors import (
    Conflict,
    InvalidRequest,
    NotAuthenticated,
    NotPermitted,
    StorageError,
    TooManyRequests,
    Unavailable,
)
from patronus.core.verb import Caller, Role
from patronus.kernel.host import Places
from patronus.secrets import setup, throttle
from patronus.secrets.accounts import Account, AccountStore, write_private
from patronus.secrets.password import hash as argon2id
from patronus.secrets.password.service import PasswordService
from patronus.secrets.sessions import Session, Sessions

log = logging.getLogger(__name__)

FIRST_ACCOUNT = "admin"
"""The name of the account whose password is given by credential."""
SAVE_EVERY_S = 60.0
"""How late the idle time of a session may be after the daemon was killed."""
WRONG = "the name or the password is wrong"


class Doorkeeper:
    """Decides who a caller is. ``fresh_setup_code`` is the code to print, where this start made one."""

    def __init__(self, store: AccountStore, sessions_file: Path, clock: Clock) -> None:
        self._store = store
        self._sessions_file = sessions_file
        self._clock = clock
        self._lock = threading.RLock()
        self._passwords = PasswordService()
        self._throttle = throttle.Throttle()
        self._sessions = _read_sessions(sessions_file, clock.boot_id)
        self._saved_at = clock.boottime()
        self.fresh_setup_code: str | None = None

    @property
    def setup_needed(self) -> bool:
        """Return whether nobody has ever set the router up."""
        return not self._store.register.set_up

    def take_first_password(self, password: str) -> None:
        """Make the first account with a password, or a hash, that the owner gave with the machine."""
        given = password.strip("\r\n")
        if given.startswith("$argon2"):
            stored = argon2id.check_hash(given)
        else:
            argon2id.check(given, FIRST_ACCOUNT)
            stored = self._passwords.make(given)
        self._store.add(Account(FIRST_ACCOUNT, Role.ADMIN, stored))

    def renew_setup_code(self) -> None:
        """Make the code of this boot, unless this boot has one: a restarted daemon keeps what was printed."""
        code = self._store.register.code
        if code is None or code.boot_id != self._clock.boot_id:
            self.fresh_setup_code, stored = setup.generate(self._clock.boot_id)
            self._store.put_code(stored)

    def set_up(self, caller: Caller, code: str, name: str, password: str) -> tuple[str, Session]:
        """Make the first administrator and log them in. Raises Conflict once set-up is over, NotPermitted."""
        self._refuse_second_setup()
        argon2id.check(password, name)
        with self._attempt(("set-up", throttle.SETUP), (throttle.source_key(caller.origin), throttle.SOURCE)):
            stored_code = self._store.register.code
            if stored_code is None or not stored_code.matches(code, self._clock.boot_id):
                raise NotPermitted("this is not the set-up code that the console shows")
        stored = self._passwords.make(password)
        with self._lock:
            self._refuse_second_setup()
            self._store.add(Account(name, Role.ADMIN, stored))
            return self._begin(name, caller.origin)

    def log_in(self, caller: Caller, name: str, password: str) -> tuple[str, Session, Role]:
        """Begin a session. Raises NotAuthenticated, TooManyRequests."""
        source = (throttle.source_key(caller.origin), throttle.SOURCE)
        with self._attempt((f"account {name}", throttle.ACCOUNT), source):
            account = self._checked(name, password)
        with self._lock:
            if self._store.register.accounts.get(name) != account:
                raise NotAuthenticated(WRONG)
            return *self._begin(name, caller.origin), account.role

    def log_out(self, caller: Caller) -> None:
        """End the caller's session; a caller without one has nothing to end."""
        with self._lock:
            if caller.session:
                self._sessions.end(caller.session)
                self._save_sessions()

    def change_password(self, caller: Caller, old: str, new: str) -> None:
        """Give the caller a new password and end their other sessions. Raises NotAuthenticated, NotFound."""
        account = self._store.get(caller.name)
        argon2id.check(new, account.name)
        with self._attempt((f"account {account.name}", throttle.ACCOUNT)):
            self._checked(account.name, old)
        self._set_password(account.name, new, but=caller.session)

    def set_password(self, name: str, password: str) -> None:
        """Give an account a new password and end all its sessions. Raises NotFound."""
        self._store.get(name)
        argon2id.check(password, name)
        self._set_password(name, password, but=None)

    def accounts(self) -> list[Account]:
        """Return all accounts, by name."""
        return sorted(self._store.register.accounts.values(), key=lambda account: account.name)

    def add(self, name: str, role: Role, password: str) -> None:
        """Add an account. Raises Conflict, InvalidRequest."""
        if role is Role.NONE:
            raise InvalidRequest("an account has the role viewer, operator or admin")
        argon2id.check(password, name)
        stored = self._passwords.make(password)
        with self._lock:
            self._store.add(Account(name, role, stored))

    def remove(self, name: str) -> None:
        """Remove an account and end its sessions at once. Raises NotFound, Conflict."""
        with self._lock:
            self._store.remove(name)
            self._sessions.end_all(name)
            self._save_sessions()

    def authenticate(self, token: str, origin: str) -> Caller:
        """Return whose token this is, with the role that the account has now. Raises NotAuthenticated."""
        with self._lock:
            now = self._clock.boottime()
            session = self._sessions.use(token, now)
            account = self._store.register.accounts.get(session.account) if session else None
            if session is None or account is None:
                raise NotAuthenticated("the session has ended; log in again")
            if now - self._saved_at >= SAVE_EVERY_S:
                self._save_sessions()
            return Caller(account.name, account.role, origin, session.identifier)

    def _refuse_second_setup(self) -> None:
        if not self.setup_needed:
            raise Conflict("the router has been set up; log in")

    def _checked(self, name: str, password: str) -> Account:
        account = self._store.register.accounts.get(name)
        right = self._passwords.matches(account.password if account else argon2id.NO_ONE, password)
        if account is None or not right:
            raise NotAuthenticated(WRONG)
        return account

    def _set_password(self, name: str, password: str, but: str | None) -> None:
        stored = self._passwords.make(password)
        with self._lock:
            self._store.replace(replace(self._store.get(name), password=stored))
            self._sessions.end_all(name, but=but)
            self._save_sessions()

    @contextmanager
    def _attempt(self, *keys: tuple[str, throttle.Limit]) -> Iterator[None]:
        with self._lock:
            self._throttle.begin(dict(keys), self._clock.boottime())
        try:
            yield
        except (TooManyRequests, Unavailable):
            with self._lock:
                for key, _ in keys:
                    self._throttle.withdraw(key)
            raise
        with self._lock:
            for key, _ in keys:
                self._throttle.succeed(key)

    def _begin(self, name: str, origin: str) -> tuple[str, Session]:
        token, session = self._sessions.begin(name, origin, self._clock.boottime())
        self._save_sessions()
        return token, session

    def _save_sessions(self) -> None:
        self._saved_at = self._clock.boottime()
        data = {"boot_id": self._clock.boot_id, "sessions": self._sessions.as_data()}
        write_private(self._sessions_file, data, durable=False)


def create(places: Places, clock: Clock, *, password: str | None = None) -> Doorkeeper:
    """Make the doorkeeper. ``password``: the credential ``patronus.password``, plain or ``$argon2id$…``.

    It counts only where set-up was never done; one that is refused is reported, and set-up by code stays
    open. Never raises for what is on the disk: a router that nobody can log in to routes all the same.
    """
    store = AccountStore(places.state / "accounts" / "accounts.json")
    if store.complaint is not None:
        log.critical("nobody can log in, use the console: %s", store.complaint)
    doorkeeper = Doorkeeper(store, places.run / "sessions.json", clock)
    try:
        if doorkeeper.setup_needed and password is not None:
            _take_first_password(doorkeeper, password)
        if doorkeeper.setup_needed:
            doorkeeper.renew_setup_code()
    except StorageError as error:
        log.critical("set-up cannot begin: %s", error)
    return doorkeeper


def _take_first_password(doorkeeper: Doorkeeper, password: str) -> None:
    try:
        doorkeeper.take_first_password(password)
    except InvalidRequest as error:
        log.error("the credential patronus.password is refused: %s", error)


def _read_sessions(path: Path, boot_id: str) -> Sessions:
    try:
        data = json.loads(path.read_bytes())
        return Sessions.from_data(data["sessions"]) if data["boot_id"] == boot_id else Sessions()
    except FileNotFoundError:
        return Sessions()
    except (ValueError, KeyError, TypeError) as error:
        log.warning("%s is not whole, all sessions have ended: %s", path, error)
        return Sessions()
