# SPDX-License-Identifier: GPL-2.0-or-later
"""What features ask the firewall to let in: that comes in, and not a packet more."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from ipaddress import IPv4Network, ip_address, ip_network
from typing import Any

import pytest

from patronus.core.feature import Earlier, Plan
from patronus.core.link import LinkWanted
from patronus.core.values import PortRange
from patronus.firewall.judge.verdict import Packet, decide
from patronus.firewall.plan import FirewallPlan, nics, plan
from patronus.firewall.resolve.configuration import FirewallFacts
from patronus.firewall.table import commands
from patronus.network.interfaces.plan import InterfacesPlan
from patronus.network.mappable import Mappable
from patronus.network.opening import Opening
from tests.golden.case import links, load

INTERFACES = """
interfaces:
  - {id: wan, match: {path: a}, zone: wan, ipv4: {method: static, addresses: [198.51.100.2/24]}}
  - {id: lan, match: {path: b}, zone: lan, ipv4: {method: static, addresses: [192.168.1.1/24]}}
  - {id: attic, match: {path: c}, zone: lan, ipv4: {method: static, addresses: [192.168.2.1/24]}}
"""
CLOSED = "zones: [{id: wan}, {id: lan}]\n"
TCP, UDP, OSPF = 6, 17, 89
ASK = Packet("lan", ip_address("192.168.1.9"), ip_address("192.168.1.1"), UDP, None, 40000, 53)


def planned(
    *offers: Any, zones: str = CLOSED, missing: str = "", named: Mapping[str, str] | None = None
) -> FirewallPlan:
    """Return the plan with these offers; a device is called as its role, or as ``named`` says."""
    loaded = load({"network/interfaces.yaml": INTERFACES, "firewall/zones.yaml": zones})
    assert loaded.problems == ()
    found = links(loaded.config, {missing})
    found = replace(found, devices={**found.devices, **(named or {})})
    return plan(loaded.config, FirewallFacts(), Earlier((found, Plan(offers))))


def allowed(found: FirewallPlan, packet: Packet = ASK, **changes: Any) -> bool:
    """Return whether the policy lets a packet in."""
    return decide(found.policy, replace(packet, **changes)).action == "allow"


def test_a_zone_reaches_the_port_on_the_router_and_nothing_else() -> None:
    found = planned(Opening("lan", "udp", (53, 5353), "dns"))
    assert decide(found.policy, ASK).origin == "opening/dns"
    assert allowed(found, arrives_on="attic", destination_port=5353)
    others: tuple[dict[str, Any], ...] = (
        {"arrives_on": "wan"}, {"protocol": TCP}, {"destination_port": 54}, {"leaves_by": "attic"},
        {"leaves_by": "wan"}, {"arrives_on": "elsewhere"},
    )  # fmt: skip
    assert [change for change in others if allowed(found, **change)] == []
    assert not allowed(planned())


def test_only_its_sources_come_in() -> None:
    isp, six = ip_network("198.51.100.9/32"), ip_network("2001:db8::/64")
    found = planned(Opening("wan", "tcp", (179,), "bgp", (isp, six)))
    asked = replace(ASK, arrives_on="wan", protocol=TCP, destination_port=179)
    sources = {
        text: allowed(found, asked, source=ip_address(text), destination=ip_address(to))
        for text, to in (
            ("198.51.100.9", "198.51.100.2"), ("198.51.100.8", "198.51.100.2"),
            ("2001:db8::9", "2001:db8::1"), ("2001:db8:1::9", "2001:db8::1"),
        )
    }  # fmt: skip
    assert sources == {
        "198.51.100.9": True, "198.51.100.8": False, "2001:db8::9": True, "2001:db8:1::9": False,
    }  # fmt: skip


def test_one_interface_of_a_zone_is_that_one_and_nobody_where_its_card_is_missing() -> None:
    alone = Opening("lan", "udp", (3784,), "bfd", (), "attic")
    asked = replace(ASK, destination_port=3784)
    found = planned(alone)
    assert (allowed(found, asked, arrives_on="attic"), allowed(found, asked)) == (True, False)
    renamed = planned(alone, named={"attic": "eth7"})
    assert (allowed(renamed, asked, arrives_on="eth7"), allowed(renamed, asked)) == (True, False)
    without = planned(alone, missing="attic")
    assert (allowed(without, asked, arrives_on="attic"), allowed(without, asked)) == (False, False)


def test_ospf_is_a_protocol_and_has_no_ports() -> None:
    found = planned(Opening("lan", "ospf", (), "ospf", (), "lan"))
    hello = replace(
        ASK, protocol=OSPF, source_port=0, destination_port=0, destination=ip_address("224.0.0.5")
    )
    assert decide(found.policy, hello).origin == "opening/ospf"
    assert not allowed(found, hello, arrives_on="attic")
    assert [number for number in (TCP, UDP, 88, 90) if allowed(found, hello, protocol=number)] == []


@pytest.mark.parametrize(
    ("services", "comes"),
    [("", True), (", self_services: [dns]", True), (", self_services: [dhcp]", False),
     (", self_services: []", False)],
)  # fmt: skip
def test_a_zone_says_which_services_it_reaches(services: str, comes: bool) -> None:
    found = planned(
        Opening("lan", "udp", (53,), "dns"), zones=f"zones: [{{id: wan}}, {{id: lan{services}}}]\n"
    )
    assert allowed(found) is comes


def test_a_zone_that_is_not_in_the_file_has_none() -> None:
    found = planned(Opening("cellar", "udp", (53,), "dns"))
    assert found.policy.rules == ()
    assert [one.zone for one in found.openings] == ["cellar"], "it was asked for all the same"


def test_a_rule_of_the_owner_stands_before_what_a_feature_asks_for() -> None:
    rules = "rules: [{id: r-1, from: lan, source: 192.168.1.9, action: drop}]\n"
    loaded = load(
        {
            "network/interfaces.yaml": INTERFACES,
            "firewall/zones.yaml": CLOSED,
            "firewall/rules.yaml": rules,
        }
    )
    offered = Plan((Opening("lan", "udp", (53,), "dns"),))
    found = plan(loaded.config, FirewallFacts(), Earlier((links(loaded.config, set()), offered)))
    assert decide(found.policy, ASK).origin == "rule/r-1"
    assert allowed(found, source=ip_address("192.168.1.8"))


def test_the_kernel_is_told_the_same() -> None:
    """What is decided above is what stands in the table: the device, the source, the protocol, the port."""
    sources = (ip_network("192.168.2.9/32"),)
    rules = [
        command["add"]["rule"]
        for command in commands.whole(
            planned(
                Opening("lan", "tcp", (179,), "bgp", sources, "attic"), Opening("lan", "ospf", (), "ospf")
            ).ruleset
        )
        if "rule" in command.get("add", {})
    ]
    told = {rule["comment"].split()[0]: _matches(rule["expr"]) for rule in rules if "comment" in rule}
    (bgp,) = (found for comment, found in told.items() if comment.startswith("opening/bgp"))
    (ospf,) = (found for comment, found in told.items() if comment.startswith("opening/ospf"))
    assert bgp == {"iifname": "attic", "saddr": "192.168.2.9", "l4proto": TCP, "dport": 179}
    assert ospf == {"l4proto": OSPF}


def _matches(statements: list[dict[str, Any]]) -> dict[str, Any]:
    """Return what a rule of the kernel asks for, by the name of the field."""
    found: dict[str, Any] = {}
    for statement in statements:
        if "match" in statement:
            left = statement["match"]["left"]
            kind = left.get("payload") or left.get("meta") or {}
            found[str(kind.get("field") or kind.get("key"))] = statement["match"]["right"]
    return found


def test_what_hosts_asked_for_comes_in_translated_and_to_them_alone() -> None:
    found = planned(Mappable("wan", ("lan",), (IPv4Network("192.168.1.0/24"),), (PortRange(1024, 65535),)))
    mapped = replace(
        ASK, arrives_on="wan", source=ip_address("203.0.113.7"), destination=ip_address("192.168.1.9"),
        leaves_by="lan", destination_port=6000, translated=True,
    )  # fmt: skip
    assert decide(found.policy, mapped).origin == "opening/mappings"
    assert allowed(found, mapped, protocol=TCP)
    others: tuple[dict[str, Any], ...] = (
        {"translated": False}, {"destination_port": 1023}, {"protocol": 47}, {"leaves_by": None},
        {"destination": ip_address("192.168.2.9")}, {"arrives_on": "attic"}, {"leaves_by": "wan"},
    )  # fmt: skip
    assert [change for change in others if allowed(found, mapped, **change)] == []


BELOW = InterfacesPlan(
    links=(
        LinkWanted("isp", "eth0"),
        LinkWanted("isp-7", "eth0.7", "vlan", parent="eth0", tag=7),
        LinkWanted("dsl", "dsl", "pppoe", parent="eth0.7"),
        LinkWanted("office", "eth1.30", "vlan", parent="eth1", tag=30),
        LinkWanted("home", "br0", "bridge"),
        LinkWanted("port", "eth2", master="br0"),
    )
)


def test_nobody_stands_below_a_session_of_pppoe() -> None:
    """XDP sees no addresses in its frames: the card would drop nothing, and cost each packet."""
    assert nics({"dsl"}, BELOW) == set()
    assert nics({"dsl", "eth1.30", "br0", "eth5"}, BELOW) == {"eth1", "eth2", "eth5"}
    assert nics({"dsl", "eth0.7"}, BELOW) == {"eth0"}, "that its VLAN has a zone of its own is its own affair"
