# SPDX-License-Identifier: GPL-2.0-or-later
"""From the model and the NICs to devices, links, addresses, routes and clients."""

from __future__ import annotations

from ipaddress import ip_address, ip_interface, ip_network
from typing import Any

import pytest

from patronus.core.errors import InvalidConfiguration
from patronus.core.link import Address, BondSettings, LinkWanted, Nic, Route
from patronus.network.interfaces.learned import Learned
from patronus.network.interfaces.model import Interfaces
from patronus.network.interfaces.plan import Facts, InterfacesPlan, build

A, B = "52:54:00:00:00:01", "52:54:00:00:00:02"
LAN = {
    "id": "lan",
    "match": {"mac": A},
    "zone": "lan",
    "ipv4": {"method": "static", "addresses": ["192.168.1.1/24"]},
}
WAN = {"id": "wan", "match": {"mac": B}, "zone": "wan", "ipv4": {"method": "dhcp"}}
GUEST = {"id": "guest", "vlan": {"parent": "lan", "tag": 30}, "zone": "lan"}
NICS = (Nic("eth0", A, "pci-0000:00:01.0"), Nic("eth1", B, "pci-0000:00:02.0"))


def planned(*items: dict[str, Any], nics: tuple[Nic, ...] = NICS, **facts: Any) -> InterfacesPlan:
    return build(Interfaces.model_validate({"interfaces": items}), Facts(nics, **facts))


def test_roles_become_devices_and_zones() -> None:
    plan = planned(LAN, WAN, GUEST)
    assert plan.devices == {"lan": "eth0", "wan": "eth1", "guest": "guest"}
    assert plan.zones == {"lan": ("lan", "guest"), "wan": ("wan",)}
    assert plan.devices_of("lan") == ("eth0", "guest")
    assert plan.wanted_addresses() == (Address("eth0", ip_interface("192.168.1.1/24")),)


def test_a_missing_nic_takes_its_vlan_along_and_nothing_else() -> None:
    plan = planned(LAN, WAN, GUEST, nics=NICS[1:])
    assert plan.devices == {"lan": None, "wan": "eth1", "guest": None}
    assert plan.devices_of("lan") == ()
    assert plan.addresses["lan"] == (ip_interface("192.168.1.1/24"),)
    assert [link.name for link in plan.links] == ["eth1"]
    assert plan.wanted_addresses() == ()


def test_a_vlan_comes_after_its_parent_and_a_bridge_before_its_members() -> None:
    bridge = {"id": "br0", "bridge": {"members": ["port"], "stp": True}, "zone": "lan"}
    plan = planned(GUEST, {"id": "lan", "match": {"mac": A}}, {"id": "port", "match": {"mac": B}}, bridge)
    assert plan.links == (
        LinkWanted("br0", "br0", "bridge", stp=True),
        LinkWanted("lan", "eth0"),
        LinkWanted("port", "eth1", master="br0"),
        LinkWanted("guest", "guest", "vlan", parent="eth0", tag=30),
    )


def test_a_vlan_on_a_vlan_comes_last_and_is_missing_with_the_card_below() -> None:
    inner = {"id": "inner", "vlan": {"parent": "outer", "tag": 7}}
    outer = {"id": "outer", "vlan": {"parent": "lan", "tag": 100, "protocol": "802.1ad"}}
    lan = {"id": "lan", "match": {"mac": A}}
    assert planned(inner, outer, lan).links == (
        LinkWanted("lan", "eth0"),
        LinkWanted("outer", "outer", "vlan", parent="eth0", tag=100, protocol="802.1ad"),
        LinkWanted("inner", "inner", "vlan", parent="outer", tag=7),
    )
    assert planned(inner, outer, lan, nics=NICS[1:]).devices == dict.fromkeys(("inner", "outer", "lan"))


def test_a_bond_comes_before_its_members_and_a_dummy_has_no_need_of_a_card() -> None:
    """A card that is missing is missing from its bond alone."""
    given = {"members": ["a", "b"], "mode": "802.3ad", "lacp_rate": "fast"}
    cards = ({"id": "a", "match": {"mac": A}}, {"id": "b", "match": {"mac": B}})
    guest = {"id": "guest", "vlan": {"parent": "trunk", "tag": 30}}
    bond, loop = {"id": "trunk", "bond": given}, {"id": "loop", "dummy": {}}
    plan = planned(guest, *cards, bond, loop, nics=NICS[:1])
    assert plan.links == (
        LinkWanted("trunk", "trunk", "bond", bond=BondSettings("802.3ad", lacp_fast=True)),
        LinkWanted("loop", "loop", "dummy"),
        LinkWanted("a", "eth0", master="trunk"),
        LinkWanted("guest", "guest", "vlan", parent="trunk", tag=30),
    )
    assert plan.devices == {"guest": "guest", "a": "eth0", "b": None, "trunk": "trunk", "loop": "loop"}


def test_a_nic_without_a_role_is_idle_unless_it_sits_on_no_bus() -> None:
    assert planned(LAN, nics=(*NICS, Nic("veth0", "52:54:00:00:00:77"))).idle == ("eth1",)


def test_the_first_uplink_of_the_file_has_the_better_route() -> None:
    static = {
        "id": "fibre",
        "match": {"mac": A},
        "ipv4": {"method": "static", "addresses": ["198.51.100.2/24"], "gateway": "198.51.100.1"},
    }
    plan = planned(static, WAN)
    assert plan.routes == (Route(ip_network("0.0.0.0/0"), "eth0", ip_address("198.51.100.1"), 100),)
    assert [client.metric for client in plan.clients] == [101]
    assert planned(WAN, static).clients[0].metric == 100


def test_what_an_uplink_gave_is_under_its_role() -> None:
    given = Learned(dns_servers=(ip_address("198.51.100.53"),))
    assert planned(LAN, WAN, learned={"eth1": given, "eth0": given}).learned == {"wan": given}
    assert planned(LAN, WAN).learned == {"wan": Learned()}


def test_a_made_link_must_not_hide_a_nic() -> None:
    with pytest.raises(InvalidConfiguration, match="eth1 is the kernel's name of a NIC"):
        planned(LAN, {**GUEST, "id": "eth1"})


def test_only_a_zone_with_a_dhcpv6_client_is_opened_for_its_answers() -> None:
    (opening,) = planned(LAN, {**WAN, "ipv6": {"method": "dhcp"}}).contributions
    assert (opening.zone, opening.protocol, opening.ports) == ("wan", "udp", (546,))
    assert planned(LAN, {**WAN, "ipv6": {"method": "slaac"}}).contributions == ()
