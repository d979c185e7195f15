# SPDX-License-Identifier: GPL-2.0-or-later
"""The verbs by which an administrator looks after accounts. Pure: each asks the registrar."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from patronus.core.errors import NotPermitted
from patronus.core.verb import Caller, Done, Nothing, Parameters, Result, Role, Secret, Verb
from patronus.secrets.register import Account, Name

if TYPE_CHECKING:
    from patronus.secrets.registrar import Registrar

RoleName = Annotated[str, Field(max_length=32, description="viewer, operator, admin, or a role of your own")]
GivenPassword = Annotated[Secret, Field(description="at least 10 characters")]


class NewAccount(Parameters):
    """An account to add."""

    name: Name
    role: RoleName
    password: GivenPassword


class SetPassword(Parameters):
    """A new password for somebody else."""

    name: Name
    password: GivenPassword


class ChangeRole(Parameters):
    """A new role for an account."""

    name: Name
    role: RoleName


class Named(Parameters):
    """An account."""

    name: Name


class AccountView(Result):
    """An account without its password."""

    name: str
    role: str
    disabled: bool
    second_factor: bool = Field(description="whether a log-in asks for a code")


class AccountList(Result):
    """All accounts."""

    accounts: list[AccountView]


def account_view(account: Account) -> AccountView:
    """Return what may be seen of an account."""
    return AccountView(
        name=account.name,
        role=account.role,
        disabled=account.disabled,
        second_factor=account.second_factor is not None,
    )


def account_subject(accounts: Iterable[Account], name: str) -> dict[str, Any]:
    """Return the account as the audit log has it, nothing where there is none of the name."""
    found = (account_view(account).model_dump() for account in accounts if account.name == name)
    return next(found, {})


class AccountVerbs:
    """The verbs' handlers."""

    def __init__(self, registrar: Registrar) -> None:
        self._registrar = registrar

    def verbs(self) -> list[Verb[Any, Any]]:
        """Return the verbs: all for administrators, and in no custom role."""
        one = "/accounts/{name}"
        declared: tuple[tuple[str, Any, Any, Any, str], ...] = (
            ("accounts.List", Nothing, AccountList, self.list, "GET /accounts"),
            ("accounts.Add", NewAccount, Done, self.add, "POST /accounts"),
            ("accounts.SetPassword", SetPassword, Done, self.set_password, f"PUT {one}/password"),
            ("accounts.ChangeRole", ChangeRole, Done, self.change_role, f"PUT {one}/role"),
            ("accounts.Disable", Named, Done, self.disable, f"POST {one}/disable"),
            ("accounts.Enable", Named, Done, self.enable, f"POST {one}/enable"),
            ("accounts.Remove", Named, Done, self.remove, f"DELETE {one}"),
        )
        return [
            Verb(
                name,
                given,
                result,
                do,
                role=Role.ADMIN,
                route=route,
                changes=not route.startswith("GET"),
                reserved=True,
                subject=self._account if "name" in given.model_fields else None,
            )
            for name, given, result, do, route in declared
        ]

    def list(self, caller: Caller, given: Nothing) -> AccountList:  # noqa: ARG002
        """List the accounts."""
        return AccountList(accounts=[account_view(account) for account in self._registrar.accounts()])

    def _account(self, given: NewAccount | SetPassword | ChangeRole | Named) -> dict[str, Any]:
        return account_subject(self._registrar.accounts(), given.name)

    def add(self, caller: Caller, given: NewAccount) -> Done:  # noqa: ARG002
        """Add an account."""
        self._registrar.add(given.name, given.role, given.password)
        return Done()

    def set_password(self, caller: Caller, given: SetPassword) -> Done:
        """Give an account a new password; all its sessions end."""
        if given.name == caller.name and caller.session:
            raise NotPermitted("your own password needs the old one: accounts.ChangePassword")
        self._registrar.set_password(given.name, given.password)
        return Done()

    def change_role(self, caller: Caller, given: ChangeRole) -> Done:  # noqa: ARG002
        """Give an account another role, from its next call on; the last administrator keeps theirs."""
        self._registrar.change_role(given.name, given.role)
        return Done()

    def disable(self, caller: Caller, given: Named) -> Done:  # noqa: ARG002
        """Let an account in no more, nor its tokens, and end its sessions; never the last administrator."""
        self._registrar.disable(given.name)
        return Done()

    def enable(self, caller: Caller, given: Named) -> Done:  # noqa: ARG002
        """Let a disabled account in again."""
        self._registrar.enable(given.name)
        return Done()

    def remove(self, caller: Caller, given: Named) -> Done:  # noqa: ARG002
        """Remove an account; its sessions and tokens end at once."""
        self._registrar.remove(given.name)
        return Done()
