# SPDX-License-Identifier: GPL-2.0-or-later
"""Looks after accounts and roles. Safe from any thread; what a method has returned from is on disk."""

from __future__ import annotations

import threading
from typing import Any

from patronus.secrets.accounts import AccountStore
from patronus.secrets.passes import Passes
from patronus.secrets.password import hash as argon2id
from patronus.secrets.password.service import PasswordService
from patronus.secrets.register import Account, CustomRole


class Registrar:
    """Adds, changes and removes accounts and roles; whoever loses something loses their sessions at once."""

    def __init__(
        self, store: AccountStore, passes: Passes, passwords: PasswordService, lock: threading.RLock
    ) -> None:
        self._store = store
        self._passes = passes
        self._passwords = passwords
        self._lock = lock

    def accounts(self) -> list[Account]:
        """Return all accounts, by name."""
        return sorted(self._store.register.accounts, key=lambda account: account.name)

    def add(self, name: str, role: str, password: str) -> None:
        """Add an account. Raises Conflict, InvalidRequest, TooManyRequests, StorageError."""
        self._store.register.wanted(role)
        argon2id.check(password, name)
        stored = self._passwords.make(password)
        with self._lock:
            account = Account(name=name, role=role, password=stored)
            self._store.keep(self._store.register.with_new(account))

    def remove(self, name: str) -> None:
        """Remove an account, its tokens and its sessions. Raises NotFound, Conflict, StorageError."""
        with self._lock:
            self._store.keep(self._store.register.without(name))
            self._passes.end_all(name)

    def set_password(self, name: str, password: str, *, but: str | None = None) -> None:
        """Give an account a new password and end its sessions, all ``but`` one. Raises NotFound."""
        self._store.register.account(name)
        argon2id.check(password, name)
        stored = self._passwords.make(password)
        self._change(name, but, password=stored)

    def change_role(self, name: str, role: str) -> None:
        """Give an account another role; it counts from its next call. Raises NotFound, Conflict."""
        with self._lock:
            account = self._store.register.account(name).model_copy(update={"role": role})
            self._store.keep(self._store.register.with_changed(account))

    def disable(self, name: str) -> None:
        """Let an account in no more, nor its tokens, and end its sessions. Raises NotFound, Conflict."""
        self._change(name, None, disabled=True)

    def enable(self, name: str) -> None:
        """Let an account in again. Raises NotFound."""
        self._change(name, None, disabled=False)

    def end_sessions(self, name: str, but: str | None = None) -> None:
        """End all sessions of an account at once, ``but`` one. Raises NotFound."""
        self._store.register.account(name)
        self._passes.end_all(name, but)

    def roles(self) -> list[CustomRole]:
        """Return the roles that are not built in, by name."""
        return sorted(self._store.register.roles, key=lambda role: role.name)

    def put_role(self, role: CustomRole) -> None:
        """Add a role or change it; who has it may do what it says from the next call. Raises StorageError."""
        with self._lock:
            self._store.keep(self._store.register.with_role(role))

    def remove_role(self, name: str) -> None:
        """Remove a role that nobody has. Raises NotFound, Conflict, StorageError."""
        with self._lock:
            self._store.keep(self._store.register.without_role(name))

    def _change(self, name: str, but: str | None, **update: Any) -> None:
        with self._lock:
            account = self._store.register.account(name).model_copy(update=update)
            self._store.keep(self._store.register.with_changed(account))
            self._passes.end_all(name, but)
