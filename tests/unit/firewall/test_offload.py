# SPDX-License-Identifier: GPL-2.0-or-later
"""Open connections past the rules: on which devices, what is said where they are not, what the table has."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from patronus.core.feature import Difference, Earlier
from patronus.core.link import LinkWanted
from patronus.firewall.compile.nft import compile_nft
from patronus.firewall.plan import plan
from patronus.firewall.policy import Policy
from patronus.firewall.resolve.configuration import FirewallFacts
from patronus.firewall.table import commands
from patronus.firewall.table.command import Command
from patronus.firewall.table.read_back import contents, differences
from patronus.firewall.table.ruleset import Ruleset
from patronus.firewall.tracking.offload import flow_devices, flow_table_name, offload_warnings, once
from patronus.kernel.nft_state import Parts
from patronus.network.interfaces.plan import InterfacesPlan
from tests.golden.case import links, load
from tests.unit.firewall.test_flows import INTERFACES, ZONES

BELOW = InterfacesPlan(
    links=(
        LinkWanted("lan", "eth1"),
        LinkWanted("guest", "eth1.30", "vlan", parent="eth1", tag=30),
    )
)
OF_ZONES = Policy(zones={"wan": ("eth0",), "lan": ("eth1",), "guest": ("eth1.30",)})


@pytest.mark.parametrize(
    ("shaped", "left"),
    [
        ((), ("eth0", "eth1", "eth1.30")),
        (("eth0",), ("eth1", "eth1.30")),
        (("eth1.30",), ("eth0",)),
    ],
)
def test_what_is_shaped_and_what_carries_it_stays_with_the_rules(
    shaped: tuple[str, ...], left: tuple[str, ...]
) -> None:
    assert flow_devices(OF_ZONES, BELOW, frozenset(shaped)) == left


def test_a_kernel_without_flow_tables_leaves_all_as_it_is_and_is_named() -> None:
    files = {"network/interfaces.yaml": INTERFACES, "firewall/zones.yaml": ZONES}
    asked = load(files | {"firewall/conntrack.yaml": "offload: true\n"}).config
    plain = load(files).config
    earlier = Earlier((links(asked, set()),))
    without = plan(asked, FirewallFacts(no_flow_table=lambda: "none here"), earlier)
    assert without.ruleset == plan(plain, FirewallFacts(), earlier).ruleset
    assert [problem.message for problem in without.warnings] == [
        "open connections stay with the rules: none here"
    ]
    assert without.no_flow_table == "none here"
    with_it = plan(asked, FirewallFacts(), earlier)
    assert with_it.policy.offload == ("lan", "wan")
    assert (with_it.warnings, with_it.no_flow_table) == ((), None)


def test_what_a_person_does_not_get_is_said() -> None:
    shaped = frozenset({"eth0"})
    said = [one.message for one in offload_warnings(("eth1",), shaped, {"eth0": 1}, None)]
    assert said == [
        "what arrives at eth0 stays with the rules: it is shaped",
        "connections that are kept on an uplink have a mark, and stay with the rules",
    ]
    (alone,) = offload_warnings((), shaped, {}, None)
    assert "every device of a zone is shaped" in alone.message
    assert list(offload_warnings(("eth1",), frozenset(), {}, None)) == []


def test_other_devices_are_another_table_and_a_lost_device_is_added_again() -> None:
    one, other = (
        compile_nft(replace(OF_ZONES, offload=devices)) for devices in (("eth0", "eth1"), ("eth0",))
    )
    names = [flow_table_name(devices) for devices in (("eth0", "eth1"), ("eth0",))]
    assert [*one.flow_tables, *other.flow_tables] == names
    changed = _kinds(commands.transaction(commands.Contents.of(one), other))
    assert (changed[1], changed[-1]) == (("add", "flowtable"), ("delete", "flowtable"))
    lost = replace(commands.Contents.of(one), flow_tables={names[0]: ("eth0",)})
    again = commands.transaction(lost, one)
    assert again[-1]["add"]["flowtable"]["dev"] == ["eth0", "eth1"]
    assert _kinds(commands.transaction(commands.Contents.of(one), compile_nft(OF_ZONES)))[-1] == (
        "delete",
        "flowtable",
    )
    assert compile_nft(OF_ZONES).flow_tables == Ruleset().flow_tables


@pytest.mark.parametrize(
    ("told", "found"),
    [({"dev": ["eth1", "eth0"]}, ("eth0", "eth1")), ({"dev": "eth0"}, ("eth0",)), ({}, ())],
    ids=["several", "one, which is told alone", "none left"],
)
def test_a_flow_table_is_read_back_with_the_devices_that_it_still_has(
    told: dict[str, Any], found: tuple[str, ...]
) -> None:
    devices = ("eth0", "eth1")
    name = flow_table_name(devices)
    wanted = commands.Contents.of(compile_nft(replace(OF_ZONES, offload=devices)))
    table = {"family": "inet", "name": name, "table": "patronus", "hook": "ingress", **told}
    nothing = frozenset[str]()
    there = contents(Parts((), ()), (), (nothing, nothing, nothing), [table])
    assert there.flow_tables == {name: found}
    said = list(differences(wanted, replace(wanted, flow_tables=there.flow_tables)))
    as_planned = found == devices
    on = ", ".join(found) or "no device"
    assert said == ([] if as_planned else [Difference(f"nft flowtable {name}", "on eth0, eth1", f"on {on}")])


def test_a_flow_table_that_is_missing_or_too_many_is_a_difference() -> None:
    plain, with_it = (
        commands.Contents.of(compile_nft(replace(OF_ZONES, offload=one))) for one in ((), ("eth0",))
    )
    name = flow_table_name(("eth0",))
    bare = replace(with_it, flow_tables={})
    assert list(differences(with_it, bare)) == [Difference(f"nft flowtable {name}", "on eth0", "none")]
    assert list(differences(bare, with_it)) == [Difference(f"nft flowtable {name}", "none", "on eth0")]
    assert list(differences(plain, plain)) == list(differences(with_it, with_it)) == []


def _kinds(made: list[Command]) -> list[tuple[str, str]]:
    return [(verb, kind) for command in made for verb, what in command.items() for kind in what]


def test_open_connections_without_a_mark_leave_before_the_rules_accept_them() -> None:
    rules = list(compile_nft(replace(OF_ZONES, offload=("eth0",))).chains["forward"].rules)
    first, second = (list(rule) for rule in rules[:2])
    assert [next(iter(statement)) for statement in first] == ["match", "match", "flow"]
    assert first[1]["match"] == {"op": "==", "left": {"ct": {"key": "mark"}}, "right": 0}
    assert second[-1] == {"accept": None}


def test_the_kernel_is_asked_once() -> None:
    answers = ["no", "yes"]
    asked = once(lambda: answers.pop(0))
    assert [asked(), asked()] == ["no", "no"]
