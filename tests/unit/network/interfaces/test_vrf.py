# SPDX-License-Identifier: GPL-2.0-or-later
"""A VRF: what is refused, what is made in which order, and what comes and goes with its members."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_interface
from typing import Any

import pytest

from patronus.core.link import Address, Link, Nic
from patronus.core.problem import render_path
from patronus.network.interfaces.changes import ConfigureLink, CreateLink
from patronus.network.interfaces.check import check
from patronus.network.interfaces.difference import additions, creations, removals, settings
from patronus.network.interfaces.model import Interfaces
from patronus.network.interfaces.plan import Facts, InterfacesPlan, build

MACS = {"shop": "52:54:00:00:00:01", "office": "52:54:00:00:00:02", "wan": "52:54:00:00:00:03"}
NICS = tuple(Nic(f"eth{n}", mac) for n, mac in enumerate(MACS.values()))


def member(role: str, address: str, zone: str | None = "cust", **more: Any) -> dict[str, Any]:
    ipv4 = {"method": "static", "addresses": [address], **more}
    return {"id": role, "match": {"mac": MACS[role]}, "zone": zone, "ipv4": ipv4}


SHOP = member("shop", "10.7.0.1/24")
OFFICE = member("office", "10.8.0.1/24", gateway="10.8.0.254")
WAN = member("wan", "192.0.2.2/24", "wan", gateway="192.0.2.1")
VRF = {"id": "cust", "vrf": {"table": 7, "members": ["shop", "office"]}, "zone": "cust"}


def model(*items: dict[str, Any]) -> Interfaces:
    return Interfaces.model_validate({"interfaces": items})


def planned(*items: dict[str, Any]) -> InterfacesPlan:
    return build(model(*items), Facts(NICS))


def said(*items: dict[str, Any]) -> list[str]:
    return [f"{render_path(one.path)}: {one.message}" for one in check(model(*items))]


def vlan(parent: str) -> dict[str, Any]:
    return {"id": "v", "vlan": {"parent": parent, "tag": 5}, "zone": "cust"}


GOOD: dict[str, list[dict[str, Any]]] = {
    "two cards and an uplink outside": [VRF, SHOP, OFFICE, WAN],
    "a VLAN on a member, and one as a member": [
        {**VRF, "vrf": {"table": 7, "members": ["shop", "v"]}},
        SHOP,
        vlan("shop"),
    ],
    "addresses of its own": [
        {**VRF, "ipv4": {"method": "static", "addresses": ["10.9.0.1/32"]}},
        SHOP,
        OFFICE,
    ],
    "a bridge": [
        {"id": "cust", "vrf": {"table": 252, "members": ["br0"]}},
        {"id": "br0", "bridge": {"members": []}},
    ],
}


@pytest.mark.parametrize("name", GOOD)
def test_what_can_be_has_no_problem(name: str) -> None:
    assert said(*GOOD[name]) == []


WRONG: dict[str, tuple[list[dict[str, Any]], list[str]]] = {
    "a member that is not there": (
        [VRF, SHOP],
        ["interfaces[0].vrf.members[1]: there is no interface office"],
    ),
    "another zone": (
        [VRF, {**SHOP, "zone": "lan"}, OFFICE],
        ["interfaces[1].zone: shop is in the VRF cust, and they are in one zone, or both in none"],
    ),
    "no zone of its own": (
        [{**VRF, "zone": None}, SHOP, {**OFFICE, "zone": None}],
        ["interfaces[1].zone: shop is in the VRF cust, and they are in one zone, or both in none"],
    ),
    "an address of a provider": (
        [VRF, {**SHOP, "ipv4": {"method": "dhcp"}}, OFFICE],
        ["interfaces[1].ipv4.method: shop is in the VRF cust, where addresses come from the file alone"],
    ),
    "announcements": (
        [
            VRF,
            {**SHOP, "ipv6": {"method": "static", "addresses": ["2001:db8::1/64"], "advertise": True}},
            OFFICE,
        ],
        ["interfaces[1].ipv6.advertise: shop is in the VRF cust, where the router does not announce itself"],
    ),
    "one table for two": (
        [VRF, SHOP, OFFICE, {"id": "other", "vrf": {"table": 7}}],
        ["interfaces[3].vrf.table: table 7 is cust's already"],
    ),
    "in two": (
        [VRF, SHOP, OFFICE, {"id": "other", "vrf": {"table": 8, "members": ["shop"]}, "zone": "cust"}],
        ["interfaces[1].id: shop is a member 2 times"],
    ),
    "one in another": (
        [{"id": "cust", "vrf": {"table": 7, "members": ["in"]}}, {"id": "in", "vrf": {"table": 8}}],
        ["interfaces[0].vrf.members[0]: in is a vrf itself"],
    ),
    "a VLAN on it": (
        [VRF, SHOP, OFFICE, vlan("cust")],
        ["interfaces[3].vlan.parent: cust is a VRF, and carries nothing itself"],
    ),
    "a tunnel from it": (
        [VRF, SHOP, OFFICE, {"id": "t", "gre": {"parent": "shop", "remote": "198.51.100.7"}}],
        ["interfaces[3].gre.parent: shop is a member of cust"],
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_mistake_is_said_at_its_place(name: str) -> None:
    items, problems = WRONG[name]
    assert said(*items) == problems


def kernel(plan: InterfacesPlan) -> list[Link]:
    """Return the links as the kernel has them once the plan runs."""
    return [
        Link(
            link.name, n, "" if link.kind == "nic" else link.kind, up=True, master=link.master,
            table=link.table, ours=link.kind != "nic",
        )
        for n, link in enumerate(plan.links, 2)
    ]  # fmt: skip


def test_it_is_made_first_and_has_its_own_table() -> None:
    plan = planned(SHOP, OFFICE, WAN, VRF)
    assert [(link.name, link.master, link.table) for link in plan.links] == [
        ("cust", None, 7),
        ("eth0", "cust", None),
        ("eth1", "cust", None),
        ("eth2", None, None),
    ]
    assert plan.vrf_tables() == {"cust": 7, "eth0": 7, "eth1": 7}
    assert plan.beside("cust") == {"cust", "eth0", "eth1"} and plan.beside("eth0") == {"eth0"}
    assert [str(route) for route in plan.routes] == ["0.0.0.0/0 via 192.0.2.1 on eth2"]
    links = kernel(plan)
    assert creations(plan, links) == settings(plan, links) == []
    assert removals(plan, None, (links, plan.wanted_addresses(), plan.routes)) == []


def test_addresses_are_taken_off_and_put_back_where_a_card_comes_into_it_or_leaves() -> None:
    """The kernel sets such a card down and up: what it would lose is done by name, and can be undone."""
    alone, joined = planned(SHOP), planned(SHOP, {**VRF, "vrf": {"table": 7, "members": ["shop"]}})
    address = Address("eth0", ip_interface("10.7.0.1/24"))
    for plan, links in ((joined, kernel(alone)), (alone, kernel(joined))):
        taken = [str(one) for one in removals(plan, None, (links, [address], ()))]
        assert "delete address 10.7.0.1/24 on eth0" in taken
        assert [str(one) for one in additions(plan, (), ())] == ["add address 10.7.0.1/24 on eth0"]
    anew = [replace(link, table=8) if link.table else link for link in kernel(joined)]
    taken = [str(one) for one in removals(joined, None, (anew, [address], ()))]
    assert taken == ["delete address 10.7.0.1/24 on eth0", "set eth0 up, mtu 1500", "set cust down",
                     "delete vrf cust"]  # fmt: skip


def test_one_that_goes_lets_its_members_go_so_that_it_can_come_back() -> None:
    links = kernel(planned(SHOP, {**VRF, "vrf": {"table": 7, "members": ["shop"]}}))
    gone = removals(planned(SHOP), None, (links, (), ()))
    assert [str(one) for one in gone] == ["set eth0 up, mtu 1500", "set cust down", "delete vrf cust"]
    back = [one.inverse() for one in reversed(gone)]
    assert isinstance(back[0], CreateLink) and back[0].wanted.table == 7
    assert isinstance(back[2], ConfigureLink) and back[2].after.master == "cust"
