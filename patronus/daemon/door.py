# SPDX-License-Identifier: GPL-2.0-or-later
"""Whom a console lets in when no daemon runs: who knows what the owner of this router alone knows."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from patronus.core.errors import NotPermitted, PatronusError
from patronus.core.files import SECRETS
from patronus.kernel.host import Places
from patronus.secrets.accounts import AccountStore
from patronus.secrets.keyring import RECOVERY, stretching_of, unwrap
from patronus.secrets.password.service import PasswordService
from patronus.secrets.register import ADMIN, Account
from patronus.secrets.totp import without_code

WRONG_S = 3.0
"""Seconds before the next try."""
QUESTION = "Password of an administrator, or the vault's recovery password: "
SECOND = "One of this administrator's recovery codes: "
"""No code of the app: the vault that holds its secret may be broken, and is shut here if there is a TPM."""

Prompt = Callable[[str], str]


@dataclass(frozen=True)
class Door:
    """What opens: what the administrators know and have, and the keyring that a password opens."""

    administrators: tuple[Account, ...]
    keyring: bytes | None
    passwords: PasswordService
    set_up: bool = True

    @classmethod
    def of(cls, places: Places) -> Door:
        """Return the door of the router whose files lie there; accounts that cannot be read open nothing."""
        register = AccountStore(places.state / "accounts" / "accounts.json").register
        administrators = tuple(one for one in register.accounts if one.role == ADMIN and not one.disabled)
        wrapped = places.config / SECRETS / RECOVERY
        keyring = wrapped.read_bytes() if wrapped.exists() else None
        return cls(administrators, keyring, PasswordService(), register.set_up)

    @property
    def closed(self) -> bool:
        """Whether nothing opens it."""
        return not self.administrators and self.keyring is None

    @property
    def ownerless(self) -> bool:
        """Whether nobody has set this router up: it keeps nothing that is anybody's."""
        return self.closed and not self.set_up

    def opens(self, given: str, prompt: Prompt) -> bool:
        """Return whether this password does. Raises Unavailable, StorageError.

        ``prompt`` asks for a recovery code where it is that of an administrator who has a second factor.
        """
        known = [
            one for one in self.administrators if self.passwords.matches(one.password, given, known=True)
        ]
        if any(one.second_factor is None for one in known):
            return True
        if known:
            code = prompt(SECOND)
            kept = [one.second_factor.recovery for one in known if one.second_factor]
            return any(without_code(codes, code) is not None for codes in kept)
        if self.keyring is None:
            return False
        try:
            unwrap(self.keyring, self.passwords.stretch(given, stretching_of(self.keyring)))
        except NotPermitted:
            return False
        return True


def ask(door: Door, prompt: Prompt, say: Callable[[str], None], closed: str) -> bool:
    """Ask until a password opens; where none can, say ``closed`` and return False after an Enter."""
    if door.closed:
        say(closed)
        prompt("")
        return False
    while True:
        try:
            if door.opens(prompt(QUESTION), prompt):
                return True
            say("That is none of them.")
        except PatronusError as error:
            say(str(error))
        time.sleep(WRONG_S)
