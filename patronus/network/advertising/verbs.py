# SPDX-License-Identifier: GPL-2.0-or-later
"""What can be asked about the advertisements, and the event that tells of them. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from pydantic import Field

from patronus.core.bus import Event
from patronus.core.verb import Result


@dataclass(frozen=True)
class Renumbered(Event):
    """The hosts of a network were told of other prefixes: those that hold now, and those taken back."""

    kind: ClassVar[str] = "renumbered"
    role: str
    prefixes: tuple[str, ...]
    taken_back: tuple[str, ...]


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
    translators: list[str] = Field(description="prefixes by which hosts are told to reach IPv4")
    managed: bool = Field(description="whether hosts are told to ask DHCPv6 for addresses")
    other: bool = Field(description="whether hosts are told to ask DHCPv6 for settings")
    sent: int = Field(description="advertisements since the network was taken up")
    asked: int = Field(description="questions of hosts since then")
    failure: str | None = Field(description="why it cannot be said at this moment")


class NetworkList(Result):
    """The networks that announce the router."""

    networks: list[NetworkInfo]
