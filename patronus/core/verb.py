# SPDX-License-Identifier: GPL-2.0-or-later
"""A verb: one thing that can be asked of the daemon, declared once for every face.

The Varlink description, the CLI's help, the REST route and OpenAPI all derive from this declaration.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict

from patronus.core.varlink import PREFIX


class Role(IntEnum):
    """What a caller may do; each role includes those below it."""

    NONE = 0
    VIEWER = 1
    OPERATOR = 2
    ADMIN = 3


@dataclass(frozen=True)
class Caller:
    """Who calls: decided by the daemon from the socket's peer and the session, never by a face."""

    name: str
    role: Role
    origin: str = "local"
    session: str | None = None

    @property
    def remote(self) -> bool:
        """Return whether the caller sits behind the network, so that a change could lock them out."""
        return self.origin != "local"


class Parameters(BaseModel):
    """Base of every verb's parameters; unknown keys are errors, and so are numbers without end."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Result(BaseModel):
    """Base of every verb's result."""

    model_config = ConfigDict(frozen=True)


class Nothing(Parameters):
    """Parameters of a verb that needs none."""


class Done(Result):
    """Result of a verb that has nothing to tell."""


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
    """

    name: str
    parameters: type[In]
    result: type[Out]
    handler: Callable[[Caller, In], Out]
    role: Role = Role.VIEWER
    route: str | None = None
    changes: bool = False

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
        return {
            "name": self.name,
            "method": self.method,
            "summary": self.summary,
            "role": self.role.name.lower(),
            "route": self.route,
            "changes": self.changes,
            "parameters": self.parameters.model_json_schema(),
            "result": self.result.model_json_schema(mode="serialization"),
        }
