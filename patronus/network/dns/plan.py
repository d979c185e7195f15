# SPDX-License-Identifier: GPL-2.0-or-later
"""The DNS section to what the server process is told, and the openings that its clients need. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace

from patronus.core.feature import Earlier, Plan
from patronus.core.model import Configuration
from patronus.network.dhcp.model import Dhcp
from patronus.network.dns.config import Dns64, Forward, LocalRecord, Policy, ServerConfig, UpstreamServer
from patronus.network.dns.lists import file_of
from patronus.network.dns.model import Decision, Dns, Record, Upstream
from patronus.network.dns.record import TYPES, record_data
from patronus.network.dns.wire import Type
from patronus.network.interfaces.model import Interfaces
from patronus.network.interfaces.plan import InterfacesPlan
from patronus.network.opening import Opening

PORT = 53
PORTS = {"udp": PORT, "tcp": PORT, "tls": 853, "https": 443}
HTTPS_PATH = "/dns-query"
"""Where most servers are asked over https."""
OWN_TTL_S = 300
SOURCE_SIZE = 8
"""Bytes that tell one policy's servers from another's."""
LOOPBACK = "lo"
"""The router asks its own server, too."""


@dataclass(frozen=True)
class ListFile:
    """A blocklist's file as it was found; another time or size means that its content may have changed."""

    name: str
    size: int
    modified_ns: int


@dataclass(frozen=True)
class DnsPlan(Plan):
    """What the server shall serve: on which devices, with which lists, and what.

    ``missing`` are lists that are not there (yet): the rest is served, and the status names them.
    """

    config: ServerConfig = field(default_factory=ServerConfig)
    devices: tuple[str, ...] = ()
    lists: tuple[ListFile, ...] = ()
    missing: tuple[str, ...] = ()


def plan(config: Configuration, found: Mapping[str, ListFile], earlier: Earlier) -> DnsPlan:
    """Return the server's configuration and openings for each zone that it listens in."""
    dns = config.get(Dns)
    links = earlier.find(InterfacesPlan) or InterfacesPlan()
    zones = {item.id: item.zone for item in config.get(Interfaces).interfaces}
    devices = [device for role in dns.listen if (device := links.devices.get(role)) is not None]
    lists = {file_of(item): item.file or item.url or "" for item in dns.blocklists}
    served = dict.fromkeys(zone for role in dns.listen if (zone := zones.get(role)) is not None)
    openings = [Opening(zone, "udp", (PORT,), "dns") for zone in served]
    openings += [Opening(zone, "tcp", (PORT,), "dns") for zone in served]
    told = ServerConfig(
        domain=dns.local.domain,
        records=tuple(_records(config, dns, links)),
        upstreams=_servers((item for item in dns.upstreams if not item.domains), links),
        fastest_first=dns.ask == "fastest",
        lease_names=dns.local.leases,
        cache_size=dns.cache.size,
        serve_stale_s=dns.cache.serve_stale,
        query_log_s=dns.query_log.keep,
        query_log_entries=dns.query_log.entries,
        rebind_protection=dns.rebind_protection,
        private_domains=dns.private_domains,
        lists=_for_everyone(dns),
        policies=tuple(_policies(dns, links)),
        block=_decided(dns.names, "block"),
        allow=_decided(dns.names, "allow"),
        forwards=tuple(_forwards(dns, links)),
        dns64=_dns64(dns, wanted=None),
    )
    return DnsPlan(
        contributions=tuple(openings),
        config=told,
        devices=(LOOPBACK, *devices) if dns.listen else (),
        lists=tuple(found[name] for name in lists if name in found),
        missing=tuple(told for name, told in lists.items() if name not in found),
    )


def hostname_of(config: Configuration) -> str:
    """Return the router's own name, from the main file, whose model stands on a higher floor than this."""
    system = getattr(config.sections.get("patronus"), "system", None)
    return str(getattr(system, "hostname", "patronus"))


def _records(config: Configuration, dns: Dns, links: InterfacesPlan) -> Iterator[LocalRecord]:
    """Yield our records, the router's own name, then reserved hosts: the first to have a name keeps it."""
    taken = set()
    for record in dns.records:
        taken.add(record.name.lower())
        yield _record(record)
    own = f"{hostname_of(config).lower()}.{dns.local.domain}"
    for role in dns.listen if own not in taken else ():
        for address in links.addresses.get(role, ()):
            rtype = Type.A if address.version == 4 else Type.AAAA
            yield LocalRecord(own, rtype, OWN_TTL_S, address.ip.packed.hex())
    taken.add(own)
    for pool in config.get(Dhcp).pools:
        for item in pool.reservations:
            name = f"{item.hostname}.{dns.local.domain}"
            if item.hostname and name not in taken:
                taken.add(name)
                yield LocalRecord(name, Type.A, OWN_TTL_S, item.address.packed.hex())


def _record(record: Record) -> LocalRecord:
    data = record_data(record.type, record.value).hex()
    return LocalRecord(record.name.lower(), TYPES[record.type], record.ttl, data)


def _for_everyone(dns: Dns) -> tuple[str, ...]:
    return tuple(dict.fromkeys(file_of(item) for item in dns.blocklists if item.everyone))


def _policies(dns: Dns, links: InterfacesPlan) -> Iterator[Policy]:
    """Yield the policies that somebody can have: one whose interfaces are all missing is nobody's."""
    files = {item.id: file_of(item) for item in dns.blocklists}
    for item in dns.policies:
        devices = [device for role in item.interfaces if (device := links.devices.get(role)) is not None]
        if devices or not item.interfaces:
            yield Policy(
                id=item.id,
                devices=tuple(devices),
                clients=tuple(map(str, item.clients)),
                lists=_for_everyone(dns) if item.blocklists is None else _files(item.blocklists, files),
                records=tuple(map(_record, item.records)),
                block=_decided(item.names, "block"),
                allow=_decided(item.names, "allow"),
                only_allowed=item.only_allowed,
                upstreams=_servers(item.upstreams, links),
                source=_source(item.upstreams),
                dns64=_dns64(dns, item.dns64),
            )


def _dns64(dns: Dns, wanted: bool | None) -> Dns64 | None:
    """Return how names without IPv6 are answered those who want it; None: as everyone."""
    if dns.dns64 is None or not (dns.dns64.everyone if wanted is None else wanted):
        return None
    return Dns64(str(dns.dns64.prefix), tuple(map(str, dns.dns64.exclude)))


def _forwards(dns: Dns, links: InterfacesPlan) -> Iterator[Forward]:
    """Yield the domains that have servers of their own, those that have the same together."""
    domains = dict.fromkeys(domain for item in dns.upstreams for domain in item.domains)
    found: dict[tuple[Upstream, ...], list[str]] = {}
    for domain in domains:
        asked = tuple(item for item in dns.upstreams if domain in item.domains)
        found.setdefault(asked, []).append(domain)
    for asked, together in found.items():
        yield Forward(tuple(together), _servers(asked, links), _source(asked, {"domains"}))


def _decided(names: Iterable[Decision], action: str) -> tuple[str, ...]:
    return tuple(item.name for item in names if item.action == action)


def _files(lists: Iterable[str], files: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(files[item] for item in lists))


def _source(upstreams: Sequence[Upstream], apart_from: Set[str] = frozenset({"id", "domains"})) -> str:
    """Return what tells the answers of these servers from all others', in hex; empty where there are none."""
    told = [item.model_dump(mode="json", exclude={*apart_from}, exclude_none=True) for item in upstreams]
    return hashlib.blake2b(json.dumps(told).encode(), digest_size=SOURCE_SIZE).hexdigest() if told else ""


def _servers(upstreams: Iterable[Upstream], links: InterfacesPlan) -> tuple[UpstreamServer, ...]:
    return tuple(dict.fromkeys(_upstreams(upstreams, links)))


def _upstreams(upstreams: Iterable[Upstream], links: InterfacesPlan) -> Iterator[UpstreamServer]:
    """Yield the servers to ask, in the order of the file; an uplink that was told none gives none."""
    for upstream in upstreams:
        learned = links.learned.get(upstream.from_) if upstream.from_ is not None else None
        addresses = learned.dns_servers if learned is not None else ()
        for address in addresses if upstream.address is None else (upstream.address,):
            yield _upstream(upstream, str(address))


def _upstream(upstream: Upstream, address: str) -> UpstreamServer:
    protocol = upstream.protocol
    found = UpstreamServer(upstream.id, address, upstream.port or PORTS[protocol], protocol)
    if not found.private:
        return found
    path = upstream.path or HTTPS_PATH if protocol == "https" else ""
    return replace(found, name=upstream.name or address, ca=upstream.ca or "", path=path)
