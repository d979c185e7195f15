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
from patronus.firewall.explain import MISFITS, misfit
from patronus.firewall.explain_verbs import Explain, run
from patronus.firewall.model.flags import FlagMatch
from patronus.firewall.policy import Match, Policy, PolicyRule
from patronus.firewall.verdict import Packet

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


def test_xdp_is_named_where_it_stands_and_the_packet_comes_from_a_blocked_address() -> None:
    policy = Policy(
        zones={"wan": ("eth0",), "lan": ("eth1",)}, blocked=AddressSet.of([ip_network("203.0.113.0/24")])
    )

    def plane(source: str, *watched: str) -> str:
        given = Explain(
            arrives_on="wan", source=source, destination="192.0.2.2", protocol="tcp", destination_port=1
        )
        return run(Configuration({}), policy, given, lambda _: Hop("eth1"), watched).plane

    assert plane("203.0.113.9", "eth0") == "xdp"
    assert plane("203.0.113.9") == "nftables"
    assert plane("198.51.100.9", "eth0") == "nftables"
