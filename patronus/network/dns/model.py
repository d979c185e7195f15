# SPDX-License-Identifier: GPL-2.0-or-later
"""The section ``network/dns``: where the server listens, whom it asks, and what it knows itself."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from patronus.core.model import Section, Strict
from patronus.core.values import Address, DomainName, Duration, Id, InterfaceId, Port, Refused, Url

FileName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
"""A file's name without a folder."""
RecordName = Annotated[str, Field(pattern=r"^(\*\.)?[A-Za-z0-9_]([A-Za-z0-9_.-]{0,251}[A-Za-z0-9])?$")]
"""A name that may hold service labels with an underscore (RFC 2782)."""
RecordType = Literal["A", "AAAA", "CNAME", "TXT", "MX", "SRV", "PTR"]


class Upstream(Strict):
    """A server to ask: one by address, or those that an uplink was given (``from``)."""

    id: Id
    from_: InterfaceId | None = Field(default=None, alias="from")
    address: Address | None = None
    port: Port = 53
    protocol: Literal["udp", "tcp", "tls"] = "udp"
    name: DomainName | None = None

    @model_validator(mode="after")
    def _is_one_thing(self) -> Upstream:
        if (self.from_ is None) == (self.address is None):
            raise Refused(f"{self.id} does not say whom to ask", "exactly one of from, address")
        return self


class Local(Strict):
    """The domain of this network; its names are never asked of anyone else."""

    domain: DomainName = "home.arpa"
    leases: bool = True


class Record(Strict):
    """One record of ours. ``value`` is written as in a zone file."""

    id: Id
    name: RecordName
    type: RecordType
    value: Annotated[str, Field(min_length=1, max_length=1024)]
    ttl: Duration = 300


class Blocklist(Strict):
    """Names that do not exist for our clients: a file of names or in the form of ``hosts``."""

    id: Id
    file: FileName | None = None
    url: Url | None = None
    refresh: Duration | None = None


class Cache(Strict):
    """How many answers are kept, and how long past their end they serve while no upstream answers."""

    size: Annotated[int, Field(ge=100, le=1_000_000, strict=True)] = 50_000
    serve_stale: Duration = 3600


class Dns(Strict):
    """The DNS server. ``rebind_protection`` refuses private addresses in answers from outside.

    ``private_domains`` are outside domains that may answer with private addresses all the same.
    """

    listen: tuple[InterfaceId, ...] = ()
    upstreams: tuple[Upstream, ...] = ()
    local: Local = Local()
    records: tuple[Record, ...] = ()
    blocklists: tuple[Blocklist, ...] = ()
    cache: Cache = Cache()
    rebind_protection: bool = True
    private_domains: tuple[DomainName, ...] = ()


SECTION = Section("network/dns", Dns)
