# SPDX-License-Identifier: GPL-2.0-or-later
"""The section ``network/dns``: where the server listens, whom it asks, and what it knows itself."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from patronus.core.embedded import WELL_KNOWN
from patronus.core.model import Section, Strict
from patronus.core.values import (
    Address,
    Certificates,
    DomainName,
    Duration,
    Id,
    InterfaceId,
    Port,
    Prefix,
    Refused,
    TranslationPrefix,
    Url,
    exactly_one,
)

FileName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
"""A file's name without a folder."""
RecordName = Annotated[str, Field(pattern=r"^(\*\.)?[A-Za-z0-9_]([A-Za-z0-9_.-]{0,251}[A-Za-z0-9])?$")]
"""A name that may hold service labels with an underscore (RFC 2782)."""
HttpPath = Annotated[str, Field(pattern=r"^/[A-Za-z0-9._~!$&'()*+,;=:@%/?-]{0,255}$")]
"""A place on a server, without the braces of a template."""
Protocol = Literal["udp", "tcp", "tls", "https"]
"""How a server is asked."""
RecordType = Literal["A", "AAAA", "CNAME", "TXT", "MX", "SRV", "PTR"]


class Upstream(Strict):
    """A server to ask: one by address, or those that an uplink was given (``from``)."""

    id: Id = Field(description="stable name of the server")
    from_: InterfaceId | None = Field(
        default=None, alias="from", description="uplink whose servers are asked, in place of an address"
    )
    address: Address | None = Field(default=None, description="address of the server")
    port: Port | None = Field(
        default=None, description="port of the server; left out: 53, with tls 853, with https 443"
    )
    protocol: Protocol = Field(default="udp", description="how it is asked")
    name: DomainName | None = Field(
        default=None,
        description="name in its certificate, for tls and https; left out: its address stands there",
    )
    ca: Certificates | None = Field(
        default=None,
        description="certificates (PEM) that the server's must come from; left out: those well known",
    )
    path: HttpPath | None = Field(
        default=None, description="where it is asked, for https; left out: /dns-query"
    )
    domains: Annotated[tuple[DomainName, ...], Field(max_length=256)] = Field(
        default=(),
        description="domains, with all below, that it alone is asked for; left out: asked for all others",
        examples=[["corp.example", "9.10.in-addr.arpa"]],
    )

    @model_validator(mode="after")
    def _is_one_thing(self) -> Upstream:
        exactly_one(f"{self.id} does not say whom to ask", from_=self.from_, address=self.address)
        return self


class Local(Strict):
    """The domain of this network; its names are never asked of anyone else."""

    domain: DomainName = Field(default="home.arpa", description="domain of this network")
    leases: bool = Field(default=True, description="whether DHCP clients have names in it")


class Record(Strict):
    """One record of ours. ``value`` is written as in a zone file."""

    id: Id = Field(description="stable name of the record")
    name: RecordName = Field(description="name that is asked for; *. for any below")
    type: RecordType = Field(description="type of the record")
    value: Annotated[str, Field(min_length=1, max_length=1024)] = Field(
        description="value as in a zone file", examples=["192.168.1.30"]
    )
    ttl: Duration = Field(default=300, description="how long others may keep it")


class Blocklist(Strict):
    """Names that do not exist for our clients, plain or in the form of ``hosts``: of a file, or of a URL."""

    id: Id = Field(description="stable name of the list")
    file: FileName | None = Field(default=None, description="file of names on the router")
    url: Url | None = Field(default=None, description="https URL that the list is fetched from")
    refresh: Duration | None = Field(default=None, description="how often it is fetched; left out: daily")
    everyone: bool = Field(
        default=True, description="false: it is for the policies that name it, and no one else"
    )
    ca: Certificates | None = Field(
        default=None,
        description="certificates (PEM) that the server's must come from; left out: those well known",
    )

    @model_validator(mode="after")
    def _is_one_list(self) -> Blocklist:
        exactly_one(f"{self.id} does not say which list it is", file=self.file, url=self.url)
        return self


class Decision(Strict):
    """A name that people block or allow, with all below it, whatever the blocklists say."""

    id: Id = Field(description="stable name of the decision")
    name: DomainName = Field(description="the name; it stands for all below it too")
    action: Literal["block", "allow"] = Field(
        description="whether it does not exist, or no list takes it away"
    )


Decisions = Annotated[tuple[Decision, ...], Field(max_length=10_000)]


class Policy(Strict):
    """What some clients are told in place of what all others are: the first policy that fits a client counts.

    A client fits by the interface on which it asks and by the address from which it does, where given.
    """

    id: Id = Field(description="stable name of the policy")
    interfaces: tuple[InterfaceId, ...] = Field(
        default=(), description="interfaces on which they ask; left out: any"
    )
    clients: tuple[Prefix, ...] = Field(
        default=(), description="their addresses; left out: any", examples=[["192.168.1.64/26"]]
    )
    blocklists: tuple[Id, ...] | None = Field(
        default=None, description="lists that hold for them; left out: those for everyone"
    )
    records: tuple[Record, ...] = Field(
        default=(), description="records in place of all others of the same names"
    )
    names: Decisions = Field(default=(), description="names that are blocked or allowed for them")
    upstreams: tuple[Upstream, ...] = Field(
        default=(), description="servers that are asked for them, and no others; left out: everybody's"
    )
    dns64: bool | None = Field(
        default=None,
        description="whether names without IPv6 get addresses of the translator for them; left out: as "
        "for everyone",
    )
    only_allowed: bool = Field(
        default=False, description="for them no name exists but the allowed of these and the router's own"
    )

    @model_validator(mode="after")
    def _is_somebodys(self) -> Policy:
        if not self.interfaces and not self.clients:
            raise Refused(f"{self.id} does not say for whom it is", "interfaces, clients or both")
        return self


class Dns64(Strict):
    """Names that have addresses of IPv4 alone get addresses of IPv6 that lead to a translator (RFC 6147)."""

    prefix: TranslationPrefix = Field(
        default=WELL_KNOWN, description="prefix of the translator, which addresses of IPv4 follow"
    )
    everyone: bool = Field(
        default=True, description="false: it is for the policies that say so, and no one else"
    )
    exclude: tuple[Prefix, ...] = Field(
        default=(), description="prefixes of IPv6 whose addresses count as none, beside ::ffff:0:0/96"
    )


class Cache(Strict):
    """How many answers are kept, and how long past their end they serve while no upstream answers."""

    size: Annotated[int, Field(ge=100, le=1_000_000, strict=True)] = Field(
        default=50_000, description="answers that are kept"
    )
    serve_stale: Duration = Field(
        default=3600, description="how long past its end an answer serves while no upstream does"
    )


class QueryLog(Strict):
    """Who asked what. Off where nothing is said; turned off, everything that was written is forgotten."""

    keep: Duration = Field(default=0, description="how long a question is remembered; 0s: not at all")
    entries: Annotated[int, Field(ge=100, le=1_000_000, strict=True)] = Field(
        default=100_000, description="questions that are remembered at most"
    )


class Dns(Strict):
    """The DNS server: whom it asks, names of our own, what is blocked, what some clients are told instead."""

    listen: tuple[InterfaceId, ...] = Field(default=(), description="interfaces on which the server answers")
    upstreams: tuple[Upstream, ...] = Field(default=(), description="servers that are asked")
    ask: Literal["in_order", "fastest"] = Field(
        default="in_order", description="which upstream is asked first: the first of the file, or the fastest"
    )
    local: Local = Field(default=Local.unsaid(), description="the domain of this network")
    records: tuple[Record, ...] = Field(default=(), description="records of our own")
    blocklists: tuple[Blocklist, ...] = Field(default=(), description="names that do not exist for clients")
    names: Decisions = Field(default=(), description="names that are blocked or allowed for everybody")
    policies: Annotated[tuple[Policy, ...], Field(max_length=64)] = Field(
        default=(), description="what some clients are told in place of what all others are"
    )
    dns64: Dns64 | None = Field(
        default=None, description="addresses of a translator for names without IPv6; left out: none"
    )
    cache: Cache = Field(default=Cache.unsaid(), description="how answers are kept")
    query_log: QueryLog = Field(default=QueryLog.unsaid(), description="who asked what, for a while")
    rebind_protection: bool = Field(
        default=True, description="refuse private addresses in answers from outside"
    )
    private_domains: tuple[DomainName, ...] = Field(
        default=(), description="outside domains that may answer with private addresses all the same"
    )


SECTION = Section("network/dns", Dns)
