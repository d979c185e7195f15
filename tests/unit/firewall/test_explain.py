# SPDX-License-Identifier: GPL-2.0-or-later
"""What the explanation says beside the verdict: the plane, and why a rule does not fit."""

from __future__ import annotations

from dataclasses import fields
from ipaddress import ip_address, ip_network
from typing import Any

import pytest

from patronus.core.link import Hop
from patronus.core.model import Configuration
from patronus.core.values import Mark, PortRange
from patronus.firewall.addresses import AddressSet
from patronus.firewall.early.drops import early_drops, ways_in
from patronus.firewall.judge.explain import MISFITS, misfit
from patronus.firewall.judge.verdict import Packet
from patronus.firewall.model.flags import FlagMatch
from patronus.firewall.plan import FirewallPlan
from patronus.firewall.policy import Match, Policy, PolicyRule
from patronus.firewall.verbs.explain import Explain, World, run
from patronus.network.interfaces.plan import InterfacesPlan

PACKET = Packet(
    "wan", ip_address("192.0.2.1"), ip_address("192.0.2.2"), 6, "lan", 50000, 443,
    mac="52:54:00:00:00:01", tcp_flags=2, dscp=0,
)  # fmt: skip
OTHERS: dict[str, Any] = {
    "interfaces": frozenset({"lan"}),
    "source": AddressSet.of([ip_network("10.0.0.0/8")]),
    "destination": AddressSet.of([ip_network("10.0.0.0/8")]),
    "mac": "52:54:00:00:00:02",
    "protocols": (17,),
    "source_ports": (PortRange(1, 2),),
    "destination_ports": (PortRange(1, 2),),
    "icmp": (8,),
    "icmpv6": (128,),
    "translated": True,
    "tcp_flags": FlagMatch(16, 16),
    "dscp": (46,),
    "mark": Mark(1, 0xFF),
}


@pytest.mark.parametrize("name", OTHERS)
def test_why_a_rule_does_not_fit_is_named(name: str) -> None:
    rule = PolicyRule("rule/r-1", "drop", Match(**{name: OTHERS[name]}))
    assert misfit(rule, PACKET) == MISFITS["icmp" if name == "icmpv6" else name]


def test_each_reason_is_that_of_a_field() -> None:
    assert MISFITS.keys() <= {field.name for field in fields(Match)}


def test_xdp_is_named_where_it_works_and_has_the_source_or_the_rule() -> None:
    rule = PolicyRule("rule/r-1", "drop", Match(protocols=(6,), destination_ports=(PortRange(22, 22),)))
    policy = Policy(
        zones={"wan": ("eth0",), "lan": ("eth1",)},
        rules=(rule,),
        blocked=AddressSet.of([ip_network("203.0.113.0/24")]),
    )
    early = early_drops(policy, InterfacesPlan())
    below = {device: frozenset({device}) for device in ("eth0", "eth1")}
    plan = FirewallPlan(policy=policy, early=early, ways=ways_in(policy, InterfacesPlan()), below=below)

    def plane(source: str, destination: str, *, xdp: str = "eth0", **more: Any) -> str:
        asked = {"destination_port": 1, "protocol": "tcp", **more}
        given = Explain(arrives_on="wan", source=source, destination=destination, **asked)
        world = World(lambda _: Hop("eth1"), lambda *_: True)
        return run(Configuration({}), plan, given, world, xdp=frozenset({xdp})).plane

    blocked, other = "203.0.113.9", "198.51.100.9"
    assert plane(blocked, other) == "xdp"
    assert plane(blocked, other, xdp="eth1") == "nftables", "XDP runs on another card alone"
    assert plane(other, blocked) == "nftables", "only sources are looked up there"
    assert plane(other, "192.0.2.2") == "nftables", "the default"
    assert plane(other, "192.0.2.2", destination_port=22) == "xdp"
    assert plane(other, "192.0.2.2", destination_port=22, protocol="udp") == "nftables"
    assert plane(other, "192.0.2.2", destination_port=22, tcp_flags="ack") == "nftables"
    assert plane(other, "192.0.2.2", destination_port=22, state="established") == "nftables"
