# SPDX-License-Identifier: GPL-2.0-or-later
"""The verbs of the second factor. Pure: each asks the doorkeeper."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import Field

from patronus.core.verb import Caller, Done, Parameters, Result, Role, Secret, Verb
from patronus.secrets.account_verbs import Named, account_subject

if TYPE_CHECKING:
    from patronus.secrets.service import Doorkeeper


class Begin(Parameters):
    """Proof that it is the account's owner who asks."""

    password: Secret


class Confirm(Parameters):
    """The first code."""

    code: Secret = Field(description="a code that the app shows now")


class Proof(Parameters):
    """Proof that it is the account's owner who asks, by both factors."""

    password: Secret
    code: Secret = Field(description="a code of the app, or a recovery code")


class Begun(Result):
    """What an authenticator app needs; nothing asks for its codes before the first was confirmed."""

    secret: str = Field(description="base 32, to type where no camera is at hand")
    uri: str = Field(description="otpauth:// address, for a QR code")


class RecoveryCodes(Result):
    """Recovery codes, each good for one log-in; not readable later."""

    codes: list[str]


class TotpVerbs:
    """The verbs' handlers."""

    def __init__(self, doorkeeper: Doorkeeper) -> None:
        self._doorkeeper = doorkeeper
        self._factors = doorkeeper.factors

    def verbs(self) -> list[Verb[Any, Any]]:
        """Return the verbs."""
        path = "/session/totp"
        own: tuple[tuple[str, Any, Any, Any, str], ...] = (
            ("totp.Begin", Begin, Begun, self.begin, f"POST {path}"),
            ("totp.Confirm", Confirm, RecoveryCodes, self.confirm, f"PUT {path}"),
            ("totp.RenewCodes", Proof, RecoveryCodes, self.renew, f"POST {path}/codes"),
            ("totp.End", Proof, Done, self.end, f"DELETE {path}"),
        )
        verbs = [
            Verb(name, given, result, do, route=route, changes=True, own=True)
            for name, given, result, do, route in own
        ]
        others = "DELETE /accounts/{name}/totp"
        reset = Verb("totp.Reset", Named, Done, self.reset, Role.ADMIN, others, changes=True, reserved=True,
                     subject=self._account)  # fmt: skip
        return [*verbs, reset]

    def _account(self, given: Named) -> dict[str, Any]:
        return account_subject(self._doorkeeper.registrar.accounts(), given.name)

    def begin(self, caller: Caller, given: Begin) -> Begun:
        """Make the secret of a second factor for the caller's account."""
        account = self._doorkeeper.prove(caller, given.password)
        secret, uri = self._factors.begin(account.name)
        return Begun(secret=secret, uri=uri)

    def confirm(self, caller: Caller, given: Confirm) -> RecoveryCodes:
        """Ask for codes from now on, once the app has shown that it makes them; other sessions end."""
        return RecoveryCodes(codes=self._doorkeeper.confirm_second_factor(caller, given.code))

    def renew(self, caller: Caller, given: Proof) -> RecoveryCodes:
        """Make new recovery codes for the caller's account; the old ones open nothing any more."""
        account = self._doorkeeper.prove(caller, given.password, given.code)
        return RecoveryCodes(codes=self._factors.renew_codes(account.name))

    def end(self, caller: Caller, given: Proof) -> Done:
        """Ask the caller for no code any more."""
        self._factors.end(self._doorkeeper.prove(caller, given.password, given.code).name)
        return Done()

    def reset(self, caller: Caller, given: Named) -> Done:  # noqa: ARG002
        """Take the second factor from an account whose owner has lost it; its sessions end."""
        self._factors.end(given.name)
        self._doorkeeper.registrar.end_sessions(given.name)
        return Done()
