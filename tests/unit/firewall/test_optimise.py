# SPDX-License-Identifier: GPL-2.0-or-later
"""What is left out never decides: generated rule sets and packets, before against after, on the model."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from patronus.firewall.judge.verdict import Packet, decide
from patronus.firewall.model.flags import SYN
from patronus.firewall.optimise.shadow import MOST, shadows, without
from patronus.firewall.policy import Policy
from tests.golden.case import load, plan_for
from tests.netns.firewall.generated import HOSTS, PORTS, ROUTER, ZONES, files
from tests.unit.firewall.test_flows import policy

INTERFACES = """
interfaces:
  - {id: wan, match: {path: a}, zone: wan, ipv4: {method: static, addresses: [198.51.100.2/24]}}
  - {id: lan, match: {path: b}, zone: lan, ipv4: {method: static, addresses: [192.168.1.1/24]}}
  - {id: guest, match: {path: c}, zone: guest, ipv4: {method: static, addresses: [10.10.0.1/24]}}
"""
ADDRESSES = [*ROUTER, *(item for found in HOSTS.values() for item in found)]


def generated(seed: int) -> Policy:
    """Return a policy of generated files."""
    texts = {f"firewall/{name}.yaml": text for name, text in files(Random(seed)).items()}
    return plan_for(load({"network/interfaces.yaml": INTERFACES, **texts}).config, {}).policy


def packet(random: Random) -> Packet:
    """Return a packet between the addresses that the rules are about."""
    source = ip_address(random.choice(ADDRESSES))
    others = [item for item in map(ip_address, ADDRESSES) if item.version == source.version]
    return Packet(
        arrives_on=random.choice(ZONES),
        leaves_by=random.choice([None, *ZONES]),
        source=source,
        destination=random.choice(others),
        protocol=random.choice([6, 17, 47]),
        destination_port=random.choice(PORTS),
        tcp_flags=random.choice([SYN, 16]),
        dscp=random.choice([0, 10, 46]),
        translated=random.random() < 0.2,
    )


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 100_000))
def test_every_packet_is_decided_by_the_same_rule_before_and_after(seed: int) -> None:
    before, random = generated(seed), Random(seed)
    after = without(before, shadows(before.rules))
    for one in (packet(random) for _ in range(200 if after is not before else 0)):
        assert decide(after, one) == decide(before, one)


def test_generated_rules_do_shadow_each_other() -> None:
    """Else the property above would be empty."""
    assert sum(bool(shadows(generated(seed).rules)) for seed in range(40)) >= 5


WIDE = "{id: r-1, from: lan, protocol: tcp, source: 192.168.1.0/24, destination_port: 20-30%s, action: %s}"
NARROW = "{id: r-2, from: lan, protocol: tcp, source: 192.168.1.9, destination_port: 22, action: drop}"


@pytest.mark.parametrize(
    ("more", "action", "shadowed"),
    [
        ("", "allow", True),
        ("", "drop", True),
        ("", "count", False),
        (", limit: {rate: 1/s}", "allow", False),
        (", connections: {most: 3}", "allow", False),
        (", dscp: ef", "allow", False),
        (", mark: 0x0/0x1", "allow", False),
        (", tcp_flags: syn", "allow", False),
        (", source_port: 53", "allow", False),
        (", destination: 198.51.100.0/24", "allow", False),
    ],
)
def test_a_rule_that_leaves_nothing_shadows_and_one_that_may_does_not(
    more: str, action: str, *, shadowed: bool
) -> None:
    rules = policy(rules=f"rules:\n  - {WIDE % (more, action)}\n  - {NARROW}\n").rules
    assert shadows(rules) == ({"rule/r-2": "rule/r-1"} if shadowed else {})
    assert shadows(rules[1::-1]) == {}, "the narrow one before takes only its part"


def test_a_rule_that_is_not_always_there_shadows_nothing() -> None:
    rules = policy(rules=f"rules:\n  - {WIDE % ('', 'allow')}\n  - {NARROW}\n").rules
    assert shadows(rules, lambda: frozenset({"rule/r-1"})) == {}


def test_thousands_of_rules_are_left_as_they_are() -> None:
    rules = policy(rules=f"rules:\n  - {NARROW}\n").rules
    many = [replace(rules[0], origin=f"rule/m-{number}") for number in range(MOST)]
    assert len(shadows(many)) == MOST - 1
    assert shadows([*many, rules[0]]) == {}
