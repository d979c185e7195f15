# SPDX-License-Identifier: GPL-2.0-or-later
"""What is wrong with the domains that servers of their own are asked for. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from patronus.core.problem import Path, Problem, Severity
from patronus.network.dns.model import Dns

UPSTREAMS: Path = ("network/dns", "upstreams")


def check_domains(dns: Dns) -> Iterator[Problem]:
    """Yield every problem with the domains of servers, everybody's and those of policies."""
    own = dns.local.domain
    for place, item in enumerate(dns.upstreams):
        for position, domain in enumerate(item.domains):
            path = (*UPSTREAMS, place, "domains", position)
            if domain in item.domains[:position]:
                yield Problem(path, f"{domain} stands here twice", domain, "each domain once")
            if domain == own:
                message = f"this router answers all of {own} itself, so nobody is asked for it"
                yield Problem(path, message, domain, f"a domain below {own}, or another")
    yield from _of_policies(dns)
    yield from _nobodys(dns)


def _of_policies(dns: Dns) -> Iterator[Problem]:
    """Yield where a policy's own servers name domains: these are the same whoever asks."""
    for place, policy in enumerate(dns.policies):
        for position, item in enumerate(policy.upstreams):
            if item.domains:
                path: Path = ("network/dns", "policies", place, "upstreams", position, "domains")
                message = "a domain has the same servers whoever asks"
                yield Problem(path, message, hint="name them among the upstreams for everybody")


def _nobodys(dns: Dns) -> Iterator[Problem]:
    """Yield domains whose names clients never reach, since people blocked one above them."""
    blocked = {item.name for item in dns.names if item.action == "block"}
    for place, item in enumerate(dns.upstreams):
        for position, domain in enumerate(item.domains):
            above = next((name for name in blocked if f".{domain}".endswith(f".{name}")), None)
            allowed = any(one.name == domain for one in dns.names if one.action == "allow")
            if above is not None and not allowed:
                path = (*UPSTREAMS, place, "domains", position)
                message = f"{above} is blocked for everybody, so nobody is asked for {domain}"
                yield Problem(path, message, domain, severity=Severity.WARNING)
