# SPDX-License-Identifier: GPL-2.0-or-later
"""Policies of routing: every mistake is located, and each becomes rules in our own range."""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from typing import Any

import pytest
from pydantic import ValidationError

from patronus.core.problem import render_path
from patronus.core.route_table import LAST, MARKED, NextHop, RouteRule, Selector, TableRoute
from patronus.core.values import Mark
from patronus.core.way_text import parse_way
from patronus.network.interfaces.model import Interfaces
from patronus.network.routing.check_policies import check_policies
from patronus.network.routing.model import Routing
from patronus.network.routing.plan import Links
from patronus.network.routing.policy_verbs import conditions
from patronus.network.routing.table_changes import SetRule, SetTableRoute, changes
from patronus.network.routing.tables import build

NEAR, SIX = "198.51.100.1", "2001:db8:1::1"
LAN = {
    "id": "lan",
    "match": {"mac": "52:54:00:00:00:01"},
    "ipv4": {"method": "static", "addresses": ["198.51.100.2/24"]},
    "ipv6": {"method": "static", "addresses": ["2001:db8:1::2/64"]},
}
LINKS = Links(
    {"lan": "eth0", "away": None},
    {"lan": (ip_network("198.51.100.0/24"), ip_network("2001:db8:1::/64"))},
)


def policy(**given: Any) -> dict[str, Any]:
    return {"id": "p", "gateways": [{"gateway": NEAR}], **given}


def routing(*policies: dict[str, Any]) -> Routing:
    return Routing.model_validate({"policies": policies})


def found(*policies: dict[str, Any]) -> list[str]:
    interfaces = {item.id: item for item in Interfaces.model_validate({"interfaces": [LAN]}).interfaces}
    problems = check_policies(routing(*policies), interfaces)
    return [f"{render_path(one.path)}: {one.message}" for one in problems]


def rules(*policies: dict[str, Any]) -> list[str]:
    return list(map(str, build(routing(*policies), LINKS).rules))


@pytest.mark.parametrize(
    "given",
    [
        policy(source="192.0.2.0/24"),
        policy(destination="2001:db8::/32", gateways=[{"gateway": SIX}]),
        policy(interface="lan", gateways=[{"gateway": NEAR}, {"gateway": SIX}]),
        policy(protocol="tcp", ports=[25]),
        policy(mark="0x10/0xff"),
    ],
    ids=str,
)
def test_good(given: dict[str, Any]) -> None:
    assert found(given) == []


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "for everything": (policy(), "policies[0]: p is for every packet"),
    "nowhere": (policy(source="192.0.2.1", gateways=[]), "policies[0]: nothing says where p leads"),
    "by gateways and an uplink": (
        policy(source="192.0.2.1", uplink="wan"),
        "policies[0]: two things say where p leads",
    ),
    "two families": (
        policy(source="192.0.2.1", destination="2001:db8::/32"),
        "policies[0].destination: 192.0.2.1/32 and 2001:db8::/32 are of different families",
    ),
    "a gateway of the other family": (
        policy(source="192.0.2.1", gateways=[{"gateway": SIX}]),
        f"policies[0].gateways[0].gateway: {SIX} cannot lead to an IPv4 network",
    ),
    "no interface": (policy(interface="x"), "policies[0].interface: there is no interface x"),
    "ports of anything": (policy(ports=25), "policies[0].ports: ports mean nothing without a protocol"),
    "no bits but ours": (policy(mark="0/0x1000000"), "policies[0].mark: the bits 0x7f000000 of a mark hold"),
    "our own bits": (policy(mark="0x1000000"), "policies[0].mark: the bits 0x7f000000 of a mark hold"),
    "no neighbour": (
        policy(source="192.0.2.1", gateways=[{"gateway": "192.0.2.9"}]),
        "policies[0].gateways[0].gateway: 192.0.2.9 is in no interface's subnet",
    ),
}


@pytest.mark.parametrize(("given", "said"), BAD.values(), ids=BAD.keys())
def test_bad(given: dict[str, Any], said: str) -> None:
    assert any(said in line for line in found(given)), found(given)


@pytest.mark.parametrize("given", [{"ports": 0}, {"over": "x"}, {"mark": "0x1/0"}, {"weight": 2}], ids=str)
def test_the_model_refuses(given: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        routing({**policy(source="192.0.2.1"), **given})


def test_a_policy_becomes_a_table_and_a_rule_of_each_family_and_range_of_ports() -> None:
    made = build(
        routing(
            policy(protocol="udp", ports=[53, "8000-8100"], gateways=[{"gateway": NEAR}, {"gateway": SIX}])
        ),
        LINKS,
    )
    assert made.routes == (
        TableRoute(30100, ip_network("0.0.0.0/0"), (NextHop("eth0", ip_address(NEAR)),)),
        TableRoute(30100, ip_network("::/0"), (NextHop("eth0", ip_address(SIX)),)),
    )
    assert list(map(str, made.rules)) == [
        "13000: IPv4, protocol 17 port 53: table 30100",
        "13000: IPv4, protocol 17 port 8000-8100: table 30100",
        "13000: IPv6, protocol 17 port 53: table 30100",
        "13000: IPv6, protocol 17 port 8000-8100: table 30100",
        "12000: IPv4, everything: table 254",
        "12000: IPv6, everything: table 254",
    ]
    assert all(MARKED <= rule.priority <= LAST for rule in made.rules)


def test_a_policy_over_all_routes_is_asked_before_them_and_needs_no_rule_for_them() -> None:
    assert rules(policy(source="192.0.2.1", over="all")) == ["11000: IPv4, from 192.0.2.1/32: table 30100"]


def test_a_mark_is_compared_without_the_bits_of_the_uplinks() -> None:
    (rule, *_) = build(routing(policy(mark="0x10")), LINKS).rules
    assert rule.selector.mark == Mark(0x10, 0x80FFFFFF)


def test_policies_that_are_off_or_wait_have_no_rule_and_keep_the_places_of_the_others() -> None:
    waiting = policy(id="w", source="192.0.2.1", gateways=[{"gateway": "10.0.0.1"}])
    absent = policy(id="a", interface="away")
    made = build(
        routing(
            policy(id="off", source="192.0.2.2", enabled=False), waiting, absent, policy(source="192.0.2.3")
        ),
        LINKS,
    )
    assert [str(rule) for rule in made.rules if rule.priority != 12000] == [
        "13003: IPv4, from 192.0.2.3/32: table 30103"
    ]
    assert made.left_out["policy/w"] == ("10.0.0.1 is in no subnet that the router has now",)
    assert made.left_out["policy/a"] == ("away has no device",)


def test_what_changes_is_replaced_and_rules_never_lead_to_a_route_that_is_not_there() -> None:
    old = TableRoute(30100, ip_network("0.0.0.0/0"), (NextHop("eth0", ip_address(NEAR)),))
    new = TableRoute(30100, ip_network("0.0.0.0/0"), (NextHop("eth1", ip_address("203.0.113.1")),))
    gone = TableRoute(30101, ip_network("0.0.0.0/0"), (NextHop("eth0", ip_address(NEAR)),))
    kept, added, removed = (RouteRule(4, 13000 + n, 30100 + n, Selector()) for n in range(3))
    left = changes([new], [kept, added], [old, gone], [kept, removed])
    assert left == [
        SetTableRoute(old, new),
        SetRule(added),
        SetRule(removed, gone=True),
        SetTableRoute(gone, None),
    ]
    assert [one.inverse() for one in left] == [
        SetTableRoute(new, old),
        SetRule(added, gone=True),
        SetRule(removed),
        SetTableRoute(None, gone),
    ]
    assert changes([new], [kept], [new], [kept]) == []


def test_conditions_are_told_in_words() -> None:
    (item,) = routing(
        policy(source="192.0.2.1", interface="lan", protocol="tcp", ports=[25], mark=3)
    ).policies
    assert conditions(item) == "from 192.0.2.1/32 coming in at lan tcp port 25 marked 0x3"


@pytest.mark.parametrize(
    ("text", "way"),
    [
        ("192.0.2.1", {"gateway": "192.0.2.1"}),
        (" fe80::1@lan=2 ", {"gateway": "fe80::1", "interface": "lan", "weight": 2}),
        ("@lan", {"interface": "lan"}),
        ("192.0.2.1=much", {"gateway": "192.0.2.1", "weight": "much"}),
    ],
)
def test_a_way_is_read_as_people_type_it(text: str, way: dict[str, Any]) -> None:
    assert parse_way(text) == way
