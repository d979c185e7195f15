# SPDX-License-Identifier: GPL-2.0-or-later
"""What one uplink alone cannot show: interfaces that lead nowhere, checks that lack a part. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace

from patronus.core.model import Configuration
from patronus.core.problem import Path, Problem
from patronus.network.interfaces.check_vrf import not_in_vrf
from patronus.network.interfaces.model import Interface, Interfaces
from patronus.network.routing.model import SECTION as ROUTING
from patronus.network.routing.model import Routing
from patronus.network.uplinks.model import SECTION, Check, Uplink, Uplinks
from patronus.network.uplinks.ways import DEFAULT_METRIC


def check(config: Configuration) -> Iterator[Problem]:
    """Yield every problem of the uplinks, each with its place."""
    interfaces = {item.id: item for item in config.get(Interfaces).interfaces}
    seen: set[str] = set()
    for position, item in enumerate(config.get(Uplinks).uplinks):
        path: Path = (SECTION.path, "uplinks", position)
        found = [*_check_interface(path, item, interfaces.get(item.id), interfaces.values())]
        for at, one in enumerate(item.checks):
            found += _check_check((*path, "checks", at), one)
        if item.id in seen:
            found.append(Problem((*path, "id"), f"{item.id} is there twice", item.id))
        seen.add(item.id)
        for problem in found:
            yield replace(problem, location=config.locate(problem.path))
    for problem in (*_check_policies(config, seen), *_check_defaults(config, seen)):
        yield replace(problem, location=config.locate(problem.path))


def _check_policies(config: Configuration, known: Collection[str]) -> Iterator[Problem]:
    """Yield the policies of routing that name no uplink."""
    for position, policy in enumerate(config.get(Routing).policies):
        if policy.uplink is not None and policy.uplink not in known:
            allowed = "one of " + ", ".join(sorted(known)) if known else "none is configured"
            text = f"there is no uplink {policy.uplink}"
            yield Problem((ROUTING.path, "policies", position, "uplink"), text, policy.uplink, allowed)


def _check_defaults(config: Configuration, known: Collection[str]) -> Iterator[Problem]:
    """Yield the static default routes that would be in the place of that of the uplinks."""
    for position, route in enumerate(config.get(Routing).routes):
        if known and not route.destination.prefixlen and route.metric == DEFAULT_METRIC and route.enabled:
            text = f"the uplinks lead to {route.destination} with metric {DEFAULT_METRIC}"
            path: Path = (ROUTING.path, "routes", position, "metric")
            yield Problem(path, text, route.metric, hint="the smaller metric is taken first")


def _check_interface(
    path: Path, item: Uplink, interface: Interface | None, every: Collection[Interface]
) -> Iterator[Problem]:
    if interface is None:
        allowed = "one of " + ", ".join(sorted(one.id for one in every)) if every else "none is configured"
        yield Problem((*path, "id"), f"there is no interface {item.id}", item.id, allowed)
        return
    yield from not_in_vrf((*path, "id"), item.id, every, "its own routes alone lead out")
    if not has_gateway(interface):
        hint = "give it a gateway, or ipv4: {method: dhcp}"
        yield Problem((*path, "id"), f"{item.id} has no gateway and asks for none", item.id, hint=hint)


def has_gateway(interface: Interface) -> bool:
    """Return whether an interface has a gateway, or asks a provider for one."""
    asks = interface.ipv4.method not in ("static", "none") or interface.ipv6.method in ("dhcp", "slaac")
    return asks or interface.ipv4.gateway is not None or interface.ipv6.gateway is not None


def _check_check(path: Path, item: Check) -> Iterator[Problem]:
    if item.kind == "tcp" and item.port is None:
        yield Problem((*path, "port"), "a check by tcp needs a port", hint="port: 443")
    if item.kind == "icmp" and item.port is not None:
        yield Problem((*path, "port"), "an echo has no port", item.port, hint="kind: tcp")
    if item.kind == "dns" and item.name is None:
        yield Problem((*path, "name"), "nothing says which name is asked for", hint="name: example.com")
    if item.kind in ("icmp", "tcp") and item.name is not None:
        yield Problem((*path, "name"), f"a check by {item.kind} asks for no name", item.name)
    target = item.target
    if target is not None and (target.is_multicast or target.is_unspecified or target.is_loopback):
        yield Problem((*path, "target"), f"{target} is not the address of another host", target)
