# SPDX-License-Identifier: GPL-2.0-or-later
"""Only what differs is changed, what is not ours stays, and every change has an inverse that is its own."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address, ip_interface, ip_network
from typing import Any

import pytest

from patronus.core.link import Address, BondSettings, Link, LinkSettings, LinkWanted, Route
from patronus.network.interfaces.changes import Change, ConfigureLink, CreateLink, SetAddress, SetRoute
from patronus.network.interfaces.difference import Look, additions, creations, removals, settings, vanished
from patronus.network.interfaces.plan import DhcpClient, InterfacesPlan

LAN4 = ip_interface("192.168.1.1/24")
DEFAULT = Route(ip_network("0.0.0.0/0"), "eth1", ip_address("198.51.100.1"), 100)
PLAN = InterfacesPlan(
    devices={"lan": "eth0", "guest": "guest"},
    addresses={"lan": (LAN4,), "guest": (ip_interface("10.10.0.1/24"),)},
    links=(LinkWanted("lan", "eth0", mtu=1500), LinkWanted("guest", "guest", "vlan", parent="eth0", tag=30)),
)
ETH0 = Link("eth0", 2, up=True)
GUEST = Link("guest", 3, kind="vlan", up=True, parent="eth0", tag=30, ours=True)
STANDING: Look = ((ETH0, GUEST), PLAN.wanted_addresses(), ())


def everything(plan: InterfacesPlan, look: Look, running: InterfacesPlan | None = None) -> list[str]:
    links, addresses, routes = look
    changes: list[Change] = [
        *removals(plan, running, look),
        *creations(plan, links),
        *settings(plan, links),
        *additions(plan, addresses, routes),
    ]
    return [str(change) for change in changes]


def test_nothing_to_do_where_all_stands() -> None:
    assert everything(PLAN, STANDING) == []


def test_a_vlan_is_made_on_its_parent_and_then_addressed() -> None:
    look: Look = ((ETH0,), (Address("eth0", LAN4),), ())
    assert everything(PLAN, look) == ["create vlan guest", "add address 10.10.0.1/24 on guest"]
    assert [str(one) for one in settings(PLAN, (ETH0, replace(GUEST, up=False)))] == [
        "set guest up, mtu 1500"
    ]


@pytest.mark.parametrize(
    "other", [{"tag": 31}, {"protocol": "802.1ad"}, {"parent": "eth1"}, {"kind": "bridge"}]
)
def test_a_vlan_that_became_another_is_made_anew(other: dict[str, Any]) -> None:
    links = (ETH0, replace(GUEST, **other))
    names = [str(change) for change in removals(PLAN, None, (links, STANDING[1], ()))]
    kind = other.get("kind", "vlan")
    assert names[0] == "delete address 10.10.0.1/24 on guest"
    assert names[-1] == f"delete {kind} guest"


def test_what_stands_on_a_vlan_goes_before_it_and_comes_back_after_it() -> None:
    outer = replace(GUEST, name="a", tag=100, protocol="802.1ad")
    inner = replace(GUEST, name="b", parent="a", tag=7)
    gone = removals(InterfacesPlan(), None, ((ETH0, outer, inner), (), ()))
    made = [one.wanted for one in gone if isinstance(one, CreateLink)]
    assert [(one.name, one.protocol) for one in made] == [("b", "802.1q"), ("a", "802.1ad")]
    kept = replace(PLAN, links=(LinkWanted("x", "b", "vlan", parent="a", tag=7),))  # but not what carries it
    found = removals(kept, None, ((ETH0, outer, inner), (), ()))
    assert [one.wanted.name for one in found if isinstance(one, CreateLink)] == ["b", "a"]


def test_a_bond_of_another_mode_is_made_anew_and_its_deletion_can_be_taken_back() -> None:
    """The kernel does not change the mode of a bond that has members."""
    wanted = LinkWanted("trunk", "trunk", "bond", bond=BondSettings("802.3ad"))
    plan = InterfacesPlan(devices={"trunk": "trunk"}, links=(wanted,))
    link = Link("trunk", 4, kind="bond", up=True, bond=BondSettings("802.3ad"), ours=True)
    assert everything(plan, ((link,), (), ())) == []
    other = replace(link, bond=BondSettings("active-backup"))
    *_, gone = removals(plan, None, ((other,), (), ()))
    assert str(gone) == "delete bond trunk"
    assert gone.inverse() == CreateLink(LinkWanted("", "trunk", "bond", bond=BondSettings("active-backup")))
    voice = Link("voice", 6, kind="vlan", parent="trunk", tag=30, ours=True)
    vlan = LinkWanted("voice", "voice", "vlan", parent="trunk", tag=30)
    both = replace(plan, links=(wanted, vlan), devices={"trunk": "trunk", "voice": "voice"})
    names = [str(one) for one in removals(both, None, ((other, voice), (), ()))]
    assert (names[0], names[-1]) == ("delete vlan voice", "delete bond trunk")
    dummy = Link("loop", 5, kind="dummy", ours=True)
    assert everything(plan, ((link, dummy), (), ())) == ["delete dummy loop"]


def test_links_that_are_not_ours_stay() -> None:
    foreign = Link("wg0", 9, kind="vlan", up=True, parent="eth0", tag=99)
    links = (ETH0, GUEST, foreign)
    addresses = (*PLAN.wanted_addresses(), Address("wg0", ip_interface("10.9.0.1/24")))
    assert everything(PLAN, (links, addresses, ())) == []
    ours = (ETH0, GUEST, replace(foreign, ours=True))
    assert everything(PLAN, (ours, addresses, ()))[-1] == "delete vlan wg0"


def test_link_local_addresses_stay() -> None:
    extra = (*PLAN.wanted_addresses(), Address("eth0", ip_interface("fe80::1/64")))
    assert everything(PLAN, (STANDING[0], extra, ())) == []
    other = (*PLAN.wanted_addresses(), Address("eth0", ip_interface("2001:db8::1/64")))
    assert everything(PLAN, (STANDING[0], other, ())) == ["delete address 2001:db8::1/64 on eth0"]


def test_what_a_dhcp_client_set_stays_and_what_we_set_before_goes() -> None:
    leased, old = (
        Address("eth1", ip_interface("198.51.100.50/24")),
        Address("eth1", ip_interface("192.0.2.2/24")),
    )
    before = InterfacesPlan(
        devices={"wan": "eth1"}, addresses={"wan": (old.interface,)}, links=(LinkWanted("wan", "eth1"),)
    )
    plan = replace(before, addresses={}, clients=(DhcpClient("wan", "eth1", 100, ipv4=True),))
    look: Look = ((Link("eth1", 4, up=True),), (leased, old), ())
    assert everything(plan, look, before) == ["delete address 192.0.2.2/24 on eth1"]
    assert everything(replace(plan, clients=()), look, before) == [
        "delete address 198.51.100.50/24 on eth1",
        "delete address 192.0.2.2/24 on eth1",
    ]


def test_a_route_goes_before_the_address_it_stands_on_though_it_is_wanted() -> None:
    """The kernel drops it with the address; taken away by name, it can be put back."""
    plan = InterfacesPlan(
        devices={"wan": "eth1"},
        addresses={"wan": (ip_interface("198.51.100.3/24"),)},
        links=(LinkWanted("wan", "eth1"),),
        routes=(DEFAULT,),
    )
    look: Look = (
        (Link("eth1", 4, up=True),),
        (Address("eth1", ip_interface("198.51.100.2/24")),),
        (DEFAULT,),
    )
    assert [str(change) for change in removals(plan, None, look)] == [
        "delete route 0.0.0.0/0 via 198.51.100.1 on eth1",
        "delete address 198.51.100.2/24 on eth1",
    ]


def test_a_nic_that_lost_its_role_goes_down_and_an_idle_one_too() -> None:
    links = (Link("eth0", 2, up=True), Link("eth5", 5, up=True), Link("eth6", 6, up=True))
    plan = InterfacesPlan(idle=("eth5",))
    running = InterfacesPlan(links=(LinkWanted("lan", "eth0"),))
    assert everything(plan, (links, (), ()), running) == ["set eth0 down", "set eth5 down"]


OWN, SHOWN = "52:54:00:00:00:01", "02:00:5e:10:20:30"


@pytest.mark.parametrize(
    ("wanted", "has", "changes"),
    [
        (SHOWN, OWN, [f"set eth1 up, address {SHOWN}, mtu 1500"]),
        (SHOWN, SHOWN, []),
        (None, SHOWN, [f"set eth1 up, address {OWN}, mtu 1500"]),
        (None, OWN, []),
    ],
)
def test_a_card_shows_another_address_and_its_own_again(
    wanted: str | None, has: str, changes: list[str]
) -> None:
    """Its own comes back though nobody remembers the plan before: a killed daemon reverts without it."""
    plan = InterfacesPlan(links=(LinkWanted("wan", "eth1", mac=wanted),))
    card = Link("eth1", 2, mac=has, own=OWN, up=True)
    made = settings(plan, (card,))
    assert [str(one) for one in made] == changes
    assert [one.inverse().after.mac for one in made if isinstance(one, ConfigureLink)] == [has] * len(made)


def test_what_was_given_no_other_address_and_what_a_bond_has_named_keep_what_they_have() -> None:
    bond = LinkWanted("uplink", "uplink", "bond", bond=BondSettings())
    links = (bond, LinkWanted("a", "eth1", master="uplink"), LinkWanted("b", "eth2"))
    there = (
        Link("uplink", 9, "bond", mac=SHOWN, bond=BondSettings(), up=True, ours=True),
        Link("eth1", 2, mac=SHOWN, own=OWN, up=True, master="uplink"),
        Link("eth2", 3, mac=SHOWN, up=True),
    )
    assert settings(InterfacesPlan(links=links), there) == []


@pytest.mark.parametrize(
    "change",
    [
        CreateLink(PLAN.links[1]),
        ConfigureLink("eth0", LinkSettings(up=False), LinkSettings(up=True, mtu=1400)),
        SetAddress(Address("eth0", LAN4)),
        SetRoute(DEFAULT, gone=True),
    ],
)
def test_an_inverse_undoes_and_is_undone(change: Change) -> None:
    assert change.inverse() != change
    assert change.inverse().inverse() == change


def test_what_stands_on_a_card_that_has_gone_has_gone_with_it() -> None:
    assert vanished(PLAN, STANDING[0]) == set()
    assert vanished(PLAN, ()) == {"eth0", "guest"}
    assert vanished(PLAN, (ETH0,)) == set(), "a VLAN that somebody deleted is missed"
    assert vanished(PLAN, (GUEST,)) == {"eth0"}, "it may have moved to another name space with its card"
