# SPDX-License-Identifier: GPL-2.0-or-later
"""Guards: where they stand when nobody says so, whom they never mean, and what the model says of them."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any

import pytest

from patronus.core.feature import Earlier
from patronus.firewall.guards import BOGON_SET
from patronus.firewall.judge.verdict import Packet, judge
from patronus.firewall.plan import plan
from patronus.firewall.policy import Policy
from patronus.firewall.resolve.configuration import FirewallFacts
from tests.golden.case import links, load

INTERFACES = """
interfaces:
  - {id: wan, match: {path: a}, zone: wan,
     ipv4: {method: static, addresses: [100.64.7.2/24], gateway: 100.64.7.1}}
  - {id: lan, match: {path: b}, zone: lan, ipv4: {method: static, addresses: [192.168.1.1/24]}}
"""
ZONES = "zones: [{id: wan, to: {lan: allow}}, {id: lan, to: {wan: allow}}]\n"


def policy(protection: str) -> Policy:
    texts = {"network/interfaces.yaml": INTERFACES, "firewall/zones.yaml": ZONES}
    config = load(texts | {"firewall/protection.yaml": protection}).config
    return plan(config, FirewallFacts(), Earlier((links(config, set()),))).policy


def origin(found: Policy, arrives_on: str, source: str) -> str:
    """Return what decides about a datagram; 192.168.1.0/24 is on lan, all else beyond wan."""
    target = "192.168.1.30" if arrives_on == "wan" else "192.0.2.9"
    packet = Packet(arrives_on, ip_address(source), ip_address(target), 17, destination_port=9)
    return judge(
        found, packet, lambda one: route(one.destination), lambda one: route(one.source) == one.arrives_on
    ).origin


def route(address: Any) -> str | None:
    return "lan" if str(address).startswith("192.168.1.") else "wan"


def test_without_a_file_forgery_is_looked_for_inside_and_floods_outside() -> None:
    found = policy("").guards
    assert found.spoofing == {"lan"}
    assert found.syn is not None
    assert found.syn.zones == {"wan"}
    assert (found.bogons, found.icmp, found.scan) == (frozenset(), None, None)


@pytest.mark.parametrize(
    ("source", "decides"),
    [
        ("10.0.0.9", "bogons"),
        ("192.0.2.9", "bogons"),
        ("100.64.7.1", "pair/wan/lan"),
        ("100.64.8.1", "bogons"),
        ("10.64.0.1", "pair/wan/lan"),
        ("9.9.9.9", "pair/wan/lan"),
    ],
)
def test_a_bogon_is_one_unless_it_is_near_or_allowed(source: str, decides: str) -> None:
    assert origin(policy("bogons: {enabled: true, allow: [10.64.0.0/16]}\n"), "wan", source) == decides
    assert origin(policy(""), "wan", source) == "pair/wan/lan"


def test_a_source_that_is_reached_another_way_is_forged() -> None:
    assert origin(policy(""), "lan", "192.168.1.9") == "pair/lan/wan"
    assert origin(policy(""), "lan", "9.9.9.9") == "spoofed"
    assert origin(policy("anti_spoofing: {enabled: false}\n"), "lan", "9.9.9.9") == "pair/lan/wan"
    assert origin(policy(""), "wan", "192.168.1.9") == "pair/wan/lan", "not looked for at an uplink"


@pytest.mark.parametrize(
    ("source", "decides"),
    [("169.254.7.7", "spoofed"), ("0.0.0.0", "pair/lan/wan"), ("fe80::7", "pair/lan/wan")],
)
def test_who_has_no_address_yet_and_a_neighbour_of_ipv6_are_not_forged(source: str, decides: str) -> None:
    """As in the kernel, where a route leads back to link-local neighbours of IPv6 alone."""
    assert origin(policy(""), "lan", source) == decides


@pytest.mark.parametrize(
    "public", ["1.1.1.1", "100.63.255.255", "172.32.0.1", "2600::1", "fe80::1", "223.255.255.255"]
)
def test_the_internet_is_no_bogon(public: str) -> None:
    assert ip_address(public) not in BOGON_SET


@pytest.mark.parametrize(
    "nobody", ["10.1.2.3", "100.64.0.1", "255.255.255.255", "fd00::1", "::1", "2001:db8::1"]
)
def test_nobody_is_a_bogon(nobody: str) -> None:
    assert ip_address(nobody) in BOGON_SET
