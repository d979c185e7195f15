# SPDX-License-Identifier: GPL-2.0-or-later
"""What asks at the console after the boot entry *Recovery* (``patronus-recovery@.service``).

No daemon runs then, the network is shut, and nothing can be written. Who knows the password of an
administrator, or the recovery password of the vault, gets a root shell; nobody else gets anything.
"""

from __future__ import annotations

import argparse
import getpass
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from patronus.core.errors import NotPermitted, PatronusError
from patronus.core.files import SECRETS
from patronus.kernel.host import Places
from patronus.secrets.accounts import AccountStore
from patronus.secrets.keyring import RECOVERY, stretching_of, unwrap
from patronus.secrets.password.service import PasswordService
from patronus.secrets.register import ADMIN

WRONG_S = 3.0
"""Seconds before the next try."""
WELCOME = """
Recovery: no service runs, the network is shut, and the disk is read-only. reboot -f leaves.
"""
CLOSED = """
Recovery needs an administrator of this router, or the recovery password of its vault, and there is neither.
Start it as ever and set it up with the code on its console, or choose Factory reset. It restarts at Enter.
"""
SHELL = ("/bin/bash", "--login")
AGAIN = ("/usr/bin/systemctl", "--force", "--force", "reboot")
"""Without the bus, which does not run."""


@dataclass(frozen=True)
class Door:
    """What opens: the hashes of the administrators' passwords, and the keyring that a password opens."""

    hashes: tuple[str, ...]
    keyring: bytes | None
    passwords: PasswordService

    @classmethod
    def of(cls, places: Places) -> Door:
        """Return the door of the router whose files lie there; accounts that cannot be read open nothing."""
        register = AccountStore(places.state / "accounts" / "accounts.json").register
        hashes = tuple(one.password for one in register.accounts if one.role == ADMIN and not one.disabled)
        wrapped = places.config / SECRETS / RECOVERY
        return cls(hashes, wrapped.read_bytes() if wrapped.exists() else None, PasswordService())

    @property
    def closed(self) -> bool:
        """Whether nothing opens it."""
        return not self.hashes and self.keyring is None

    def opens(self, given: str) -> bool:
        """Return whether this password does. Raises Unavailable, StorageError."""
        if any(self.passwords.matches(stored, given, known=True) for stored in self.hashes):
            return True
        if self.keyring is None:
            return False
        try:
            unwrap(self.keyring, self.passwords.stretch(given, stretching_of(self.keyring)))
        except NotPermitted:
            return False
        return True


def ask(door: Door, prompt: Callable[[str], str], say: Callable[[str], None]) -> bool:
    """Ask until a password opens; return False where none can."""
    if door.closed:
        say(CLOSED)
        prompt("")
        return False
    while True:
        try:
            if door.opens(prompt("Password of an administrator, or the vault's recovery password: ")):
                say(WELCOME)
                return True
            say("That is none of them.")
        except PatronusError as error:
            say(str(error))
        time.sleep(WRONG_S)


def main() -> None:
    """Ask, and become the shell."""
    parser = argparse.ArgumentParser(prog="patronus.daemon.recover", description=__doc__)
    parser.add_argument("--root", type=Path, help="the router's files lie below this folder instead of /")
    given = parser.parse_args()
    door = Door.of(Places.below(given.root) if given.root else Places())
    try:
        command = SHELL if ask(door, getpass.getpass, say) else AGAIN
    except (EOFError, KeyboardInterrupt):
        sys.exit("")  # it is started again, and asks again
    os.execv(command[0], command)  # noqa: S606 - what this program is for


def say(text: str) -> None:
    """Show a text at this console."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
