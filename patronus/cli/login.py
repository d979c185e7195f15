# SPDX-License-Identifier: GPL-2.0-or-later
"""A session of a person's own for the length of one command: for what root cannot do in their place."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from patronus.cli.commands.secret import password
from patronus.cli.session import Session
from patronus.core.errors import SecondFactorNeeded

CODE = "Code of the app, or a recovery code"


@dataclass(frozen=True)
class Person:
    """Somebody who has logged in, and the password they typed."""

    session: Session
    token: str
    password: str

    def call(self, verb: str, **parameters: Any) -> dict[str, Any]:
        """Call a verb as this person."""
        return self.session.client.call(verb, parameters, session=self.token)


@contextmanager
def logged_in(session: Session, name: str) -> Iterator[Person]:
    """Ask for password, and code where one is wanted; log in, and out again at the end."""
    given = password(f"Password of {name}")
    try:
        entry = session.call("accounts.LogIn", name=name, password=given)
    except SecondFactorNeeded as needed:
        entry = session.call("accounts.FinishLogIn", challenge=needed.challenge, code=password(CODE))
    person = Person(session, entry["token"], given)
    try:
        yield person
    finally:
        person.call("accounts.LogOut")
