# SPDX-License-Identifier: GPL-2.0-or-later
"""A verb: one thing that can be asked of the daemon, declared once for every face.

The Varlink description, the CLI's help, the REST route and OpenAPI all derive from this declaration.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Annotated, Any, ClassVar, Generic, TypeVar

from pydantic import ConfigDict, Field

from patronus.core.late import Late
from patronus.core.role import Grant, Role
from patronus.core.varlink import PREFIX

__all__ = (
    "DRAFT",
    "SECRET",
    "Caller",
    "Done",
    "Grant",
    "Nothing",
    "Parameters",
    "Result",
    "Role",
    "Secret",
    "Verb",
)


@dataclass(frozen=True)
class Caller:
    """Who calls: decided by the daemon from the socket's peer and the session, never by a face.

    ``session`` is the identifier of the session that the call came by, ``token`` that of the API token.
    ``grants`` hold what its account may, and its token: all of them must allow a verb. Without any, as for
    root on the machine itself, ``role`` alone decides; with them, ``role`` is the least of their bases.
    ``draft``: what the caller changes goes into their draft, and what they read is read from there.
    """

    name: str
    role: Role
    origin: str = "local"
    session: str | None = None
    token: str | None = None
    grants: tuple[Grant, ...] = ()
    draft: bool = False

    @property
    def remote(self) -> bool:
        """Return whether the caller sits behind the network, so that a change could lock them out."""
        return self.origin != "local"

    @property
    def account(self) -> str:
        """Return the account behind the caller: that of a token ``anna/backup`` is ``anna``."""
        return self.name.partition("/")[0]

    @property
    def address(self) -> IPv4Address | IPv6Address | None:
        """Return the address that the caller came from, ``web 192.168.1.10``; None on the machine itself."""
        try:
            return ip_address(self.origin.rpartition(" ")[2])
        except ValueError:
            return None

    @property
    def stranger(self) -> bool:
        """Return whether nobody vouches for the caller: neither the socket, nor a session, nor a token."""
        return self.role is Role.NONE and not self.grants

    def may(self, verb: Verb[Any, Any]) -> bool:
        """Return whether the caller may call the verb."""
        if not self.grants:
            return self.role >= verb.role
        return all(grant.allows(verb) for grant in self.grants)


class Parameters(Late):
    """Base of every verb's parameters; unknown keys are errors, and so are numbers without end."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Result(Late):
    """Base of every verb's result. ``knows_drafts``: the verb can work in the caller's draft."""

    model_config = ConfigDict(frozen=True)
    knows_drafts: ClassVar[bool] = False


SECRET = {"writeOnly": True}
"""Extra schema of a parameter that is never written down: ``Field(json_schema_extra=SECRET)``."""

Secret = Annotated[str, Field(max_length=1024, json_schema_extra={**SECRET})]
"""A password or a code, as a parameter of a verb."""


class Nothing(Parameters):
    """Parameters of a verb that needs none."""


class Done(Result):
    """Result of a verb that has nothing to tell."""


DRAFT = {
    "type": "boolean",
    "default": False,
    "description": "work in the caller's draft: what is changed goes there, and nothing is committed",
}
In = TypeVar("In", bound=Parameters)
Out = TypeVar("Out", bound=Result)


@dataclass(frozen=True)
class Verb(Generic[In, Out]):
    """A declared verb.

    name        ``firewall.AddRule``: interface ``io.patronus.firewall.v1``, method ``AddRule``.
    handler     called with the caller and the validated parameters; its docstring is the help text.
    role        the least role that may call; ``Role.NONE`` needs no session (set-up, log-in).
    route       the REST form below /api/v1, ``"POST /firewall/rules"``; path parameters in braces are
                taken from the parameters of the same name; None keeps the verb off REST.
    changes     whether it changes anything: audited, and refused to GET.
    own         acts on the caller's own account alone: whoever is logged in may, whatever their role.
    reserved    gives authority away: no custom role can hold it, whatever its patterns say.
    subject     what a call with these parameters is about, as it stands: JSON-ready, without secrets, empty
                where there is none. The audit log has what differs before and after. Commits need none: they
                say so by themselves.
    """

    name: str
    parameters: type[In]
    result: type[Out]
    handler: Callable[[Caller, In], Out]
    role: Role = Role.VIEWER
    route: str | None = None
    changes: bool = False
    own: bool = False
    reserved: bool = False
    subject: Callable[[In], dict[str, Any]] | None = None

    @property
    def interface(self) -> str:
        """Return the Varlink interface: ``io.patronus.firewall.v1``."""
        return f"{PREFIX}.{self.name.partition('.')[0]}.v1"

    @property
    def method(self) -> str:
        """Return the Varlink method: ``io.patronus.firewall.v1.AddRule``."""
        return f"{self.interface}.{self.name.partition('.')[2]}"

    @property
    def summary(self) -> str:
        """Return the first line of the handler's docstring."""
        return (self.handler.__doc__ or "").strip().partition("\n")[0]

    def describe(self) -> dict[str, Any]:
        """Return the declaration as data: what a face needs to build its form of the verb."""
        parameters = self.parameters.model_json_schema()
        if self.result.knows_drafts:
            parameters["properties"] = {**parameters.get("properties", {}), "draft": DRAFT}
        return {
            "name": self.name,
            "method": self.method,
            "summary": self.summary,
            "role": self.role.name.lower(),
            "route": self.route,
            "changes": self.changes,
            "own": self.own,
            "reserved": self.reserved,
            "parameters": parameters,
            "result": self.result.model_json_schema(mode="serialization"),
        }
