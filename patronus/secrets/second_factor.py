# SPDX-License-Identifier: GPL-2.0-or-later
"""The second factor of accounts: set up, asked for, renewed, ended. Safe from any thread.

The secret lies in the vault; a recovery code is checked without it, and without a right clock.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from patronus.core.control import Clock
from patronus.core.errors import Conflict, NotAuthenticated, NotFound, StorageError, Unavailable
from patronus.secrets import totp
from patronus.secrets.accounts import AccountStore
from patronus.secrets.register import Account, SecondFactor

log = logging.getLogger(__name__)

ENROLMENT_S = 900.0
"""How long a secret that was shown waits for its first code."""
WRONG_CODE = "the code is wrong, or was used before"
NO_CLOCK = (
    "the router's clock is not synchronised yet, so it cannot check codes of an app; use a recovery code, or "
    "wait until it has reached a time server"
)


class Secrets(Protocol):
    """Where small secrets lie sealed: ``secrets.vault.Vault``. Each raises StorageError, Unavailable."""

    def read(self, name: str) -> bytes:
        """Return a secret. Raises NotFound."""

    def write(self, name: str, value: bytes) -> None:
        """Store a secret durably."""

    def delete(self, name: str) -> None:
        """Take a secret out. Raises NotFound."""


@dataclass(frozen=True)
class Enrolment:
    """A secret that was shown and waits for its first code, until ``ends`` (seconds since boot)."""

    secret: str
    ends: float


class SecondFactors:
    """``synchronised`` tells whether the clock is right; ``router`` what the app shows beside the account."""

    def __init__(
        self,
        store: AccountStore,
        vault: Secrets,
        clock: Clock,
        lock: threading.RLock,
        synchronised: Callable[[], bool],
        router: Callable[[], str],
    ) -> None:
        self._store = store
        self._vault = vault
        self._clock = clock
        self._lock = lock
        self._synchronised = synchronised
        self._router = router
        self._enrolments: dict[str, Enrolment] = {}

    def begin(self, name: str) -> tuple[str, str]:
        """Return a new secret for an account and its ``otpauth://`` address; nothing asks for it yet.

        Raises NotFound; Conflict where there is a second factor; Unavailable while the clock is not right.
        """
        self._check_clock()
        if self._store.register.account(name).second_factor is not None:
            raise Conflict(f"{name} has a second factor already; end it first")
        secret = totp.new_secret()
        with self._lock:
            self._enrolments[name] = Enrolment(secret, self._clock.boottime() + ENROLMENT_S)
        return secret, totp.address(secret, name, self._router())

    def confirm(self, name: str, code: str) -> list[str]:
        """Take a first code: from now on one is asked for. Return the recovery codes, shown once.

        Raises Conflict where ``begin`` is not under way, NotAuthenticated for a wrong code, StorageError.
        """
        self._check_clock()
        with self._lock:
            enrolment = self._enrolments.get(name)
            account = self._store.register.account(name)
            if enrolment is None or self._clock.boottime() >= enrolment.ends or account.second_factor:
                raise Conflict("begin anew: no second factor is being set up, or it took too long")
            step = totp.step_of(enrolment.secret, code, self._clock.wall(), after=0)
            if step is None:
                raise NotAuthenticated(WRONG_CODE)
            texts, kept = totp.new_recovery_codes()
            self._vault.write(_vault_name(name), enrolment.secret.encode())
            self._keep(account, SecondFactor(last_step=step, recovery=kept))
            del self._enrolments[name]
            return texts

    def check(self, name: str, code: str) -> None:
        """Take a code of the app or a recovery code; each is taken once.

        Raises NotAuthenticated for a wrong one; Unavailable for one of the app while the clock is not right.
        """
        if is_app_code := totp.is_app_code(code):
            self._check_clock()
        with self._lock:
            account = self._store.register.account(name)
            factor = account.second_factor
            if factor is None:
                raise NotAuthenticated(WRONG_CODE)
            new = self._after_app_code(name, factor, code) if is_app_code else _after_recovery(factor, code)
            if new is None:
                raise NotAuthenticated(WRONG_CODE)
            changed = account.model_copy(update={"second_factor": new})
            self._store.note(self._store.register.with_changed(changed))

    def renew_codes(self, name: str) -> list[str]:
        """Return new recovery codes, shown once; the old ones open nothing any more. Raises Conflict."""
        with self._lock:
            account = self._store.register.account(name)
            if account.second_factor is None:
                raise Conflict(f"{name} has no second factor")
            texts, kept = totp.new_recovery_codes()
            self._keep(account, account.second_factor.model_copy(update={"recovery": kept}))
            return texts

    def end(self, name: str) -> None:
        """Ask for no second factor any more. Raises NotFound; Conflict where there is none; StorageError."""
        with self._lock:
            account = self._store.register.account(name)
            if account.second_factor is None:
                raise Conflict(f"{name} has no second factor")
            self._keep(account, None)
        self.forget(name)

    def forget(self, name: str) -> None:
        """Take the secret of an account that no longer has a second factor out of the vault."""
        try:
            self._vault.delete(_vault_name(name))
        except (NotFound, StorageError, Unavailable) as error:
            log.warning("the secret of %s's second factor stays in the vault: %s", name, error)

    def _after_app_code(self, name: str, factor: SecondFactor, code: str) -> SecondFactor | None:
        try:
            secret = self._vault.read(_vault_name(name)).decode()
        except NotFound as error:
            raise StorageError(f"{error}; use a recovery code") from error
        step = totp.step_of(secret, code, self._clock.wall(), after=factor.last_step)
        return None if step is None else factor.model_copy(update={"last_step": step})

    def _keep(self, account: Account, factor: SecondFactor | None) -> None:
        changed = account.model_copy(update={"second_factor": factor})
        self._store.keep(self._store.register.with_changed(changed))

    def _check_clock(self) -> None:
        if not self._synchronised():
            raise Unavailable(NO_CLOCK)


def _after_recovery(factor: SecondFactor, code: str) -> SecondFactor | None:
    rest = totp.without_code(factor.recovery, code)
    return None if rest is None else factor.model_copy(update={"recovery": rest})


def _vault_name(account: str) -> str:
    return f"accounts.totp.{account}"
