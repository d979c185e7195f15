# SPDX-License-Identifier: GPL-2.0-or-later
"""What the last plan made of each rule serves a plan beside the one that runs, and is not changed by it."""

from __future__ import annotations

from patronus.core.feature import Earlier
from patronus.core.model import Configuration
from patronus.firewall.plan import FirewallPlan, Memory, plan
from patronus.firewall.resolve.configuration import FirewallFacts
from tests.golden.case import links, load, openings

ROUNDS = 120
INTERFACES = """
interfaces:
  - {id: wan, match: {path: a}, zone: wan, ipv4: {method: static, addresses: [198.51.100.2/24]}}
  - {id: lan, match: {path: b}, zone: lan, ipv4: {method: static, addresses: [192.168.1.1/24]}}
  - {id: guest, match: {path: c}, zone: guest, ipv4: {method: static, addresses: [10.10.0.1/24]}}
"""
ZONES = "zones: [{id: wan}, {id: lan, to: {wan: allow}}, {id: guest, to: {wan: allow}}]\n"


def configuration() -> Configuration:
    """Return rules of which some are in an index, some folded, and some stand alone."""
    rules = "".join(
        f"  - {{id: h-{at}, from: wan, to: lan, source: 10.0.{at}.0/24, protocol: tcp,"
        f" destination_port: {at + 1}, action: drop}}\n"
        f"  - {{id: d-{at}, from: guest, to: lan, source: 10.1.{at}.0/24, dscp: ef, action: allow}}\n"
        for at in range(ROUNDS)
    )
    texts = {"network/interfaces.yaml": INTERFACES, "firewall/zones.yaml": ZONES}
    return load({**texts, "firewall/rules.yaml": f"rules:\n{rules}"}).config


def planned(config: Configuration, memory: Memory | None, missing: set[str]) -> FirewallPlan:
    earlier = Earlier((links(config, missing), openings(config)))
    return plan(config, FirewallFacts(), earlier, memory)


def same_rules(one: FirewallPlan, other: FirewallPlan) -> bool:
    """Return whether the rules of the file are the same objects in both."""
    pairs = zip(one.policy.rules[: 2 * ROUNDS], other.policy.rules, strict=False)
    return all(left is right for left, right in pairs)


def test_a_plan_with_lent_memory_is_the_same_and_makes_no_rule_again() -> None:
    config, memory = configuration(), Memory()
    running = planned(config, memory, set())
    beside = planned(config, memory.lent(), set())
    assert beside == running == planned(config, None, set())
    assert same_rules(beside, running)
    assert not same_rules(planned(config, None, set()), running)


def test_what_the_borrower_finds_otherwise_stays_with_him() -> None:
    config, memory = configuration(), Memory()
    running = planned(config, memory, set())
    assert planned(config, memory.lent(), {"guest"}) == planned(config, None, {"guest"})
    again = planned(config, memory, set())
    assert again == running
    assert same_rules(again, running)
