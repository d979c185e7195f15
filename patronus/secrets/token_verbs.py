# SPDX-License-Identifier: GPL-2.0-or-later
"""The verbs of API tokens: made, listed, revoked. Pure: each asks who hands them out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import Field

from patronus.core.errors import InvalidRequest, NotFound, NotPermitted
from patronus.core.verb import Caller, Done, Nothing, Parameters, Result, Role, Verb
from patronus.secrets.account_verbs import RoleName
from patronus.secrets.register import Name

if TYPE_CHECKING:
    from patronus.secrets.bearers import Bearers
    from patronus.secrets.register import ApiToken

MONTH_S = 30 * 86400.0


class NewToken(Parameters):
    """An API token to make."""

    name: Name = Field(description="what it is for; the audit log names it")
    role: RoleName = Field(description="what it may, and never more than its account may")
    life_s: float = Field(default=MONTH_S, gt=0, description="seconds until it expires; at most 366 days")
    account: Name | None = Field(default=None, description="whose it is; without it the caller's")


class NamedToken(Parameters):
    """A token."""

    id: str = Field(max_length=64, description="as tokens.List names it")


class MadeToken(Result):
    """A new token; its text is not readable later."""

    id: str
    token: str = Field(description="send it as `Authorization: Bearer`, or as the parameter session")
    expires: float = Field(description="seconds since the epoch")


class TokenView(Result):
    """A token without its text."""

    id: str
    name: str
    account: str
    role: str
    created: float = Field(description="seconds since the epoch")
    expires: float = Field(description="seconds since the epoch")


class TokenList(Result):
    """API tokens."""

    tokens: list[TokenView]


class TokenVerbs:
    """The verbs' handlers."""

    def __init__(self, bearers: Bearers) -> None:
        self._bearers = bearers

    def verbs(self) -> list[Verb[Any, Any]]:
        """Return the verbs."""
        viewer, one = Role.VIEWER, "DELETE /tokens/{id}"
        return [
            Verb("tokens.List", Nothing, TokenList, self.list, viewer, "GET /tokens", own=True),
            Verb("tokens.Add", NewToken, MadeToken, self.add, viewer, "POST /tokens", changes=True, own=True),
            Verb("tokens.Revoke", NamedToken, Done, self.revoke, viewer, one, changes=True, own=True,
                 subject=self._token),
        ]  # fmt: skip

    def list(self, caller: Caller, given: Nothing) -> TokenList:  # noqa: ARG002
        """List the caller's API tokens; to administrators, everybody's."""
        return TokenList(
            tokens=[_view(token) for token in self._bearers.tokens() if _concerns(caller, token.account)]
        )

    def _token(self, given: NamedToken) -> dict[str, Any]:
        found = (
            _view(token).model_dump() for token in self._bearers.tokens() if token.identifier == given.id
        )
        return next(found, {})

    def add(self, caller: Caller, given: NewToken) -> MadeToken:
        """Make an API token and return its text, once; a token makes none."""
        if caller.token is not None:
            raise NotPermitted("a token cannot make tokens")
        account = given.account or (caller.account if caller.session else None)
        if account is None:
            raise InvalidRequest("account: say whose token it is")
        if not _concerns(caller, account):
            raise NotPermitted("only administrators make tokens for others")
        text, token = self._bearers.add(account, given.name, given.role, given.life_s)
        return MadeToken(id=token.identifier, token=text, expires=token.expires)

    def revoke(self, caller: Caller, given: NamedToken) -> Done:
        """Revoke an API token at once: one's own, or as an administrator anybody's."""
        if not _concerns(caller, self._bearers.get(given.id).account):
            raise NotFound(f"there is no token {given.id!r}")
        self._bearers.revoke(given.id)
        return Done()


def _concerns(caller: Caller, account: str) -> bool:
    return caller.role is Role.ADMIN or caller.account == account


def _view(token: ApiToken) -> TokenView:
    return TokenView(
        id=token.identifier,
        name=token.name,
        account=token.account,
        role=token.role,
        created=token.created,
        expires=token.expires,
    )
