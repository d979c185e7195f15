# SPDX-License-Identifier: GPL-2.0-or-later
"""What can be asked about DNS: parameters and results of the verbs. Pure."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from patronus.core.control import Change
from patronus.core.values import Address, Certificates, DomainName, Duration, Id, InterfaceId, Port, Prefix
from patronus.core.verb import Parameters, Result
from patronus.network.dns.model import HttpPath, Protocol, RecordName, RecordType


class UpstreamInfo(Result):
    """One server that is asked."""

    id: str
    address: str
    port: int
    protocol: str = Field(description="udp, tcp, tls or https")
    answered: int = Field(description="questions that it has answered")
    takes_ms: float | None = Field(default=None, description="milliseconds that its answers take, smoothed")
    healthy: bool = Field(description="false while it does not answer and others are asked first")
    problem: str | None = Field(description="why it last did not answer, until it does")
    policies: list[str] = Field(description="policies for whose clients it is asked; empty: for all others")
    domains: list[str] = Field(
        description="domains that it alone is asked for; empty: it is asked for all others"
    )


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


class PolicyInfo(Result):
    """What some clients are told in place of what all others are."""

    id: str
    interfaces: list[str] = Field(description="interfaces on which they ask; empty: any")
    clients: list[str] = Field(description="their addresses; empty: any")
    blocklists: list[str] = Field(description="lists that hold for them")
    records: list[str] = Field(description="name, type and value of the records that are theirs alone")
    only_allowed: bool = Field(description="whether no name exists for them but those allowed")
    dns64: bool = Field(description="whether names without IPv6 have addresses of a translator for them")
    upstreams: list[str] = Field(
        description="address, or uplink, and protocol of the servers asked for them; empty: everybody's"
    )


class PolicyList(Result):
    """Policies in the order in which they count: the first that fits a client is its."""

    policies: list[PolicyInfo]


class NameDecision(Parameters):
    """A name that is blocked or allowed with all below it."""

    name: DomainName
    action: Literal["block", "allow"]


class DecideName(NameDecision, Change):
    """A name to block or allow; without a policy for everybody."""

    policy: Id | None = Field(default=None, description="policy for whose clients alone; left out: everybody")


class ForgetName(Change):
    """A name to leave to the lists again."""

    name: DomainName
    policy: Id | None = Field(default=None, description="policy that has the name; left out: everybody")


class DecisionInfo(Result):
    """A name that is blocked or allowed with all below it, whatever lists say."""

    id: str
    name: str
    action: str = Field(description="block or allow")
    policy: str | None = Field(description="policy for whose clients alone; null: everybody")


class DecisionList(Result):
    """Names that people decided on. A policy's stand before everybody's; of one place the longest counts."""

    names: list[DecisionInfo]


class AddUpstream(Parameters):
    """A server to ask: by its address, or those of an uplink."""

    address: Address | None = None
    from_: InterfaceId | None = Field(
        default=None, alias="from", description="uplink whose servers are asked, in place of an address"
    )
    port: Port | None = Field(default=None, description="left out: the protocol's own")
    protocol: Protocol | None = Field(default=None, description="left out: udp")
    name: DomainName | None = Field(default=None, description="name in its certificate")
    ca: Certificates | None = Field(
        default=None, description="certificates (PEM) that its own must come from; left out: those well known"
    )
    path: HttpPath | None = Field(default=None, description="where it is asked, for https")


class AddPolicy(Parameters):
    """A policy to add, after those that there are."""

    id: Id | None = Field(default=None, description="stable name; left out: one is made")
    interfaces: tuple[InterfaceId, ...] | None = Field(default=None, description="left out: any")
    clients: tuple[Prefix, ...] | None = Field(default=None, description="left out: any")
    blocklists: tuple[Id, ...] | None = Field(default=None, description="left out: those for everyone")
    records: tuple[AddRecord, ...] | None = None
    names: tuple[NameDecision, ...] | None = Field(
        default=None, description="names blocked or allowed for them"
    )
    only_allowed: bool | None = Field(default=None, description="no name exists for them but those allowed")
    dns64: bool | None = Field(
        default=None,
        description="names without IPv6 have addresses of a translator; left out: as for everyone",
    )
    upstreams: tuple[AddUpstream, ...] | None = Field(
        default=None, description="servers that are asked for them, and no others; left out: everybody's"
    )


class SetPolicyUpstreams(Change):
    """The servers that are asked for a policy's clients, in place of those before."""

    id: Id = Field(description="the policy")
    upstreams: tuple[AddUpstream, ...] = Field(
        description="servers that are asked for them, and no others; empty: everybody's again"
    )


class RemovePolicy(Parameters):
    """Names a policy."""

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
    policy: str = Field(
        default="",
        pattern=r"^([a-z0-9][a-z0-9-]{0,31}|-)?$",
        description="the policy that judged them, or - for those that none did; left out: all",
    )
    count: int = Field(default=100, ge=1, le=1000, description="how many at most")
    before: int | None = Field(
        default=None, ge=1, le=2**62, description="only those asked before the question of this number"
    )


class QueryInfo(Result):
    """One question that a client asked."""

    number: int = Field(description="it grows with each question that is written down")
    at: int = Field(description="seconds since the epoch")
    client: str
    name: str
    type: str
    policy: str | None = Field(
        description="policy that judged it, as it was called then; null: none, the client was as all others"
    )
    outcome: str = Field(description="blocked, or the code of the answer: NOERROR, NXDOMAIN, SERVFAIL")


class QueryList(Result):
    """Questions, the newest first; ``on`` says whether any are written down."""

    on: bool
    keep_s: int = Field(description="how long a question is remembered, in seconds")
    most: int = Field(description="how many are remembered")
    before: int | None = Field(description="where older ones go on; null where there are none")
    queries: list[QueryInfo]


class LookupResult(Result):
    """What the server answered: its code, and its records as in a zone file."""

    status: str
    answers: list[str]
