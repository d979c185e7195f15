# SPDX-License-Identifier: GPL-2.0-or-later
"""The verbs of sessions: who is logged in, and ending it. Pure: each asks who keeps them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import Field

from patronus.core.verb import Caller, Done, Nothing, Parameters, Result, Role, Verb
from patronus.secrets.register import Name

if TYPE_CHECKING:
    from patronus.secrets.passes import Passes
    from patronus.secrets.registrar import Registrar


class NamedSession(Parameters):
    """A session."""

    id: str = Field(max_length=64, description="as sessions.List names it")


class AccountSessions(Parameters):
    """All sessions of an account."""

    name: Name


class SessionView(Result):
    """A session; nothing in it opens anything."""

    id: str
    account: str
    origin: str = Field(description="where it was begun from")
    began_ago_s: float
    used_ago_s: float
    ends_in_s: float = Field(description="seconds until it ends unless it is used")
    this: bool = Field(description="whether it is the one that asks")


class SessionList(Result):
    """Sessions, the one last used first."""

    sessions: list[SessionView]


class SessionVerbs:
    """The verbs' handlers."""

    def __init__(self, passes: Passes, registrar: Registrar) -> None:
        self._passes = passes
        self._registrar = registrar

    def verbs(self) -> list[Verb[Any, Any]]:
        """Return the verbs."""
        viewer, admin, every = Role.VIEWER, Role.ADMIN, "DELETE /accounts/{name}/sessions"
        return [
            Verb("sessions.List", Nothing, SessionList, self.list, viewer, "GET /sessions", own=True),
            Verb("sessions.End", NamedSession, Done, self.end, viewer, "DELETE /sessions/{id}", changes=True,
                 own=True),
            Verb("sessions.EndAll", AccountSessions, Done, self.end_all, admin, every, changes=True,
                 reserved=True),
        ]  # fmt: skip

    def list(self, caller: Caller, given: Nothing) -> SessionList:  # noqa: ARG002
        """List the caller's sessions; to administrators, everybody's."""
        now = self._passes.now()
        return SessionList(
            sessions=[
                SessionView(
                    id=session.identifier,
                    account=session.account,
                    origin=session.origin,
                    began_ago_s=now - session.began,
                    used_ago_s=now - session.used,
                    ends_in_s=session.ends() - now,
                    this=session.identifier == caller.session,
                )
                for session in self._passes.living()
                if caller.role is Role.ADMIN or session.account == caller.account
            ]
        )

    def end(self, caller: Caller, given: NamedSession) -> Done:
        """End one session at once: one's own, or as an administrator anybody's."""
        everybody = caller.role is Role.ADMIN
        self._passes.end(given.id, of=None if everybody else caller.account)
        return Done()

    def end_all(self, caller: Caller, given: AccountSessions) -> Done:
        """End all sessions of an account at once, but for the one that asks."""
        self._registrar.end_sessions(given.name, caller.session)
        return Done()
