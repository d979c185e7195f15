# SPDX-License-Identifier: GPL-2.0-or-later
"""What the kernel is asked about: all but rules, and elements of indexes, that are like an earlier one."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_network
from typing import Any

import pytest

from patronus.core.values import PortRange
from patronus.firewall.addresses import AddressSet
from patronus.firewall.table import commands
from patronus.firewall.table import statements as say
from patronus.firewall.table.rehearsal import rehearsal
from patronus.firewall.table.ruleset import Chain, Keyed, NftRule, Ruleset, Values
from tests.golden.case import cases

RULESETS = {case.folder.name: case.plan.ruleset for case in cases() if case.plan is not None}
Statements = Sequence[dict[str, Any]]


def source(*prefixes: str) -> dict[str, Any]:
    networks = [ip_network(prefix) for prefix in prefixes]
    return say.address_in(4 if networks[0].version == 4 else 6, "saddr", AddressSet.of(networks))


def port(first: int, last: int) -> dict[str, Any]:
    return say.ports_in("dport", [PortRange(first, last)])


def rehearsed(*rules: Statements) -> list[int]:
    """Return which rules of one chain are rehearsed; each has a counter of its own."""
    made = [
        NftRule(f"rule/{at}", (*statements, say.counter(f"rule/{at}"), say.DROP))
        for at, statements in enumerate(rules)
    ]
    ruleset = Ruleset(
        counters=frozenset(f"rule/{at}" for at in range(len(rules))), chains={"pair": Chain(tuple(made))}
    )
    asked = rehearsal(commands.whole(ruleset))
    kept = [one["add"]["rule"]["expr"] for one in asked if "rule" in one.get("add", {})]
    counters = {one["add"]["counter"]["name"] for one in asked if "counter" in one.get("add", {})}
    assert counters == {f"rule/{made.index(rule)}" for rule in kept}
    return [made.index(rule) for rule in kept]


ALIKE: list[tuple[Statements, Statements]] = [
    ([source("10.0.0.1")], [source("192.0.2.200")]),
    ([source("10.0.0.0/20")], [source("192.0.16.0/20")]),
    ([source("2001:db8::1")], [source("fd00::1:2")]),
    ([port(22, 22)], [port(65535, 65535)]),
    ([port(22, 23)], [port(8000, 9000)]),
    (
        [source("10.0.0.1"), say.protocol_in([6]), port(22, 22)],
        [source("10.0.0.2"), say.protocol_in([17]), port(53, 53)],
    ),
]
UNLIKE: list[tuple[Statements, Statements]] = [
    ([source("10.0.0.1")], [source("2001:db8::1")]),
    ([source("10.0.0.0/20")], [source("10.0.0.0/21")]),
    ([source("10.0.0.1")], [source("10.0.0.1", "10.0.0.9")]),
    ([source("10.0.0.1", "10.0.0.3")], [source("10.0.0.1", "10.0.0.9")]),
    ([port(22, 22)], [port(22, 23)]),
    ([say.in_set(4, "saddr", "one")], [say.in_set(4, "saddr", "other")]),
    ([say.arrives_on(["wan"])], [say.arrives_on(["lan"])]),
    ([{"limit": "one"}], [{"limit": "other"}]),
    ([say.jump("one")], [say.jump("other")]),
    ([source("10.0.0.1")], [port(22, 22)]),
    ([source("10.0.0.1")], [source("10.0.0.1"), source("10.0.0.1")]),
]


@pytest.mark.parametrize(("one", "other"), ALIKE)
def test_a_rule_of_another_address_or_port_is_not_asked_about_again(
    one: Statements, other: Statements
) -> None:
    assert rehearsed(one, other, one, other) == [0]


@pytest.mark.parametrize(("one", "other"), UNLIKE)
def test_a_rule_of_another_form_is_asked_about(one: Statements, other: Statements) -> None:
    assert rehearsed(one, other, one, other) == [0, 1]


@pytest.mark.parametrize("name", RULESETS)
def test_all_that_is_no_rule_and_no_counter_is_asked_about_in_order(name: str) -> None:
    whole = list(map(_first_element, commands.whole(RULESETS[name])))
    asked = rehearsal(commands.whole(RULESETS[name]))
    assert [command for command in whole if command in asked] == asked
    assert all(command in asked for command in whole if not _may_be_left_out(command))


def _first_element(command: dict[str, Any]) -> dict[str, Any]:
    """Return the command with one element, if it fills an index, which leads to counters."""
    fields = command.get("add", {}).get("element", {"elem": []})
    if not any(isinstance(one, list) and isinstance(one[1], str) for one in fields["elem"]):
        return command
    return {"add": {"element": {**fields, "elem": fields["elem"][:1]}}}


def test_an_index_is_asked_about_with_its_first_element_and_the_counter_of_that() -> None:
    counters: dict[Values, str] = {(6, port): f"rule/{port}" for port in range(1, 100)}
    maps = {"by/ports": Keyed(("inet_proto", "inet_service"), 256, counters)}
    made = Ruleset(counters=frozenset(counters.values()), sets=maps)
    asked = rehearsal(commands.whole(made))
    assert [(kind, fields.get("name")) for one in asked for kind, fields in one["add"].items()] == [
        ("table", "patronus"),
        ("counter", "rule/1"),
        ("map", "by/ports"),
        ("element", "by/ports"),
    ]
    assert asked[-1]["add"]["element"]["elem"] == [[{"elem": {"val": {"concat": [6, 1]}}}, "rule/1"]]


def _may_be_left_out(command: dict[str, Any]) -> bool:
    return "rule" in command.get("add", {}) or "counter" in command.get("add", {})
