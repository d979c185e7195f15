# SPDX-License-Identifier: GPL-2.0-or-later
"""What can be asked about port mappings: parameters and results. Pure."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from patronus.core.control import Change
from patronus.core.values import Id, InterfaceId, Port
from patronus.core.verb import Parameters, Result
from patronus.network.mappings.model import Permission


class MappingInfo(Result):
    """One mapping that a host asked for."""

    protocol: str
    port: int = Field(description="port outside")
    host: str
    to_port: int = Field(description="port of the host")
    until: int | None = Field(
        description="when it ends, seconds since the epoch; null where that is not known"
    )
    description: str = Field(description="what the host calls it")


class MappingList(Result):
    """The mappings by port, and who may ask for them."""

    running: bool = Field(description="whether hosts can ask now")
    reason: str | None = Field(description="why they cannot, where they should")
    mappings: list[MappingInfo]
    configuration: dict[str, Any] = Field(description="the section network/mappings as it stands")


class EndMapping(Parameters):
    """Names a mapping."""

    protocol: Literal["tcp", "udp"]
    port: Port


class Ended(Result):
    """How many connections went with the mapping."""

    connections: int


class ServeMappings(Change):
    """Whose hosts may ask, and for ports of which uplink; nobody: none may."""

    outside: InterfaceId | None = Field(default=None, description="the uplink; left out: as it is")
    inside: tuple[InterfaceId, ...] = Field(description="interfaces whose hosts may ask")


class AllowMapping(Change):
    """A permission, new or in the place of the one of its id."""

    id: Id
    permission: Permission


class RevokeMapping(Change):
    """Names a permission."""

    id: Id
