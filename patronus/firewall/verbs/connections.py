# SPDX-License-Identifier: GPL-2.0-or-later
"""The verbs on tracked connections: list those that a filter means, and end them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from typing import Annotated, Any, Protocol

from pydantic import Field

from patronus.core.connection import Connection, Tracked
from patronus.core.errors import InvalidRequest
from patronus.core.values import Port, Prefix, ZoneId
from patronus.core.verb import Caller, Parameters, Result, Role, Verb
from patronus.firewall.addresses import end_of
from patronus.firewall.model.match import Protocols
from patronus.firewall.tracking.connections import (
    ANY,
    Filter,
    Translated,
    ZoneOf,
    identifier,
    matching,
    protocol_name,
    translation,
)

_BOTH = "before or after translation"


class ConnectionFilter(Parameters):
    """What a connection must be; what is left out is anything."""

    id: Annotated[str, Field(pattern="^[0-9a-f]{12}$")] | None = Field(default=None, description="this one")
    address: Prefix | None = Field(default=None, description=f"either end is in this prefix, {_BOTH}")
    source: Prefix | None = Field(default=None, description=f"it comes from this prefix, {_BOTH}")
    destination: Prefix | None = Field(default=None, description=f"it goes to this prefix, {_BOTH}")
    protocol: Protocols | None = Field(default=None, description="one protocol, by name or number")
    port: Port | None = Field(default=None, description=f"either end has this port, {_BOTH}")
    source_port: Port | None = Field(default=None, description=f"it comes from this port, {_BOTH}")
    destination_port: Port | None = Field(default=None, description=f"it goes to this port, {_BOTH}")
    state: Annotated[str, Field(pattern="^[a-z0-9-]{1,20}$")] | None = Field(
        default=None, description="state of TCP, such as established or time-wait"
    )
    translated: Translated | None = Field(default=None, description="which end is translated")
    mark: int | None = Field(default=None, ge=0, le=0xFFFFFFFF, description="its mark")
    zone: ZoneId | None = Field(default=None, description="zone that it comes from")

    @property
    def wanted(self) -> Filter:
        """Return the filter. Raises InvalidRequest for several protocols."""
        if self.protocol is not None and len(self.protocol) > 1:
            raise InvalidRequest("one protocol at a time")
        given = {name: getattr(self, name) for name in ConnectionFilter.model_fields}
        return Filter(**given | {"protocol": self.protocol[0].number if self.protocol else None})


class ListConnections(ConnectionFilter):
    """A filter, and how many are shown."""

    most: int = Field(default=1000, ge=1, le=10_000, description="connections that are told one by one")


class EndConnections(ConnectionFilter):
    """A filter; without any, ``all`` has to say that every connection is meant."""

    all: bool = Field(default=False, description="every connection")


class ConnectionInfo(Result):
    """One connection: as its first packet came, and what it goes to and seems to come from, if translated."""

    id: str
    protocol: str
    source: str
    destination: str
    seen_as: str | None
    goes_to: str | None
    state: str
    answered: bool
    remaining_s: int
    mark: int
    offloaded: bool = Field(description="its packets go past the rules, on the kernel's flow table")


class ConnectionList(Result):
    """Connections, and how many there are: that fit, that are tracked, that can be tracked at a time."""

    connections: list[ConnectionInfo]
    matching: int
    tracked: int
    limit: int


class Ended(Result):
    """How many connections were ended, and how many left alone because the caller speaks through them."""

    ended: int
    spared: int


class Tracking(Protocol):
    """What is asked of conntrack."""

    def tracked(self) -> tuple[Tracked, ...]:
        """Return every entry with its state."""

    def end(self, connection: Connection) -> bool:
        """Forget an entry; return whether it was still there."""


class ConnectionVerbs:
    """Reads conntrack, and ends entries of it."""

    def __init__(
        self,
        conntrack: Tracking,
        zones: Callable[[], AbstractContextManager[ZoneOf]],
        sizes: Callable[[], tuple[int, int]],
    ) -> None:
        self._conntrack = conntrack
        self._zones = zones
        self._sizes = sizes

    def verbs(self) -> Iterable[Verb[Any, Any]]:
        """Return the declarations."""
        yield Verb(
            "connections.List",
            ListConnections,
            ConnectionList,
            self.list_connections,
            route="GET /connections",
        )
        yield Verb(
            "connections.End",
            EndConnections,
            Ended,
            self.end,
            Role.OPERATOR,
            "POST /connections/end",
            changes=True,
        )

    def list_connections(self, _: Caller, given: ListConnections) -> ConnectionList:
        """List the tracked connections that a filter means."""
        with self._zones() as zone_of:
            found = list(matching(self._conntrack.tracked(), given.wanted, zone_of))
        tracked, limit = self._sizes()
        return ConnectionList(
            connections=[_info(one) for one in found[: given.most]],
            matching=len(found),
            tracked=tracked,
            limit=limit,
        )

    def end(self, caller: Caller, given: EndConnections) -> Ended:
        """End the connections that a filter means: their next packets are judged as first ones.

        What comes from the caller's own address is left alone, unless it is named by its id.
        """
        wanted = given.wanted
        if wanted == ANY and not given.all:
            raise InvalidRequest("this would end every connection; say `all` if that is meant")
        with self._zones() as zone_of:
            found = list(matching(self._conntrack.tracked(), wanted, zone_of))
        own = [one for one in found if given.id is None and one.connection.original.source == caller.address]
        ended = sum(self._conntrack.end(one.connection) for one in found if one not in own)
        return Ended(ended=ended, spared=len(own))


def _info(one: Tracked) -> ConnectionInfo:
    way, back = one.connection.original, one.connection.reply
    source, destination = translation(one)
    return ConnectionInfo(
        id=identifier(one),
        protocol=protocol_name(way),
        source=end_of(way.source, way.source_port),
        destination=end_of(way.destination, way.destination_port),
        seen_as=end_of(back.destination, back.destination_port) if source else None,
        goes_to=end_of(back.source, back.source_port) if destination else None,
        state=one.state,
        answered=one.answered,
        remaining_s=one.remaining_s,
        mark=one.mark,
        offloaded=one.offloaded,
    )
