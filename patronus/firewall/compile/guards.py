# SPDX-License-Identifier: GPL-2.0-or-later
"""Guards to nftables: a chain that first packets go through before the rules, and what it counts with.

Sources are counted in sets that the kernel fills. Where such a set is full, a new source is not counted and
passes: a flood from everywhere shuts nobody out. Only the limit of echo requests stands in a hook of its own,
since those of one exchange are not first packets.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from patronus.firewall.addresses import VERSIONS, Version, address
from patronus.firewall.guards import (
    BOGON_SET,
    BOGONS,
    ICMP_FLOOD,
    PORT_SCAN,
    SPOOFED,
    SYN_FLOOD,
    UDP_FLOOD,
    Flood,
)
from patronus.firewall.model.flags import parse_flags
from patronus.firewall.model.match import ICMP, ICMPV6, TCP, UDP
from patronus.firewall.policy import Policy
from patronus.firewall.table import statements as say
from patronus.firewall.table.ruleset import (
    Chain,
    Container,
    Expression,
    Hook,
    Meter,
    NftRule,
    halves,
    set_reference,
)

CHAIN = "protection"
EARLY = Hook("filter", "prerouting", -290, "accept")
NOBODY: dict[Version, str] = {version: str(address(version, 0)) for version in VERSIONS}
"""Who has no address yet asks from this one."""
FIRST = parse_flags(["syn", "!ack", "!rst", "!fin"])
HOST_BITS: dict[Version, int] = {4: 0, 6: 64}
"""Bits of an address that its host chooses as it likes; a flood of one host comes from all of them."""
ECHO = {4: (ICMP, 8), 6: (ICMPV6, 128)}
REMEMBERED_S = 60
"""How long a source is counted after its last packet."""


def guard_chains(policy: Policy) -> dict[str, Chain]:
    """Return the chains of the guards that stand."""
    found = {}
    rules = (
        *_scanners(policy),
        *_spoofed(policy),
        *_bogons(policy),
        *_syn_flood(policy),
        *_udp_flood(policy),
    )
    if rules:
        found[CHAIN] = Chain(rules)
    if policy.guards.icmp is not None and (devices := _devices(policy, policy.guards.icmp.zones)):
        found[ICMP_FLOOD] = Chain(tuple(_echo(devices, policy.guards.icmp)), EARLY)
    return found


def guard_sets(policy: Policy) -> dict[str, Container]:
    """Return the sets that the guards look in and count with."""
    found: dict[str, Container] = {}
    if policy.guards.bogons:
        found |= {**halves(BOGONS, BOGON_SET), **halves("known", policy.guards.known)}
    for name, flood in policy.guards.floods.items():
        found |= _meters(_meter_name(name, flood), REMEMBERED_S)
    if policy.guards.scan is not None:
        found |= _meters(_meter_name(PORT_SCAN, policy.guards.scan), 2 * policy.guards.scan.rate.per_s)
        found |= _meters(_shut_out(policy), policy.guards.shut_out_s)
    return found


def knocks(policy: Policy, zones: Sequence[str]) -> Iterator[NftRule]:
    """Yield what counts the packets of the zones that nothing fits, before they fall."""
    scan = policy.guards.scan
    devices = _devices(policy, frozenset(zones) & scan.zones) if scan is not None else []
    if scan is None or not devices:
        return
    for version in VERSIONS:
        where = (say.arrives_on(devices), say.in_set(version, "saddr", "never", "!="))
        ports = say.protocol_in([TCP, UDP])
        shut = say.counted_in(version, set_reference(_shut_out(policy), version))
        yield NftRule(PORT_SCAN, (*where, ports, _beyond(PORT_SCAN, scan, version), shut))


def _scanners(policy: Policy) -> Iterator[NftRule]:
    scan = policy.guards.scan
    devices = _devices(policy, scan.zones) if scan is not None else []
    for version in VERSIONS if devices else ():
        fits = say.in_set(version, "saddr", _shut_out(policy)), say.in_set(version, "saddr", "never", "!=")
        yield _falls(PORT_SCAN, say.arrives_on(devices), *fits)


def _spoofed(policy: Policy) -> Iterator[NftRule]:
    devices = _devices(policy, policy.guards.spoofing)
    for version in VERSIONS if devices else ():
        somebody = say.match(say.payload(say.IP[version], "saddr"), NOBODY[version], "!=")
        yield _falls(SPOOFED, say.arrives_on(devices), somebody, say.NO_WAY_BACK)


def _bogons(policy: Policy) -> Iterator[NftRule]:
    devices = _devices(policy, policy.guards.bogons)
    for version in VERSIONS if devices else ():
        bogon = say.in_set(version, "saddr", BOGONS), say.in_set(version, "saddr", "known", "!=")
        never = say.in_set(version, "saddr", "never", "!=")
        yield _falls(BOGONS, say.arrives_on(devices), *bogon, never)


def _syn_flood(policy: Policy) -> Iterator[NftRule]:
    flood = policy.guards.syn
    devices = _devices(policy, flood.zones) if flood is not None else []
    if flood is None or not devices:
        return
    for version in VERSIONS:
        first = say.arrives_on(devices), say.protocol_in([TCP]), say.flags_are(FIRST)
        yield _falls(SYN_FLOOD, *first, _beyond(SYN_FLOOD, flood, version))


def _udp_flood(policy: Policy) -> Iterator[NftRule]:
    flood = policy.guards.udp
    devices = _devices(policy, flood.zones) if flood is not None else []
    if flood is None or not devices:
        return
    for version in VERSIONS:
        first = say.arrives_on(devices), say.protocol_in([UDP]), say.UNKNOWN_BEFORE
        yield _falls(UDP_FLOOD, *first, _beyond(UDP_FLOOD, flood, version))


def _echo(devices: Sequence[str], flood: Flood) -> Iterator[NftRule]:
    for version in VERSIONS:
        protocol, kind = ECHO[version]
        fits = say.arrives_on(devices), say.protocol_in([protocol]), say.icmp_in(version, [kind])
        yield _falls(ICMP_FLOOD, *fits, _beyond(ICMP_FLOOD, flood, version))


def _falls(name: str, *fits: Expression) -> NftRule:
    return NftRule(name, (*fits, say.counter(name), say.DROP))


def _devices(policy: Policy, zones: frozenset[str]) -> list[str]:
    return sorted(device for zone in zones for device in policy.zones.get(zone, ()))


def _beyond(name: str, flood: Flood, version: Version) -> Expression:
    """Match a source that exceeds the rate."""
    unit = flood.rate.unit
    limit: Expression = {"limit": {"rate": flood.rate.count, "per": unit, "burst": flood.burst, "inv": True}}
    host_bits = 0 if name == PORT_SCAN else HOST_BITS[version]
    return say.counted_in(
        version, set_reference(_meter_name(name, flood), version), limit, host_bits=host_bits
    )


def _meters(name: str, timeout_s: int) -> dict[str, Container]:
    return {set_reference(name, version): Meter(version, timeout_s) for version in VERSIONS}


def _meter_name(name: str, flood: Flood) -> str:
    """Return the name of the set, with its figures: one with others starts anew."""
    return f"{name}/{flood.rate.count}-{flood.rate.unit}-{flood.burst}"


def _shut_out(policy: Policy) -> str:
    return f"scanners/{policy.guards.shut_out_s}"
