# SPDX-License-Identifier: GPL-2.0-or-later
"""The way in for who is at the machine: set-up with the code on its console, the first time and in need.

It is open on a router that nobody has set up; where the accounts cannot be read; and where the machine was
given the credential ``patronus.reset-accounts``, whose content counts once. Never otherwise. What was there
before is kept beside the new file, and opens nothing.
"""

from __future__ import annotations

import hashlib
import json
import logging
from dataclasses import asdict
from pathlib import Path
from typing import Literal

from patronus.core.control import Clock
from patronus.core.errors import Conflict, NotPermitted
from patronus.secrets import setup
from patronus.secrets.accounts import AccountStore, write_private
from patronus.secrets.register import ADMIN, Account, Register
from patronus.secrets.setup import SetupCode

log = logging.getLogger(__name__)

Reason = Literal["new", "damaged", "reset"]


class WayIn:
    """Whether set-up is open, why, and by which code.

    ``fresh_code`` is the code to print, where this start made one: a restarted daemon keeps what was printed.
    """

    def __init__(self, store: AccountStore, file: Path, clock: Clock, reset: str | None) -> None:
        self._store = store
        self._file = file
        self._clock = clock
        self._reset = hashlib.sha256(reset.encode(errors="surrogatepass")).hexdigest() if reset else None
        self._code = _read(file, clock.boot_id)
        self.fresh_code: str | None = None

    @property
    def reason(self) -> Reason | None:
        """Return why set-up is open; None where it is closed."""
        if self._store.complaint is not None:
            return "damaged"
        if not self._store.register.set_up:
            return "new"
        return "reset" if self._reset is not None and self._reset != self._store.register.reset else None

    def notice(self) -> str | None:
        """Return what a person should know of an open way in that is not the first."""
        if self.reason == "damaged":
            return (
                f"nobody can log in, the accounts cannot be read: {self._store.complaint}; set the router up "
                "again with the code on its console"
            )
        if self.reason == "reset":
            return (
                "patronus.reset-accounts was given: the code on the console makes a new administrator, alone"
            )
        return None

    def renew_code(self) -> None:
        """Make the code of this boot, unless it has one for the same reason; none where set-up is closed.

        Raises StorageError.
        """
        reason = self.reason
        if reason is None:
            self._forget()
        elif self._code is None or self._code.reason != reason:
            self.fresh_code, self._code = setup.generate(self._clock.boot_id, reason)
            write_private(self._file, asdict(self._code), durable=False)

    def check_open(self) -> None:
        """Raise Conflict where set-up is closed."""
        if self.reason is None:
            raise Conflict("the router has been set up; log in")

    def check_code(self, text: str) -> None:
        """Raise NotPermitted where this is not the code that the console shows."""
        if self._code is None or not self._code.matches(text, self._clock.boot_id):
            raise NotPermitted("this is not the set-up code that the console shows")

    def make_first(self, name: str, password: str) -> None:
        """Make an administrator, alone, from a password's hash, and close. Raises Conflict, StorageError."""
        self.check_open()
        first = Account(name=name, role=ADMIN, password=password)
        reason = self.reason
        reset = self._store.register.reset if self._reset is None else self._reset
        aside = "before-reset" if reason == "reset" else None
        self._store.keep(Register(accounts=(first,), set_up=True, reset=reset), aside=aside)
        self._forget()
        if reason != "new":
            log.critical("the accounts were made anew (%s): %s is the only one", reason, name)

    def _forget(self) -> None:
        """Take the code's file away; one that stays opens nothing while set-up is closed."""
        try:
            self._file.unlink(missing_ok=True)
        except OSError as error:
            log.warning("%s stays: %s", self._file, error.strerror)


def _read(file: Path, boot_id: str) -> SetupCode | None:
    try:
        code = SetupCode(**json.loads(file.read_bytes()))
    except (OSError, ValueError, TypeError):
        return None
    return code if code.boot_id == boot_id and isinstance(code.digest, str) else None
