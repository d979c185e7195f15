# SPDX-License-Identifier: GPL-2.0-or-later
"""The verbs of roles: what the built-in ones and one's own allow. Pure: each asks the registrar."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from pydantic import Field

from patronus.core.errors import InvalidRequest
from patronus.core.verb import Caller, Done, Nothing, Parameters, Result, Role, Verb
from patronus.secrets.register import BUILT_IN, BaseRole, CustomRole, Name, Pattern

if TYPE_CHECKING:
    from patronus.secrets.registrar import Registrar


class NewRole(Parameters):
    """A role of one's own."""

    name: Name
    base: BaseRole = Field(default="none", description="the built-in role that it includes")
    verbs: list[Pattern] = Field(min_length=1, max_length=64, description="verbs beyond the base")


class NamedRole(Parameters):
    """A role."""

    name: Name


class RoleView(Result):
    """What a role allows."""

    name: str
    built_in: bool
    base: str
    verbs: list[str] = Field(description="verbs and patterns beyond the base")
    allows: list[str] = Field(description="every verb that the role may call, as the daemon decides")


class RoleList(Result):
    """All roles, the built-in ones first."""

    roles: list[RoleView]


class RoleVerbs:
    """The verbs' handlers; ``known`` returns all verbs of the daemon."""

    def __init__(self, registrar: Registrar, known: Callable[[], Iterable[Verb[Any, Any]]]) -> None:
        self._registrar = registrar
        self._known = known

    def verbs(self) -> list[Verb[Any, Any]]:
        """Return the verbs."""
        admin, one = Role.ADMIN, "/roles/{name}"
        return [
            Verb("roles.List", Nothing, RoleList, self.list, admin, "GET /roles", reserved=True),
            Verb("roles.Put", NewRole, Done, self.put, admin, f"PUT {one}", changes=True, reserved=True,
                 subject=self._role),
            Verb("roles.Remove", NamedRole, Done, self.remove, admin, f"DELETE {one}", changes=True,
                 reserved=True, subject=self._role),
        ]  # fmt: skip

    def list(self, caller: Caller, given: Nothing) -> RoleList:  # noqa: ARG002
        """List the roles, and every verb that each allows."""
        grants = [*BUILT_IN.values(), *(role.grant for role in self._registrar.roles())]
        verbs = list(self._known())
        return RoleList(
            roles=[
                RoleView(
                    name=grant.name,
                    built_in=grant.name in BUILT_IN,
                    base=grant.base.name.lower(),
                    verbs=list(grant.verbs),
                    allows=[verb.name for verb in verbs if grant.allows(verb)],
                )
                for grant in grants
            ]
        )

    def _role(self, given: NewRole | NamedRole) -> dict[str, Any]:
        found = (role.model_dump(mode="json") for role in self._registrar.roles() if role.name == given.name)
        return next(found, {})

    def put(self, caller: Caller, given: NewRole) -> Done:  # noqa: ARG002
        """Add a role or change it; whoever has it may do what it says from the next call on.

        A pattern that no verb matches is refused, and so is one for what a custom role cannot hold.
        """
        verbs = list(self._known())
        for pattern in given.verbs:
            met = [verb for verb in verbs if fnmatchcase(verb.name, pattern)]
            if not met:
                raise InvalidRequest(f"{pattern}: no verb of this router is called so")
            if all(verb.reserved for verb in met):
                raise InvalidRequest(f"{pattern}: only administrators can hold this, it gives authority away")
        if given.name in (*BUILT_IN, "none"):
            raise InvalidRequest(f"{given.name} is a built-in role; choose another name")
        self._registrar.put_role(CustomRole(name=given.name, base=given.base, verbs=tuple(given.verbs)))
        return Done()

    def remove(self, caller: Caller, given: NamedRole) -> Done:  # noqa: ARG002
        """Remove a role of your own that nobody has."""
        self._registrar.remove_role(given.name)
        return Done()
