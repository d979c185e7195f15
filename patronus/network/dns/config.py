# SPDX-License-Identifier: GPL-2.0-or-later
"""What the server process is told: plain values, JSON over the control channel. Pure, without pydantic."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
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
    """One server to ask. ``id`` is that of the entry it came from; ``protocol`` is udp, tcp, tls or https.

    Over the last two its certificate must be for ``name`` and come from ``ca`` (PEM; empty: those well
    known); over https it is asked at ``path``.
    """

    id: str
    address: str
    port: int = 53
    protocol: str = "udp"
    name: str = ""
    ca: str = ""
    path: str = ""

    @property
    def stream(self) -> bool:
        """Return whether answers of any length come at once."""
        return self.protocol != "udp"

    @property
    def private(self) -> bool:
        """Return whether nobody on the way reads the question."""
        return self.protocol in {"tls", "https"}


@dataclass(frozen=True)
class Dns64:
    """The prefix of a translator from IPv6 to IPv4, and prefixes of IPv6 whose addresses count as none."""

    prefix: str
    exclude: tuple[str, ...] = ()


@dataclass(frozen=True)
class Policy:
    """What some clients are told. Empty ``devices`` and ``clients`` (prefixes) stand for any.

    ``lists`` are the names of the blocklists that hold for them, ``records`` stand in place of all others of
    the same names; with ``only_allowed`` no name exists but those of ``allow``. Where there is a ``source``
    (hex), ``upstreams`` alone are asked for them, though they be none; its answers are kept under it.
    With ``dns64`` they are given addresses of a translator.
    """

    id: str
    devices: tuple[str, ...] = ()
    clients: tuple[str, ...] = ()
    lists: tuple[str, ...] = ()
    records: tuple[LocalRecord, ...] = ()
    block: tuple[str, ...] = ()
    allow: tuple[str, ...] = ()
    only_allowed: bool = False
    upstreams: tuple[UpstreamServer, ...] = ()
    source: str = ""
    dns64: Dns64 | None = None


@dataclass(frozen=True)
class Forward:
    """Domains that servers of their own are asked for, whoever asks; their answers' ``source`` is hex."""

    domains: tuple[str, ...]
    upstreams: tuple[UpstreamServer, ...]
    source: str


@dataclass(frozen=True)
class ServerConfig:
    """Everything but the sockets, the blocklists' files and the leases.

    ``records`` are in order of precedence: an address's first name is the one that its reverse gives.
    ``lists`` are the names of the blocklists for everyone; the first of ``policies`` that fits counts.
    Of names in ``block`` and ``allow`` the longest counts, a policy's before everyone's and all before lists.
    Of the domains of ``forwards`` the longest counts; each stands in one of them.
    ``dns64`` is for those without a policy.
    """

    domain: str = "home.arpa"
    records: tuple[LocalRecord, ...] = ()
    upstreams: tuple[UpstreamServer, ...] = ()
    fastest_first: bool = False
    lease_names: bool = True
    cache_size: int = 50_000
    serve_stale_s: int = 3600
    query_log_s: int = 0
    query_log_entries: int = 100_000
    rebind_protection: bool = True
    private_domains: tuple[str, ...] = ()
    lists: tuple[str, ...] = ()
    policies: tuple[Policy, ...] = ()
    block: tuple[str, ...] = ()
    allow: tuple[str, ...] = ()
    forwards: tuple[Forward, ...] = ()
    dns64: Dns64 | None = None

    @property
    def elsewhere(self) -> tuple[str, ...]:
        """Return the domains that servers of their own are asked for."""
        return tuple(domain for item in self.forwards for domain in item.domains)

    def names(self) -> Iterator[str]:
        """Yield the names that must be some for the server to go on, beside those of policies' records."""
        yield self.domain
        yield from (*self.private_domains, *self.elsewhere)
        yield from (item.name for item in self.records)
        yield from (*self.block, *self.allow)
        for policy in self.policies:
            yield from (*policy.block, *policy.allow)

    def as_data(self) -> dict[str, Any]:
        """Return the configuration as JSON-ready data."""
        return asdict(self)

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> ServerConfig:
        """Return what ``as_data`` wrote. Raises KeyError, TypeError."""
        fields = dict(data)
        fields["records"] = _records(fields["records"])
        fields["upstreams"] = _servers(fields["upstreams"])
        for name in ("private_domains", "lists", "block", "allow"):
            fields[name] = tuple(fields[name])
        fields["policies"] = tuple(_policy(item) for item in fields["policies"])
        fields["forwards"] = tuple(_forward(item) for item in fields["forwards"])
        fields["dns64"] = _dns64(fields["dns64"])
        return cls(**fields)


def _policy(item: Mapping[str, Any]) -> Policy:
    fields = dict(item)
    for name in ("devices", "clients", "lists", "block", "allow"):
        fields[name] = tuple(fields[name])
    fields["upstreams"] = _servers(fields["upstreams"])
    fields["dns64"] = _dns64(fields["dns64"])
    return Policy(**{**fields, "records": _records(fields["records"])})


def _dns64(item: Mapping[str, Any] | None) -> Dns64 | None:
    return None if item is None else Dns64(item["prefix"], tuple(item["exclude"]))


def _forward(item: Mapping[str, Any]) -> Forward:
    return Forward(tuple(item["domains"]), _servers(item["upstreams"]), item["source"])


def _servers(items: Iterable[Mapping[str, Any]]) -> tuple[UpstreamServer, ...]:
    return tuple(UpstreamServer(**item) for item in items)


def _records(items: Iterable[Mapping[str, Any]]) -> tuple[LocalRecord, ...]:
    return tuple(LocalRecord(**item) for item in items)


@dataclass(frozen=True)
class LeaseName:
    """A host as DHCP knows it; ``client`` is DHCP's key for it on its ``network``.

    ``mac`` may be empty. It, or the DUID in ``client``, says which leases of IPv4 and IPv6 are one host's.
    """

    network: str
    client: str
    address: str
    hostname: str
    mac: str = ""

    def is_same_host(self, other: LeaseName) -> bool:
        """Return whether both leases are one host's, whose name they may share (RFC 4361, RFC 4703)."""
        if self.mac and self.mac == other.mac:
            return True
        mine, theirs = self._duid(), other._duid()
        return bool(mine) and mine == theirs

    def _duid(self) -> str:
        """Return the DUID in the key, in hex: that of IPv6, or of an identifier of type 255 and an IAID."""
        if self.client.startswith("duid:"):
            return self.client.removeprefix("duid:").partition("/")[0]
        return self.client[len("id:ff00000000") :] if self.client.startswith("id:ff") else ""
