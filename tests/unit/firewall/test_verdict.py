# SPDX-License-Identifier: GPL-2.0-or-later
"""What the model says of packets whose flags, class of service and mark are known, and where they are not."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address

import pytest

from patronus.firewall.judge.verdict import Packet, decide
from patronus.firewall.model.flags import SYN
from tests.unit.firewall.test_flows import policy

OUT = Packet(
    arrives_on="lan", leaves_by="wan", source=ip_address("192.168.1.9"), destination=ip_address("192.0.2.1"),
    protocol=6, source_port=40000, destination_port=443, tcp_flags=SYN, dscp=0,
)  # fmt: skip
CLOSED = "zones: [{id: wan}, {id: lan}]\n"


def rules(*lines: str) -> str:
    return "rules:\n" + "".join(f"  - {line}\n" for line in lines)


@pytest.mark.parametrize(
    ("key", "fitting", "other"),
    [
        ("protocol: tcp, tcp_flags: [syn, '!ack']", OUT, replace(OUT, tcp_flags=18)),
        ("dscp: [ef, cs1]", replace(OUT, dscp=8), OUT),
        ("mark: 0x10/0xf0", replace(OUT, mark=0x1F), replace(OUT, mark=0x20)),
    ],
)
def test_what_is_known_decides_and_what_is_not_allows_alone(key: str, fitting: Packet, other: Packet) -> None:
    allows = policy(zones=CLOSED, rules=rules(f"{{id: r-1, {key}, action: allow}}"))
    drops = policy(rules=rules(f"{{id: r-1, {key}, action: drop}}"))
    unknown = replace(OUT, tcp_flags=None, dscp=None, mark=None)
    assert [decide(allows, one).action for one in (fitting, other, unknown)] == ["allow", "drop", "allow"]
    assert [decide(drops, one).action for one in (fitting, other, unknown)] == ["drop", "allow", "allow"]


def test_a_mark_is_seen_by_later_rules_alone_and_leaves_other_bits() -> None:
    seen = "{id: r-2, mark: 0x31/0x3f, action: allow}"
    low, high = "{id: r-0, action: mark, set_mark: 0x1}", "{id: r-1, action: mark, set_mark: 0x30/0xf0}"
    assert decide(policy(zones=CLOSED, rules=rules(low, high, seen)), OUT).origin == "rule/r-2"
    assert decide(policy(zones=CLOSED, rules=rules(high, low, seen)), OUT).action == "drop"
    assert decide(policy(zones=CLOSED, rules=rules(seen, low, high)), OUT).action == "drop"


def test_a_mark_that_may_have_been_set_is_not_known() -> None:
    mark = "{id: r-1, action: mark, set_mark: 0x1, limit: {rate: 1/s}}"
    allow, drop = "{id: r-2, mark: 0x1, action: allow}", "{id: r-3, mark: 0x0, action: drop}"
    assert decide(policy(zones=CLOSED, rules=rules(mark, allow)), OUT).origin == "rule/r-2"
    assert decide(policy(rules=rules(mark, drop)), OUT).action == "allow"


@pytest.mark.parametrize("limit", ["limit: {rate: 1/s}", "connections: {most: 3}"])
def test_who_may_be_within_a_limit_is_let_through(limit: str) -> None:
    allow, drop = f"{{id: r-1, {limit}, action: allow}}", f"{{id: r-1, {limit}, action: drop}}"
    assert decide(policy(zones=CLOSED, rules=rules(allow)), OUT).action == "allow"
    assert decide(policy(rules=rules(drop)), OUT).action == "allow"


@pytest.mark.parametrize("limit", ["limit: {rate: 1/s, over: true}", "connections: {most: 3, over: true}"])
def test_a_rule_for_what_exceeds_a_limit_is_taken_not_to_fit(limit: str) -> None:
    allow, drop = f"{{id: r-1, {limit}, action: allow}}", f"{{id: r-1, {limit}, action: drop}}"
    assert decide(policy(zones=CLOSED, rules=rules(allow)), OUT).action == "drop"
    assert decide(policy(rules=rules(drop)), OUT).action == "allow"


def test_a_program_decides_where_the_rule_fits_and_later_rules_do_not() -> None:
    asked, drop = "{id: r-1, protocol: tcp, action: queue, queue: {numbers: 3}}", "{id: r-2, action: drop}"
    decided = decide(policy(rules=rules(asked, drop)), OUT)
    assert (decided.action, decided.origin, decided.may_go_on) == ("queue", "rule/r-1", True)
    assert decide(policy(rules=rules(drop, asked)), OUT).origin == "rule/r-2"
    assert decide(policy(rules=rules(asked, drop)), replace(OUT, protocol=17)).origin == "rule/r-2"


@pytest.mark.parametrize(
    ("key", "unknown"),
    [
        ("limit: {rate: 1/s}", OUT),
        ("connections: {most: 3}", OUT),
        ("dscp: ef", replace(OUT, dscp=None)),
        ("mark: 0x1", replace(OUT, mark=None)),
        ("protocol: tcp, tcp_flags: [syn]", replace(OUT, tcp_flags=None)),
    ],
)
def test_where_nobody_knows_whether_a_program_is_asked_the_connection_may_go_on(
    key: str, unknown: Packet
) -> None:
    """It would else be ended by a change, although its program let it through."""
    asked = f"{{id: r-1, {key}, action: queue, queue: {{numbers: 3}}}}"
    decided = decide(policy(rules=rules(asked, "{id: r-2, action: drop}")), unknown)
    assert (decided.action, decided.origin, decided.may_go_on) == ("queue", "rule/r-1", True)
