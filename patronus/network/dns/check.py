# SPDX-License-Identifier: GPL-2.0-or-later
"""What is wrong with the DNS section seen with the rest, and what this version does not do. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from patronus.core.model import Configuration
from patronus.core.problem import Path, Problem, Severity
from patronus.network.dns.model import Blocklist, Dns, Upstream
from patronus.network.dns.record import FORMS, record_data
from patronus.network.dns.wire import MalformedMessage, wire_name
from patronus.network.interfaces.model import Interface, Interfaces

SECTION_PATH = "network/dns"
OFTEN_S = 600


def check(config: Configuration) -> Iterator[Problem]:
    """Yield every problem of the section, each with its place."""
    dns = config.get(Dns)
    interfaces = {interface.id: interface for interface in config.get(Interfaces).interfaces}
    for problem in _problems(dns, interfaces):
        yield replace(problem, location=config.locate(problem.path))


def _problems(dns: Dns, interfaces: dict[str, Interface]) -> Iterator[Problem]:
    yield from _listening(dns, interfaces)
    for position, upstream in enumerate(dns.upstreams):
        yield from _upstream(upstream, (SECTION_PATH, "upstreams", position), interfaces)
    for position, blocklist in enumerate(dns.blocklists):
        yield from _blocklist(blocklist, (SECTION_PATH, "blocklists", position))
    yield from _records(dns)
    if dns.listen and not dns.upstreams:
        path: Path = (SECTION_PATH, "upstreams")
        message = "nobody is asked: only local names will resolve"
        yield Problem(path, message, hint="{id: isp, from: wan}", severity=Severity.WARNING)


def _listening(dns: Dns, interfaces: dict[str, Interface]) -> Iterator[Problem]:
    for position, role in enumerate(dns.listen):
        path: Path = (SECTION_PATH, "listen", position)
        if role not in interfaces:
            known = ", ".join(interfaces) or "none is configured"
            yield Problem(path, f"no interface is called {role}", role, known)
        elif interfaces[role].zone is None:
            yield Problem(path, f"{role} has no zone, so nobody could reach the server", role)
        if role in dns.listen[:position]:
            yield Problem(path, f"{role} stands here twice", role)


def _upstream(upstream: Upstream, path: Path, interfaces: dict[str, Interface]) -> Iterator[Problem]:
    if upstream.from_ is not None:
        role = interfaces.get(upstream.from_)
        if role is None:
            known = ", ".join(interfaces) or "none is configured"
            yield Problem((*path, "from"), f"no interface is called {upstream.from_}", upstream.from_, known)
        elif role.ipv4.method != "dhcp" and role.ipv6.method not in {"dhcp", "slaac"}:
            message = f"{upstream.from_} is not told any servers: its addresses are static"
            yield Problem((*path, "from"), message, upstream.from_, hint="give the server's address instead")
    for field in ("name", "ca") if upstream.protocol != "tls" else ():
        if getattr(upstream, field) is not None:
            message = f"over {upstream.protocol} nobody shows a certificate, so {field} would do nothing"
            yield Problem((*path, field), message, None, hint="protocol: tls")
    if upstream.address is not None and upstream.address.is_loopback:
        yield Problem((*path, "address"), "the server would ask itself", upstream.address)


def _blocklist(blocklist: Blocklist, path: Path) -> Iterator[Problem]:
    if blocklist.url is not None and not blocklist.url.startswith("https://"):
        message = "a list is brought in over https alone"
        yield Problem((*path, "url"), message, blocklist.url, "https://host/path")
    for field in ("refresh", "ca") if blocklist.url is None else ():
        if getattr(blocklist, field) is not None:
            message = f"a file is not fetched, so {field} would do nothing"
            yield Problem((*path, field), message, None, hint="url in place of file")
    if blocklist.refresh is not None and blocklist.refresh < OFTEN_S:
        message = f"every {blocklist.refresh} s is too often for whoever publishes it"
        yield Problem((*path, "refresh"), message, blocklist.refresh, f"{OFTEN_S}s or longer")


def _records(dns: Dns) -> Iterator[Problem]:
    aliases = {record.name.lower() for record in dns.records if record.type == "CNAME"}
    names = {record.name.lower() for record in dns.records}
    seen: set[tuple[str, str, str]] = set()
    for position, record in enumerate(dns.records):
        path: Path = (SECTION_PATH, "records", position)
        name = record.name.lower()
        try:
            wire_name(name)
            record_data(record.type, record.value)
        except MalformedMessage as error:
            yield Problem((*path, "name"), str(error), record.name)
        except ValueError:
            message = f"{record.value} is no value of a {record.type} record"
            yield Problem((*path, "value"), message, record.value, FORMS[record.type])
        if (name, record.type, record.value) in seen:
            yield Problem(path, f"{record.name} has this record twice", record.value)
        seen.add((name, record.type, record.value))
        if name in aliases and sum(other.name.lower() == name for other in dns.records) > 1:
            yield Problem(path, f"{record.name} is an alias and can have no other record", record.type)
        if record.type == "CNAME" and record.value.lower().rstrip(".") not in names:
            message = "an alias must name another record of this file in this version"
            yield Problem((*path, "value"), message, record.value, ", ".join(sorted(names - {name})) or None)
