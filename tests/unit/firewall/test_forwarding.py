# SPDX-License-Identifier: GPL-2.0-or-later
"""Open connections sent on by XDP: between which cards, and what is said where there are none."""

from __future__ import annotations

from dataclasses import replace

import pytest

from patronus.core.early import XdpMode
from patronus.core.feature import Earlier
from patronus.core.link import LinkWanted
from patronus.firewall.early.forwarding import forwarding_cards, forwarding_warnings
from patronus.firewall.plan import FirewallPlan, plan
from patronus.firewall.resolve.configuration import FirewallFacts
from patronus.network.interfaces.plan import InterfacesPlan
from tests.golden.case import links, load
from tests.unit.firewall.test_flows import INTERFACES, ZONES

LINKS = InterfacesPlan(
    links=(
        LinkWanted("wan", "eth0"),
        LinkWanted("lan", "eth1"),
        LinkWanted("guest", "eth1.30", "vlan", parent="eth1", tag=30),
        LinkWanted("port", "eth2", master="br0"),
        LinkWanted("br0", "br0", "bridge"),
        LinkWanted("dial", "ppp0", "pppoe", parent="eth0"),
    )
)
ALL = tuple(sorted(link.name for link in LINKS.links))


@pytest.mark.parametrize(
    ("modes", "cards"),
    [
        ({}, ("eth0", "eth1")),
        ({"eth0": "native"}, ("eth0", "eth1")),
        ({"eth0": "generic"}, ("eth1",)),
        ({"eth0": "off", "eth1": "off"}, ()),
    ],
)
def test_only_plain_cards_with_xdp_in_their_driver_come_into_question(
    modes: dict[str, XdpMode], cards: tuple[str, ...]
) -> None:
    assert forwarding_cards(ALL, modes, LINKS) == cards
    assert forwarding_cards(("eth1",), modes, LINKS) == tuple(one for one in cards if one == "eth1")
    assert forwarding_cards((), modes, LINKS) == ()


def test_what_a_person_does_not_get_is_said() -> None:
    def said(offload: tuple[str, ...], cards: tuple[str, ...], refused: str | None = None) -> list[str]:
        return [one.message for one in forwarding_warnings(offload, cards, refused)]

    assert said(("eth0", "eth1"), ("eth0", "eth1")) == []
    assert said((), ()) == ["XDP sends nothing on: no packet goes past the rules"]
    assert said((), (), "no flow table") == [], "that is said of the flow table"
    (none,) = said(("br0",), ())
    assert "no device of the flow table is a plain card" in none
    assert said(("br0", "eth0"), ("eth0",)) == ["the kernel forwards what comes and goes by br0"]


def planned(text: str) -> FirewallPlan:
    files = {"network/interfaces.yaml": INTERFACES, "firewall/zones.yaml": ZONES}
    config = load(files | {"firewall/conntrack.yaml": text}).config
    there = tuple(LinkWanted(role, role) for role in ("lan", "wan"))
    return plan(config, FirewallFacts(), Earlier((replace(links(config, set()), links=there),)))


def test_it_is_off_unless_it_and_the_flow_table_are_asked_for() -> None:
    assert planned("offload: true\n").forwarding == ()
    both = planned("offload: true\nxdp_forwarding: true\n")
    assert (both.forwarding, both.warnings) == (("lan", "wan"), ())
    alone = planned("xdp_forwarding: true\n")
    assert alone.forwarding == ()
    (warning,) = alone.warnings
    assert warning.path == ("firewall/conntrack", "xdp_forwarding")
    assert warning.hint == "offload: true lets those of open connections"
