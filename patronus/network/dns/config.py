# SPDX-License-Identifier: GPL-2.0-or-later
"""What the server process is told: plain values, JSON over the control channel. Pure, without pydantic."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

CONTROL_INTERFACE = "io.patronus.dnsserver.v1"
"""The prefix of the methods on the control channel."""


@dataclass(frozen=True)
class LocalRecord:
    """One record that we answer ourselves: its name in lower case, and its data as hex of the wire form."""

    name: str
    rtype: int
    ttl_s: int
    data: str


@dataclass(frozen=True)
class UpstreamServer:
    """One server to ask. ``id`` is that of the entry it came from.

    Over TLS its certificate must be for ``name`` and come from ``ca`` (PEM; empty: those well known).
    """

    id: str
    address: str
    port: int = 53
    tcp: bool = False
    tls: bool = False
    name: str = ""
    ca: str = ""

    @property
    def stream(self) -> bool:
        """Return whether answers of any length come at once."""
        return self.tcp or self.tls


@dataclass(frozen=True)
class ServerConfig:
    """Everything but the sockets, the blocklists' files and the leases.

    ``records`` are in order of precedence: an address's first name is the one that its reverse gives.
    """

    domain: str = "home.arpa"
    records: tuple[LocalRecord, ...] = ()
    upstreams: tuple[UpstreamServer, ...] = ()
    lease_names: bool = True
    cache_size: int = 50_000
    serve_stale_s: int = 3600
    query_log_s: int = 0
    query_log_entries: int = 100_000
    rebind_protection: bool = True
    private_domains: tuple[str, ...] = ()

    def as_data(self) -> dict[str, Any]:
        """Return the configuration as JSON-ready data."""
        return asdict(self)

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> ServerConfig:
        """Return what ``as_data`` wrote. Raises KeyError, TypeError."""
        fields = dict(data)
        fields["records"] = tuple(LocalRecord(**item) for item in fields["records"])
        fields["upstreams"] = tuple(UpstreamServer(**item) for item in fields["upstreams"])
        fields["private_domains"] = tuple(fields["private_domains"])
        return cls(**fields)


@dataclass(frozen=True)
class LeaseName:
    """A host as DHCP knows it; ``client`` is DHCP's key for it on its ``network``."""

    network: str
    client: str
    address: str
    hostname: str
