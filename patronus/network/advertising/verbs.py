# SPDX-License-Identifier: GPL-2.0-or-later
"""What can be asked about the advertisements. Pure."""

from __future__ import annotations

from pydantic import Field

from patronus.core.verb import Result


class PrefixInfo(Result):
    """A prefix that hosts are told; ``preferred_s`` of 0 says that they shall begin nothing new in it."""

    prefix: str
    preferred_s: int
    valid_s: int


class NetworkInfo(Result):
    """What the hosts of one network are told."""

    interface: str
    device: str
    default_router: bool = Field(description="whether hosts send what leads outside to this router")
    prefixes: list[PrefixInfo]
    routes: list[str] = Field(description="what else leads through this router")
    dns_servers: list[str]
    domains: list[str]
    sent: int = Field(description="advertisements since the network was taken up")
    asked: int = Field(description="questions of hosts since then")
    failure: str | None = Field(description="why it cannot be said at this moment")


class NetworkList(Result):
    """The networks that announce the router."""

    networks: list[NetworkInfo]
