# SPDX-License-Identifier: GPL-2.0-or-later
"""The entries of ``firewall/nat`` with their names resolved, and the filter rules that they ask for. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from patronus.firewall.addresses import VERSIONS, AddressSet, Version, host_networks
from patronus.firewall.model import SELF, Dnat, Exempt, Mapped, Masquerade, Nat, NatEntry, Protocol, Snat
from patronus.firewall.policy import Forward, Match, PolicyRule, SourceTranslation
from patronus.firewall.resolve.names import Names

FAMILIES: dict[str, tuple[Version, ...]] = {"ipv4": (4,), "ipv6": (6,), "both": (4, 6)}


def forwards(nat: Nat, names: Names) -> Iterator[Forward]:
    """Yield what translates destinations, in the order of the file."""
    for entry in nat.nat:
        if not entry.enabled:
            continue
        if isinstance(entry, Dnat):
            yield _forward(entry, names)
        elif isinstance(entry, Mapped):
            yield _inwards(entry)
        elif isinstance(entry, Exempt) and entry.in_ is not None:
            yield from _left_alone(entry, entry.in_, names)


def sources(nat: Nat, names: Names) -> Iterator[SourceTranslation]:
    """Yield what translates sources, in the order of the file."""
    for entry in nat.nat:
        found = _source(entry, names) if entry.enabled else None
        if found is not None:
            yield found


def forward_rules(
    nat: Nat, found: Iterable[Forward], zones: frozenset[str], local: AddressSet
) -> Iterator[PolicyRule]:
    """Yield the filter rules of entries that ask for one; from other zones too where they hairpin."""
    wanted = {entry.id for entry in nat.nat if isinstance(entry, Dnat | Mapped) and entry.rule}
    helpers = {entry.id: entry.helper for entry in nat.nat if isinstance(entry, Dnat)}
    for item in found:
        if item.id not in wanted or item.inner is None:
            continue
        match = Match(
            source=item.source,
            destination=AddressSet.of([item.inner]),
            protocols=item.protocols,
            destination_ports=(item.target_ports,) if item.target_ports else item.ports,
            translated=True,
        )
        outside = frozenset({item.from_zone})
        inside = frozenset({SELF}) if item.inner.network_address in local else zones
        rule = PolicyRule(f"nat/{item.id}", "allow", match, outside, inside, helper=helpers.get(item.id))
        yield rule
        if item.hairpin is not None:
            yield replace(rule, match=replace(match, source=None), from_zones=zones - outside)


def _numbers(protocols: Iterable[Protocol] | None) -> tuple[int, ...] | None:
    return tuple(sorted({protocol.number for protocol in protocols})) if protocols else None


def _forward(entry: Dnat, names: Names) -> Forward:
    outer = names.addresses(entry.destination)
    return Forward(
        id=entry.id,
        version=4 if entry.to.address.version == 4 else 6,
        from_zone=entry.in_,
        inner=next(host_networks([entry.to.address])),
        protocols=_numbers(entry.protocol),
        ports=names.ports(entry.destination_port) or None,
        target_ports=entry.to.ports,
        source=names.addresses(entry.source),
        outer=outer,
        hairpin=(outer or names.zone_addresses(entry.in_)) if entry.hairpin else None,
    )


def _inwards(entry: Mapped) -> Forward:
    outer = AddressSet.of([entry.outside])
    return Forward(
        id=entry.id,
        version=4 if entry.outside.version == 4 else 6,
        from_zone=entry.zone,
        inner=entry.inside,
        outer=outer,
        hairpin=outer if entry.hairpin else None,
    )


def _left_alone(entry: Exempt, zone: str, names: Names) -> Iterator[Forward]:
    source, outer = names.addresses(entry.source), names.addresses(entry.destination)
    protocols, ports = _numbers(entry.protocol), names.ports(entry.destination_port)
    for version in VERSIONS:
        if all(side is None or side.intervals(version) for side in (source, outer)):
            yield Forward(entry.id, version, zone, None, protocols, ports, source=source, outer=outer)


def _source(entry: NatEntry, names: Names) -> SourceTranslation | None:
    if isinstance(entry, Mapped):
        version: Version = 4 if entry.inside.version == 4 else 6
        inside = AddressSet.of([entry.inside])
        return SourceTranslation(entry.id, entry.zone, (version,), inside, to=entry.outside)
    if isinstance(entry, Dnat) or entry.out is None:
        return None
    source, destination = names.addresses(entry.source), names.addresses(entry.destination)
    if isinstance(entry, Masquerade):
        return SourceTranslation(entry.id, entry.out, FAMILIES[entry.family], source, destination)
    if isinstance(entry, Snat):
        family: Version = 4 if entry.to.first.version == 4 else 6
        return SourceTranslation(entry.id, entry.out, (family,), source, destination, entry.to)
    return SourceTranslation(
        entry.id, entry.out, VERSIONS, source, destination, exempt=True,
        protocols=_numbers(entry.protocol), ports=names.ports(entry.destination_port),
    )  # fmt: skip
