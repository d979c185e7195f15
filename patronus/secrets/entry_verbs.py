# SPDX-License-Identifier: GPL-2.0-or-later
"""The verbs of coming in: set-up, log-in, the own session and password. Pure: each asks the doorkeeper."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from patronus.core.verb import Caller, Done, Nothing, Parameters, Result, Role, Secret, Verb
from patronus.secrets.register import NAME

if TYPE_CHECKING:
    from patronus.secrets.service import Doorkeeper
    from patronus.secrets.sessions import Session

GivenPassword = Annotated[Secret, Field(description="at least 10 characters")]
SomeCode = Annotated[Secret, Field(description="a code of the authenticator app, or a recovery code")]


class SetUp(Parameters):
    """The first administrator, by whoever can read the console."""

    code: Secret = Field(description="the one-time code on the console; case and dashes are free")
    name: str = Field(
        default="admin", pattern=NAME, description="small letters, digits, . _ -; a letter first"
    )
    password: GivenPassword


class LogIn(Parameters):
    """Who wants to come in."""

    name: str = Field(max_length=64)
    password: Secret
    code: SomeCode | None = Field(default=None, json_schema_extra={"writeOnly": True})


class FinishLogIn(Parameters):
    """The second step of a log-in."""

    challenge: Secret = Field(description="what the error SecondFactorNeeded brought")
    code: SomeCode


class ChangePassword(Parameters):
    """The caller's passwords."""

    old: Secret = Field(description="the password until now")
    new: GivenPassword


class SetUpState(Result):
    """Whether set-up is open: it is closed once there is an administrator."""

    needed: bool
    reason: Literal["new", "damaged", "reset"] | None = Field(
        description="new: never set up; damaged: the accounts cannot be read; reset: its owner asked for it"
    )


class Entry(Result):
    """A session that began: the token to send with each call, and when it ends."""

    token: str
    name: str
    role: str
    expires_in_s: float = Field(description="seconds until it ends unless it is used")
    ends_in_s: float = Field(description="seconds until it ends in any case")


class GrantView(Result):
    """What a role allows: what needs no more than ``base``, and the verbs or patterns beside it."""

    name: str
    base: str
    verbs: list[str]


class Identity(Result):
    """Who the caller is, and what they may."""

    name: str
    role: str
    origin: str
    session: bool = Field(description="whether the caller came by a session")
    base: str = Field(description="the built-in role that the caller has at least")
    grants: list[GrantView] = Field(description="all of them must allow a verb; empty: base decides")
    second_factor: bool = Field(description="whether a log-in asks for a code")
    recovery_codes: int = Field(description="recovery codes that are left")


class EntryVerbs:
    """The verbs' handlers."""

    def __init__(self, doorkeeper: Doorkeeper) -> None:
        self._doorkeeper = doorkeeper

    def verbs(self) -> list[Verb[Any, Any]]:
        """Return the verbs."""
        open_to_all: tuple[tuple[str, Any, Any, Any, str], ...] = (
            ("accounts.SetUpState", Nothing, SetUpState, self.state, "GET /set-up"),
            ("accounts.SetUp", SetUp, Entry, self.set_up, "POST /set-up"),
            ("accounts.LogIn", LogIn, Entry, self.log_in, "POST /session"),
            ("accounts.FinishLogIn", FinishLogIn, Entry, self.finish, "POST /session/code"),
        )
        own: tuple[tuple[str, Any, Any, Any, str], ...] = (
            ("accounts.LogOut", Nothing, Done, self.log_out, "DELETE /session"),
            ("accounts.WhoAmI", Nothing, Identity, self.who_am_i, "GET /session"),
            ("accounts.ChangePassword", ChangePassword, Done, self.change_password, "PUT /session/password"),
        )
        return [
            Verb(
                name,
                given,
                result,
                do,
                role,
                route,
                changes=not route.startswith("GET"),
                own=role is not Role.NONE,
            )
            for declared, role in ((open_to_all, Role.NONE), (own, Role.VIEWER))
            for name, given, result, do, route in declared
        ]

    def state(self, caller: Caller, given: Nothing) -> SetUpState:  # noqa: ARG002
        """Tell whether the router waits to be set up, and why."""
        reason = self._doorkeeper.way_in.reason
        return SetUpState(needed=reason is not None, reason=reason)

    def set_up(self, caller: Caller, given: SetUp) -> Entry:
        """Make the first administrator with the one-time code; closed after."""
        token, session = self._doorkeeper.set_up(caller, given.code, given.name, given.password)
        return _entry(token, session, "admin")

    def log_in(self, caller: Caller, given: LogIn) -> Entry:
        """Begin a session by name and password, and a code where the account wants one."""
        token, session, account = self._doorkeeper.log_in(caller, given.name, given.password, given.code)
        return _entry(token, session, account.role)

    def finish(self, caller: Caller, given: FinishLogIn) -> Entry:
        """Begin the session of a log-in that wanted a code, by that code."""
        token, session, account = self._doorkeeper.finish_log_in(caller, given.challenge, given.code)
        return _entry(token, session, account.role)

    def log_out(self, caller: Caller, given: Nothing) -> Done:  # noqa: ARG002
        """End the session that calls; a caller without one has nothing to end."""
        if caller.session:
            self._doorkeeper.passes.end(caller.session)
        return Done()

    def who_am_i(self, caller: Caller, given: Nothing) -> Identity:  # noqa: ARG002
        """Tell who calls and what they may."""
        factor = self._doorkeeper.own_account(caller).second_factor if caller.session else None
        base = caller.role.name.lower()
        return Identity(
            name=caller.name,
            role=" and ".join(grant.name for grant in caller.grants) or base,
            origin=caller.origin,
            session=caller.session is not None,
            base=base,
            grants=[
                GrantView(name=grant.name, base=grant.base.name.lower(), verbs=list(grant.verbs))
                for grant in caller.grants
            ],
            second_factor=factor is not None,
            recovery_codes=len(factor.recovery) if factor else 0,
        )

    def change_password(self, caller: Caller, given: ChangePassword) -> Done:
        """Change the caller's own password; their other sessions end."""
        self._doorkeeper.change_password(caller, given.old, given.new)
        return Done()


def _entry(token: str, session: Session, role: str) -> Entry:
    return Entry(
        token=token,
        name=session.account,
        role=role,
        expires_in_s=session.ends() - session.used,
        ends_in_s=session.absolute_end() - session.used,
    )
