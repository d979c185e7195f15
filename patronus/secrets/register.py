# SPDX-License-Identifier: GPL-2.0-or-later
"""The register of who may come in: accounts, roles of one's own, API tokens. Pure: values and their rules.

What is kept of passwords, tokens and codes are hashes. A register that has had an administrator who can log
in always has one.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from patronus.core.errors import Conflict, InvalidRequest, NotFound
from patronus.core.verb import Grant, Role

NAME = r"^[a-z][a-z0-9._-]{0,31}$"
Name = Annotated[str, Field(pattern=NAME, description="small letters, digits, . _ -; a letter first")]
Pattern = Annotated[
    str,
    Field(
        pattern=r"^(\*|[a-z][a-z0-9_-]{0,31}\.(\*|[A-Z][A-Za-z0-9]{0,63}\*?))$",
        description="a verb, dns.FlushCache, or a pattern: dns.*, firewall.List*, *",
    ),
]
BaseRole = Literal["none", "viewer", "operator"]
BUILT_IN = {role.name.lower(): Grant(role.name.lower(), role) for role in Role if role is not Role.NONE}
ADMIN = "admin"


class Kept(BaseModel):
    """Base of what stands in the file; an unknown key is damage."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class SecondFactor(Kept):
    """The second factor of an account; its secret lies in the vault.

    last_step   the time step of the last code that was taken: none is taken twice (RFC 6238 section 5.2).
    recovery    hashes of the recovery codes that have not been used.
    """

    last_step: int
    recovery: tuple[str, ...]


class Account(Kept):
    """One person or program that may come in; ``password`` is an Argon2id hash.

    ``sources`` are where they came in from, newest first: guessing from elsewhere does not slow these down.
    """

    name: Name
    role: str
    password: str
    disabled: bool = False
    second_factor: SecondFactor | None = None
    sources: tuple[str, ...] = ()


class CustomRole(Kept):
    """A role of one's own: a base, and verbs beyond it."""

    name: Name
    base: BaseRole
    verbs: tuple[Pattern, ...]

    @model_validator(mode="after")
    def _is_new(self) -> Self:
        if self.name in BUILT_IN or self.name == "none":
            raise ValueError(f"{self.name} is a built-in role")
        return self

    @property
    def grant(self) -> Grant:
        """Return what the role allows."""
        return Grant(self.name, Role[self.base.upper()], self.verbs)


class ApiToken(Kept):
    """A token of an account, for a program; it may what both its own role and its account's role allow.

    ``digest`` is the SHA-256 of its text; ``created`` and ``expires`` are seconds since the epoch.
    """

    identifier: str
    digest: str
    name: Name
    account: Name
    role: str
    created: float
    expires: float


class Register(Kept):
    """The whole file. ``set_up`` stays True; ``reset`` is the hash of the last reset's word."""

    schema_version: Literal[2] = 2
    accounts: tuple[Account, ...] = ()
    roles: tuple[CustomRole, ...] = ()
    tokens: tuple[ApiToken, ...] = ()
    set_up: bool = False
    reset: str | None = None

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        for what, names in (
            ("account", [account.name for account in self.accounts]),
            ("role", [role.name for role in self.roles]),
            ("token", [token.identifier for token in self.tokens]),
        ):
            if len(set(names)) < len(names):
                raise ValueError(f"a {what} stands in it twice")
        holders: list[Account | ApiToken] = [*self.accounts, *self.tokens]
        for holder in holders:
            if self.grant(holder.role) is None:
                raise ValueError(f"{holder.name} has the role {holder.role}, which does not exist")
        if lost := {token.account for token in self.tokens} - {account.name for account in self.accounts}:
            raise ValueError(f"a token belongs to {min(lost)}, who does not exist")
        return self

    def find(self, name: str) -> Account | None:
        """Return the account of that name, if there is one."""
        return next((account for account in self.accounts if account.name == name), None)

    def account(self, name: str) -> Account:
        """Return the account of that name. Raises NotFound."""
        if (found := self.find(name)) is None:
            raise NotFound(f"there is no account {name!r}")
        return found

    def grant(self, role: str) -> Grant | None:
        """Return what a role allows; None where there is no such role."""
        own = next((own for own in self.roles if own.name == role), None)
        return BUILT_IN.get(role) if own is None else own.grant

    def wanted(self, role: str) -> Grant:
        """Return what a role allows. Raises InvalidRequest, naming those that exist."""
        if (found := self.grant(role)) is None:
            known = ", ".join([*BUILT_IN, *(own.name for own in self.roles)])
            raise InvalidRequest(f"there is no role {role!r}: {known}")
        return found

    def with_new(self, account: Account) -> Register:
        """Add an account; set-up is over with the first. Raises Conflict, InvalidRequest."""
        if self.find(account.name) is not None:
            raise Conflict(f"there is an account {account.name!r} already")
        self.wanted(account.role)
        return self.model_copy(update={"accounts": (*self.accounts, account), "set_up": True})

    def with_changed(self, account: Account) -> Register:
        """Put an account in the place of the one of its name. Raises NotFound, Conflict, InvalidRequest."""
        self.account(account.name)
        self.wanted(account.role)
        return self._with(account if old.name == account.name else old for old in self.accounts)

    def without(self, name: str) -> Register:
        """Remove an account and its tokens. Raises NotFound; Conflict for the last administrator."""
        self.account(name)
        rest = self._with(account for account in self.accounts if account.name != name)
        return rest.model_copy(update={"tokens": tuple(t for t in self.tokens if t.account != name)})

    def with_role(self, role: CustomRole) -> Register:
        """Add a role, or put it in the place of the one of its name."""
        others = tuple(other for other in self.roles if other.name != role.name)
        return self.model_copy(update={"roles": (*others, role)})

    def without_role(self, name: str) -> Register:
        """Remove a role. Raises NotFound; Conflict while somebody has it."""
        if all(role.name != name for role in self.roles):
            raise NotFound(f"there is no role {name!r} of your own")
        held = [account.name for account in self.accounts if account.role == name]
        held += [f"the token {token.name}" for token in self.tokens if token.role == name]
        if held:
            raise Conflict(f"the role {name} is held by {', '.join(held)}")
        return self.model_copy(update={"roles": tuple(role for role in self.roles if role.name != name)})

    def with_tokens(self, tokens: Iterable[ApiToken]) -> Register:
        """Put these tokens in the place of all."""
        return self.model_copy(update={"tokens": tuple(tokens)})

    def _with(self, accounts: Iterable[Account]) -> Register:
        new = self.model_copy(update={"accounts": tuple(accounts)})
        if self._has_administrator() and not new._has_administrator():
            raise Conflict("the last administrator stays, enabled and with their role")
        return new

    def _has_administrator(self) -> bool:
        return any(account.role == ADMIN and not account.disabled for account in self.accounts)
