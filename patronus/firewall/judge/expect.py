# SPDX-License-Identifier: GPL-2.0-or-later
"""Expectations tried on the model: whether the rules come to what ``firewall/tests`` says. Pure.

Decided from the files alone, so the answer is the same on the device, on a workstation, and whichever
network cards and leases there are today.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial

from patronus.core.kept import Kept
from patronus.core.model import Configuration
from patronus.core.problem import Path, Problem
from patronus.firewall.addresses import IpAddress, Version
from patronus.firewall.judge.blueprint import Blueprint
from patronus.firewall.judge.verdict import Decision, Packet, judge
from patronus.firewall.judge.words import EPHEMERAL, SPOKEN, words
from patronus.firewall.model import SELF, Expectation, Expectations, Rules
from patronus.firewall.model.flags import SYN
from patronus.firewall.model.match import ICMP, ICMPV6, WITH_PORTS
from patronus.firewall.policy import Policy
from patronus.firewall.resolve.configuration import Resolved, resolve

ECHO = {ICMP: 8, ICMPV6: 128}
"""Types of an echo request (RFC 792, RFC 4443)."""
SECTION = "firewall/tests"


@dataclass
class Tried:
    """What the last round made of each rule."""

    resolved: Resolved = field(default_factory=Kept)


@dataclass(frozen=True)
class Outcome:
    """One packet of an expectation. ``what`` says it in words; ``where`` is the place of the deciding rule.

    ``fault`` is None where the expectation holds.
    """

    expectation: Expectation
    path: Path
    what: str
    decision: Decision | None
    where: str | None
    fault: str | None


def outcomes(config: Configuration, expected: Expectations, tried: Tried | None = None) -> Iterator[Outcome]:
    """Try every expectation on the rules of a configuration whose files have no errors."""
    blueprint = Blueprint.of(config)
    policies: dict[object, Policy] = {}
    for position, one in enumerate(expected.tests):
        if one.at not in policies:
            memory = tried.resolved if tried is not None and one.at is None else None
            policies[one.at] = resolve(config, blueprint.around, memory, off=_off(config, one))
        for protocol in one.protocol:
            path = (SECTION, "tests", position)
            yield _outcome(config, policies[one.at], blueprint, one, protocol.number, path)


def check_expectations(config: Configuration, tried: Tried | None = None) -> Iterator[Problem]:
    """Yield a problem for each expectation of the configuration that its own rules do not meet."""
    expected = config.get(Expectations)
    if not expected.tests:
        return
    for found in outcomes(config, expected, tried):
        if found.fault is not None:
            where = f"{found.where} decides" if found.where else None
            yield Problem(found.path, f"{found.what} {found.fault}", found.expectation.id, hint=where)


def _off(config: Configuration, one: Expectation) -> frozenset[str]:
    """Return the rules that their schedule puts off at the expectation's moment, in the time zone of each."""
    scheduled = ((rule.id, rule.schedule) for rule in config.get(Rules).rules if rule.schedule is not None)
    at = one.at
    return frozenset(
        rule for rule, schedule in scheduled if at is None or not schedule.applies(at.weekday, at.minute)
    )


def _outcome(
    config: Configuration, policy: Policy, blueprint: Blueprint, one: Expectation, protocol: int, path: Path
) -> Outcome:
    try:
        packet = _packet(policy, blueprint, one, protocol)
        known = one.source is not None and blueprint.has_network(packet.arrives_on, packet.version)
        way = partial(_route, policy, blueprint, one, packet)
        back = partial(_comes_back, blueprint)
        decision = judge(policy, packet, way, back if known else None)
    except LookupError as error:
        what = f"{one.from_} to {one.to or one.destination}"
        return Outcome(one, path, what, None, None, f"cannot be tried: {error.args[0]}")
    what = f"{words(packet)} ({one.from_} to {one.to or 'where it is routed'})"
    where = _where(config, decision.origin)
    return Outcome(one, path, what, decision, where, _fault(one, decision))


def _fault(one: Expectation, decision: Decision) -> str | None:
    if decision.action != one.expect:
        found, wanted = SPOKEN[decision.action], SPOKEN[one.expect]
        return f"is {found} by {decision.origin}, and shall be {wanted}"
    if one.by is not None and decision.origin != f"rule/{one.by}":
        return f"is {SPOKEN[decision.action]} by {decision.origin}, and not by rule/{one.by}"
    return None


def _packet(policy: Policy, blueprint: Blueprint, one: Expectation, protocol: int) -> Packet:
    """Return the first packet. Raises LookupError where a zone has no interface."""
    arrives_on = _device(policy, one.from_)
    version = _version(one, protocol)
    source = one.source or blueprint.host(arrives_on, version)
    ports = protocol in WITH_PORTS
    return Packet(
        arrives_on=arrives_on,
        source=source,
        destination=one.destination or _target(policy, blueprint, one, arrives_on, version),
        protocol=protocol,
        source_port=(one.source_port or EPHEMERAL) if ports else 0,
        destination_port=(one.destination_port or 0) if ports else 0,
        icmp=ECHO.get(protocol) if one.icmp_type is None else one.icmp_type,
        tcp_flags=SYN,
        dscp=0,
    )


def _version(one: Expectation, protocol: int) -> Version:
    given = one.source or one.destination
    if given is not None:
        return 4 if given.version == 4 else 6
    return 6 if one.family == "ipv6" or (one.family is None and protocol == ICMPV6) else 4


def _target(
    policy: Policy, blueprint: Blueprint, one: Expectation, arrives_on: str, version: Version
) -> IpAddress:
    assert one.to is not None, "the model asks for to or destination"
    if one.to != SELF:
        return blueprint.host(_device(policy, one.to), version)
    own = blueprint.own(arrives_on, version)
    if own is None:
        raise LookupError(f"the router has no IPv{version} address in {one.from_}")
    return own


def _device(policy: Policy, zone: str) -> str:
    devices = policy.zones.get(zone)
    if devices is None:
        raise LookupError(f"there is no zone {zone}")
    if not devices:
        raise LookupError(f"no interface is in {zone}")
    return devices[0]


def _route(
    policy: Policy, blueprint: Blueprint, one: Expectation, sent: Packet, packet: Packet
) -> str | None:
    """Return the device by which the packet leaves; the zone that it is for says it better than the files."""
    if packet.destination == sent.destination and one.to is not None:
        return None if one.to == SELF else _device(policy, one.to)
    return blueprint.device_of(packet.destination)


def _comes_back(blueprint: Blueprint, packet: Packet) -> bool:
    try:
        return blueprint.way_back(packet.arrives_on, packet.source) == packet.arrives_on
    except LookupError:
        return False


def _where(config: Configuration, origin: str) -> str | None:
    """Return the place of the rule that decided, as a reader finds it."""
    kind, _, name = origin.partition("/")
    if kind != "rule":
        return None
    for position, rule in enumerate(config.get(Rules).rules):
        if rule.id == name:
            place = config.locate(("firewall/rules", "rules", position))
            return f"{place} {rule.title}" if place is not None else rule.title
    return None
