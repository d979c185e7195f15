# SPDX-License-Identifier: GPL-2.0-or-later
"""What can be asked about DNS: parameters and results of the verbs. Pure."""

from __future__ import annotations

from pydantic import Field

from patronus.core.values import Duration, Id
from patronus.core.verb import Parameters, Result
from patronus.network.dns.model import RecordName, RecordType


class UpstreamInfo(Result):
    """One server that is asked."""

    id: str
    address: str
    port: int
    protocol: str = Field(description="udp, tcp or tls")
    answered: int = Field(description="questions that it has answered")
    healthy: bool = Field(description="false while it does not answer and others are asked first")
    problem: str | None = Field(description="why it last did not answer, until it does")


class ServerStatus(Result):
    """The server process: whether it answers, whom it asks, and what it has counted."""

    running: bool
    cached: int = 0
    upstreams: list[UpstreamInfo] = Field(default_factory=list)
    missing_lists: list[str] = Field(default_factory=list, description="blocklists that are not there")
    blocked_names: int = Field(default=0, description="names of all blocklists that do not exist for clients")
    unread_entries: int = Field(default=0, description="entries of blocklists that are no names")
    reading_lists: bool = Field(default=False, description="while lists are read, those before serve")
    counters: dict[str, int] = Field(default_factory=dict)


class RecordInfo(Result):
    """One record that the router answers itself; ``source`` is configured, router, reservation or lease."""

    id: str | None
    name: str
    type: str
    value: str
    source: str


class RecordList(Result):
    """Records: those of the file first, then those that follow from it, then leases."""

    records: list[RecordInfo]


class AddRecord(Parameters):
    """A record to add."""

    name: RecordName
    type: RecordType
    value: str = Field(min_length=1, max_length=1024, description="as written in a zone file")
    ttl: Duration | None = None


class RemoveRecord(Parameters):
    """Names a record."""

    id: Id


class Flushed(Result):
    """How many answers were forgotten."""

    flushed: int


class Lookup(Parameters):
    """A question to ask this router's own server."""

    name: str = Field(min_length=1, max_length=253)
    type: str = Field(default="A", pattern=r"^[A-Z0-9]{1,10}$")


class ListQueries(Parameters):
    """Which questions of the log to list."""

    client: str = Field(default="", max_length=45, description="address of the client; left out: all")
    name: str = Field(default="", max_length=253, description="a name, and those below; left out: all")
    count: int = Field(default=100, ge=1, le=1000, description="how many at most")


class QueryInfo(Result):
    """One question that a client asked."""

    at: int = Field(description="seconds since the epoch")
    client: str
    name: str
    type: str
    outcome: str = Field(description="blocked, or the code of the answer: NOERROR, NXDOMAIN, SERVFAIL")


class QueryList(Result):
    """Questions, the newest first; ``on`` says whether any are written down."""

    on: bool
    queries: list[QueryInfo]


class LookupResult(Result):
    """What the server answered: its code, and its records as in a zone file."""

    status: str
    answers: list[str]
