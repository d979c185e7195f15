# SPDX-License-Identifier: GPL-2.0-or-later
"""Translations of the policy to the chains of nftables that rewrite addresses.

A port forward needs no address of the router: it fits what is addressed to the router at all. From inside
(hairpin) it fits the outer address; where client and server share an interface, the router also stands in
as source, or the server would answer past it. What is exempt is accepted, which ends the chain for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from patronus.core.values import PortRange
from patronus.firewall.addresses import AddressSet, Version
from patronus.firewall.policy import Forward, Policy, SourceTranslation
from patronus.firewall.table import statements as say
from patronus.firewall.table.ruleset import Chain, Expression, Hook, NftRule

DESTINATION = Hook("nat", "prerouting", -100, "accept")
SOURCE = Hook("nat", "postrouting", 100, "accept")


def nat_chains(policy: Policy) -> dict[str, Chain]:
    """Return the chains for destinations and for sources."""
    destinations = [rule for item in policy.forwards for rule in _forward_rules(item, policy)]
    hairpins = [rule for item in policy.forwards for rule in _hairpin_source(item, policy)]
    sources = [rule for item in policy.sources for rule in _source_rules(item, policy)]
    return {
        "destinations": Chain(tuple(destinations), DESTINATION),
        "sources": Chain((*hairpins, *sources), SOURCE),
    }


def _forward_rules(item: Forward, policy: Policy) -> Iterator[NftRule]:
    version, origin = item.version, f"nat/{item.id}"
    devices = policy.zones.get(item.from_zone, ())
    what = [*_asked_ports(item), say.counter(origin), _rewrite(item)]
    if devices and _has(item.source, version) and _has(item.outer, version):
        where = [say.arrives_on(devices), say.version_is(version)]
        if item.source is not None:
            where.append(say.address_in(version, "saddr", item.source))
        where.append(say.FOR_ROUTER if item.outer is None else say.address_in(version, "daddr", item.outer))
        yield NftRule(origin, (*where, *what))
    inside = [device for zone, found in policy.zones.items() if zone != item.from_zone for device in found]
    if inside and item.hairpin is not None and item.hairpin.intervals(version):
        where = [say.arrives_on(inside), say.address_in(version, "daddr", item.hairpin)]
        yield NftRule(origin, (*where, *what))


def _has(addresses: Any, version: Version) -> bool:
    return addresses is None or bool(addresses.intervals(version))


def _asked_ports(item: Forward | SourceTranslation) -> list[Expression]:
    protocols = [] if item.protocols is None else [say.protocol_in(item.protocols)]
    return protocols if item.ports is None else [*protocols, say.ports_in("dport", item.ports)]


def _rewrite(item: Forward) -> Expression:
    if item.inner is None:
        return say.ACCEPT
    ports = item.target_ports
    port: Any = None
    if ports is not None and item.ports != (ports,):
        port = ports.first if ports.first == ports.last else _moved(item.ports, ports)
    return say.translate("dnat", item.version, item.inner, port)


def _moved(asked: tuple[PortRange, ...] | None, wanted: PortRange) -> Expression:
    """Return a map of ports: given a range, nftables would take any port of it."""
    assert asked is not None, "the model refuses a range of targets without a range to come from"
    pairs = [
        [port, wanted.first + port - asked[0].first] for port in range(asked[0].first, asked[0].last + 1)
    ]
    return {"map": {"key": say.payload("th", "dport"), "data": {"set": pairs}}}


def _hairpin_source(item: Forward, policy: Policy) -> Iterator[NftRule]:
    """Yield the masquerade for clients that share the server's interface."""
    inside = sorted(
        device for zone, found in policy.zones.items() if zone != item.from_zone for device in found
    )
    if item.hairpin is None or item.inner is None or not inside or not item.hairpin.intervals(item.version):
        return
    same = say.match(
        {"concat": [say.meta("iifname"), say.meta("oifname")]},
        {"set": [{"concat": [device, device]} for device in inside]},
    )
    ports = (item.target_ports,) if item.target_ports else item.ports
    statements = [
        same,
        say.address_in(item.version, "daddr", AddressSet.of([item.inner])),
        *_asked_ports(replace(item, ports=ports)),
        say.TRANSLATED,
        say.asked_for(item.version, item.hairpin),
        say.MASQUERADE,
    ]
    yield NftRule(f"nat/{item.id}", tuple(statements))


def _source_rules(item: SourceTranslation, policy: Policy) -> Iterator[NftRule]:
    devices = policy.zones.get(item.out_zone, ())
    for version in item.versions:
        if not devices or not _has(item.source, version) or not _has(item.destination, version):
            continue
        statements = [say.leaves_by(devices), say.version_is(version)]
        for name, addresses in (("saddr", item.source), ("daddr", item.destination)):
            if addresses is not None:
                statements.append(say.address_in(version, name, addresses))
        statements += [*_asked_ports(item), say.counter(f"nat/{item.id}"), _rewritten(item, version)]
        yield NftRule(f"nat/{item.id}", tuple(statements))


def _rewritten(item: SourceTranslation, version: Version) -> Expression:
    if item.exempt:
        return say.ACCEPT
    return say.MASQUERADE if item.to is None else say.translate("snat", version, item.to)
