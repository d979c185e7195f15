# SPDX-License-Identifier: GPL-2.0-or-later
"""What is wrong with the DNS section seen with the rest, and what this version does not do. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from patronus.core.model import Configuration
from patronus.core.problem import Path, Problem, Severity
from patronus.network.dns.check_dns64 import check_dns64
from patronus.network.dns.check_domains import check_domains
from patronus.network.dns.model import Blocklist, Decision, Dns, Policy, Record, Upstream
from patronus.network.dns.names import MalformedMessage, wire_name
from patronus.network.dns.record import FORMS, record_data
from patronus.network.interfaces.check_vrf import not_in_vrf
from patronus.network.interfaces.model import Interface, Interfaces

SECTION_PATH = "network/dns"
OFTEN_S = 600
LONGEST_TTL_S = 2**31 - 1
"""RFC 2181 section 8."""


def check(config: Configuration) -> Iterator[Problem]:
    """Yield every problem of the section, each with its place."""
    dns = config.get(Dns)
    interfaces = {interface.id: interface for interface in config.get(Interfaces).interfaces}
    for problem in _problems(dns, interfaces):
        yield replace(problem, location=config.locate(problem.path))


def _problems(dns: Dns, interfaces: dict[str, Interface]) -> Iterator[Problem]:
    yield from _listening(dns, interfaces)
    yield from _upstreams(dns.upstreams, (SECTION_PATH, "upstreams"), interfaces)
    yield from check_domains(dns)
    for position, blocklist in enumerate(dns.blocklists):
        yield from _blocklist(blocklist, (SECTION_PATH, "blocklists", position))
    yield from _records(dns.records, (SECTION_PATH, "records"), ())
    for position, policy in enumerate(dns.policies):
        place: Path = (SECTION_PATH, "policies", position)
        yield from _policy(policy, place, dns)
        yield from _upstreams(policy.upstreams, (*place, "upstreams"), interfaces)
    yield from _decisions(dns.names, (SECTION_PATH, "names"), dns.local.domain)
    yield from _unused(dns)
    yield from check_dns64(dns)
    if dns.listen and all(item.domains for item in dns.upstreams):
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
        yield from not_in_vrf(path, role, interfaces.values(), "names are not resolved")
        if role in dns.listen[:position]:
            yield Problem(path, f"{role} stands here twice", role)


def _upstreams(
    upstreams: Sequence[Upstream], path: Path, interfaces: dict[str, Interface]
) -> Iterator[Problem]:
    for position, upstream in enumerate(upstreams):
        yield from _upstream(upstream, (*path, position), interfaces)


def _upstream(upstream: Upstream, path: Path, interfaces: dict[str, Interface]) -> Iterator[Problem]:
    if upstream.from_ is not None:
        role = interfaces.get(upstream.from_)
        if role is None:
            known = ", ".join(interfaces) or "none is configured"
            yield Problem((*path, "from"), f"no interface is called {upstream.from_}", upstream.from_, known)
        elif role.ipv4.method != "dhcp" and role.ipv6.method not in {"dhcp", "slaac"}:
            message = f"{upstream.from_} is not told any servers: its addresses are static"
            yield Problem((*path, "from"), message, upstream.from_, hint="give the server's address instead")
    for field in ("name", "ca") if upstream.protocol in {"udp", "tcp"} else ():
        if getattr(upstream, field) is not None:
            message = f"over {upstream.protocol} nobody shows a certificate, so {field} would do nothing"
            yield Problem((*path, field), message, None, hint="protocol: tls")
    if upstream.path is not None and upstream.protocol != "https":
        message = f"over {upstream.protocol} nothing is asked at a path, so it would do nothing"
        yield Problem((*path, "path"), message, upstream.path, hint="protocol: https")
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


def _policy(policy: Policy, path: Path, dns: Dns) -> Iterator[Problem]:
    """Yield what is wrong with a policy: it must be somebody's, and name lists that there are."""
    for position, role in enumerate(policy.interfaces):
        if role not in dns.listen:
            message = f"the server does not listen on {role}, so nobody asks there"
            yield Problem((*path, "interfaces", position), message, role, ", ".join(dns.listen) or None)
    known = [item.id for item in dns.blocklists]
    for position, name in enumerate(policy.blocklists or ()):
        if name not in known:
            message = f"no blocklist is called {name}"
            yield Problem((*path, "blocklists", position), message, name, ", ".join(known) or None)
    yield from _records(policy.records, (*path, "records"), dns.records)
    yield from _decisions(policy.names, (*path, "names"), dns.local.domain)
    if policy.only_allowed:
        yield from _only_allowed(policy, path)


def _decisions(names: Sequence[Decision], path: Path, domain: str) -> Iterator[Problem]:
    """Yield what is wrong with names that are blocked or allowed in one place."""
    seen: set[str] = set()
    for position, item in enumerate(names):
        if item.name in seen:
            message = f"{item.name} stands here twice"
            yield Problem((*path, position, "name"), message, item.name, "each name once")
        seen.add(item.name)
        if f".{item.name}".endswith(f".{domain}"):
            message = f"this router answers all of {domain} itself, so this does nothing"
            yield Problem((*path, position, "name"), message, item.name, severity=Severity.WARNING)


def _only_allowed(policy: Policy, path: Path) -> Iterator[Problem]:
    if policy.blocklists:
        message = "no name exists but what is allowed, so blocklists would do nothing"
        yield Problem((*path, "blocklists"), message, hint="leave blocklists or only_allowed out")
    if all(item.action == "block" for item in policy.names):
        message = f"nothing is allowed for {policy.id}: only this router's own names will resolve"
        hint = "names: [{name: www.example, action: allow}]"
        yield Problem((*path, "only_allowed"), message, hint=hint, severity=Severity.WARNING)


def _unused(dns: Dns) -> Iterator[Problem]:
    named = {name for policy in dns.policies for name in policy.blocklists or ()}
    for position, item in enumerate(dns.blocklists):
        if not item.everyone and item.id not in named:
            path: Path = (SECTION_PATH, "blocklists", position, "everyone")
            message = f"{item.id} is for no one: no policy names it"
            yield Problem(path, message, hint="name it in a policy", severity=Severity.WARNING)


def _records(records: Sequence[Record], section: Path, others: Sequence[Record]) -> Iterator[Problem]:
    """Yield what is wrong with records; an alias may lead to one of the ``others`` as well."""
    aliases = {record.name.lower() for record in records if record.type == "CNAME"}
    names = {record.name.lower() for record in records}
    targets = names | {record.name.lower() for record in others}
    seen: set[tuple[str, str, str]] = set()
    for position, record in enumerate(records):
        path: Path = (*section, position)
        name = record.name.lower()
        try:
            wire_name(name)
            record_data(record.type, record.value)
        except MalformedMessage as error:
            yield Problem((*path, "name"), str(error), record.name)
        except ValueError:
            message = f"{record.value} is no value of a {record.type} record"
            yield Problem((*path, "value"), message, record.value, FORMS[record.type])
        if record.ttl > LONGEST_TTL_S:
            message = f"nobody can keep {record.name} for {record.ttl} s"
            yield Problem((*path, "ttl"), message, record.ttl, f"{LONGEST_TTL_S}s at most")
        if (name, record.type, record.value) in seen:
            yield Problem(path, f"{record.name} has this record twice", record.value)
        seen.add((name, record.type, record.value))
        if name in aliases and sum(other.name.lower() == name for other in records) > 1:
            yield Problem(path, f"{record.name} is an alias and can have no other record", record.type)
        if record.type == "CNAME" and record.value.lower().rstrip(".") not in targets:
            message = "an alias must name another record of this file in this version"
            yield Problem(
                (*path, "value"), message, record.value, ", ".join(sorted(targets - {name})) or None
            )
