# SPDX-License-Identifier: GPL-2.0-or-later
"""The verbs of accounts and sessions. Pure: each hands its parameters to the doorkeeper."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from patronus.core.errors import NotPermitted
from patronus.core.verb import Caller, Done, Nothing, Parameters, Result, Role, Secret, Verb

if TYPE_CHECKING:
    from patronus.secrets.service import Doorkeeper
    from patronus.secrets.sessions import Session

AccountName = Annotated[
    str,
    Field(pattern=r"^[a-z][a-z0-9._-]{0,31}$", description="small letters, digits, . _ -; a letter first"),
]
GivenPassword = Annotated[Secret, Field(description="at least 10 characters")]
RoleName = Literal["viewer", "operator", "admin"]


class SetUp(Parameters):
    """The first administrator, by whoever can read the console."""

    code: Secret = Field(description="the one-time code on the console; case and dashes are free")
    name: AccountName = "admin"
    password: GivenPassword


class LogIn(Parameters):
    """Who wants to come in."""

    name: str = Field(max_length=64)
    password: Secret


class ChangePassword(Parameters):
    """The caller's passwords."""

    old: Secret = Field(description="the password until now")
    new: GivenPassword


class NewAccount(Parameters):
    """An account to add."""

    name: AccountName
    role: RoleName
    password: GivenPassword


class SetPassword(Parameters):
    """A new password for somebody else."""

    name: AccountName
    password: GivenPassword


class Named(Parameters):
    """An account."""

    name: AccountName


class SetUpState(Result):
    """Whether set-up is still to be done."""

    needed: bool


class Entry(Result):
    """A session that began: the token to send with each call, and when it ends."""

    token: str
    name: str
    role: RoleName
    expires_in_s: float = Field(description="seconds until it ends unless it is used")
    ends_in_s: float = Field(description="seconds until it ends in any case")


class Identity(Result):
    """Who the caller is."""

    name: str
    role: str
    origin: str
    session: bool = Field(description="whether the caller came by a session")


class AccountView(Result):
    """An account without its password."""

    name: str
    role: RoleName


class AccountList(Result):
    """All accounts."""

    accounts: list[AccountView]


class AccountVerbs:
    """The verbs' handlers."""

    def __init__(self, doorkeeper: Doorkeeper) -> None:
        self._doorkeeper = doorkeeper

    def state(self, caller: Caller, given: Nothing) -> SetUpState:  # noqa: ARG002
        """Tell whether the router still waits to be set up."""
        return SetUpState(needed=self._doorkeeper.setup_needed)

    def set_up(self, caller: Caller, given: SetUp) -> Entry:
        """Make the first administrator with the one-time code; closed for ever after."""
        token, session = self._doorkeeper.set_up(caller, given.code, given.name, given.password)
        return _entry(token, session, Role.ADMIN)

    def log_in(self, caller: Caller, given: LogIn) -> Entry:
        """Begin a session by name and password."""
        return _entry(*self._doorkeeper.log_in(caller, given.name, given.password))

    def log_out(self, caller: Caller, given: Nothing) -> Done:  # noqa: ARG002
        """End the session that calls."""
        self._doorkeeper.log_out(caller)
        return Done()

    def who_am_i(self, caller: Caller, given: Nothing) -> Identity:  # noqa: ARG002
        """Tell who calls and with which role."""
        return Identity(
            name=caller.name,
            role=caller.role.name.lower(),
            origin=caller.origin,
            session=caller.session is not None,
        )

    def change_password(self, caller: Caller, given: ChangePassword) -> Done:
        """Change the caller's own password; their other sessions end."""
        self._doorkeeper.change_password(caller, given.old, given.new)
        return Done()

    def list(self, caller: Caller, given: Nothing) -> AccountList:  # noqa: ARG002
        """List the accounts."""
        found = self._doorkeeper.accounts()
        return AccountList(accounts=[AccountView(name=a.name, role=_role_name(a.role)) for a in found])

    def add(self, caller: Caller, given: NewAccount) -> Done:  # noqa: ARG002
        """Add an account."""
        self._doorkeeper.add(given.name, Role[given.role.upper()], given.password)
        return Done()

    def set_password(self, caller: Caller, given: SetPassword) -> Done:
        """Give an account a new password; all its sessions end."""
        if given.name == caller.name and caller.session:
            raise NotPermitted("your own password needs the old one: accounts.ChangePassword")
        self._doorkeeper.set_password(given.name, given.password)
        return Done()

    def remove(self, caller: Caller, given: Named) -> Done:  # noqa: ARG002
        """Remove an account; its sessions end at once."""
        self._doorkeeper.remove(given.name)
        return Done()


def verbs(doorkeeper: Doorkeeper) -> list[Verb[Any, Any]]:
    """Return the verbs of accounts and sessions."""
    do = AccountVerbs(doorkeeper)
    none, viewer, admin = Role.NONE, Role.VIEWER, Role.ADMIN
    own, any_password = "PUT /session/password", "PUT /accounts/{name}/password"
    return [
        Verb("accounts.SetUpState", Nothing, SetUpState, do.state, none, "GET /set-up"),
        Verb("accounts.SetUp", SetUp, Entry, do.set_up, none, "POST /set-up", changes=True),
        Verb("accounts.LogIn", LogIn, Entry, do.log_in, none, "POST /session", changes=True),
        Verb("accounts.LogOut", Nothing, Done, do.log_out, viewer, "DELETE /session", changes=True),
        Verb("accounts.WhoAmI", Nothing, Identity, do.who_am_i, viewer, "GET /session"),
        Verb(
            "accounts.ChangePassword",
            ChangePassword,
            Done,
            do.change_password,
            viewer,
            own,
            changes=True,
        ),
        Verb("accounts.List", Nothing, AccountList, do.list, admin, "GET /accounts"),
        Verb("accounts.Add", NewAccount, Done, do.add, admin, "POST /accounts", changes=True),
        Verb("accounts.SetPassword", SetPassword, Done, do.set_password, admin, any_password, changes=True),
        Verb("accounts.Remove", Named, Done, do.remove, admin, "DELETE /accounts/{name}", changes=True),
    ]


def _role_name(role: Role) -> Any:
    return role.name.lower()


def _entry(token: str, session: Session, role: Role) -> Entry:
    return Entry(
        token=token,
        name=session.account,
        role=_role_name(role),
        expires_in_s=session.ends() - session.used,
        ends_in_s=session.absolute_end() - session.used,
    )
