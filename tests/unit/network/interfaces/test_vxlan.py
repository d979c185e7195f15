# SPDX-License-Identifier: GPL-2.0-or-later
"""A VXLAN to another router: what is refused, what is made in which order, and what the firewall lets in."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address, ip_network
from typing import Any

import pytest
from pydantic import ValidationError

from patronus.core.link import Link, Nic, Tunnel
from patronus.core.problem import render_path
from patronus.firewall.plan import nics
from patronus.network.interfaces.changes import CreateLink
from patronus.network.interfaces.check import check
from patronus.network.interfaces.difference import creations, removals, settings
from patronus.network.interfaces.model import Interfaces
from patronus.network.interfaces.plan import Facts, InterfacesPlan, build
from patronus.network.opening import Opening

MAC = "52:54:00:00:00:01"
HERE, THERE = "198.51.100.2", "198.51.100.7"
WAN = {
    "id": "wan",
    "match": {"mac": MAC},
    "zone": "wan",
    "ipv4": {"method": "static", "addresses": [f"{HERE}/24"]},
}


def branch(role: str = "branch", **more: Any) -> dict[str, Any]:
    return {"id": role, "vxlan": {"parent": "wan", "vni": 42, "remote": THERE, **more}}


def model(*items: dict[str, Any]) -> Interfaces:
    return Interfaces.model_validate({"interfaces": items})


def planned(*items: dict[str, Any], nic: str = MAC) -> InterfacesPlan:
    return build(model(*items), Facts((Nic("eth0", nic),)))


def said(*items: dict[str, Any]) -> list[str]:
    return [f"{render_path(one.path)}: {one.message}" for one in check(model(*items))]


INSIDE = {"method": "static", "addresses": ["10.42.0.1/24"]}
GOOD: dict[str, list[dict[str, Any]]] = {
    "with zone and addresses": [WAN, {**branch(local=HERE), "zone": "lan", "ipv4": INSIDE}],
    "in a bridge": [WAN, branch(), {"id": "br0", "bridge": {"members": ["branch"]}, "ipv4": INSIDE}],
    "with further ends": [WAN, branch(others=["198.51.100.8", "198.51.100.9"])],
    "with two VLANs in it": [
        WAN,
        branch(),
        {"id": "outer", "vlan": {"parent": "branch", "tag": 5, "protocol": "802.1ad"}},
        {"id": "inner", "vlan": {"parent": "outer", "tag": 6}, "ipv4": INSIDE},
    ],
    "two numbers, or two ports": [WAN, branch(), branch("b", vni=43), branch("c", port=8472)],
    "as large as it may be": [{**WAN, "mtu": 1550}, {**branch(), "mtu": 1500}],
}


@pytest.mark.parametrize("name", GOOD)
def test_what_can_be_has_no_problem(name: str) -> None:
    assert said(*GOOD[name]) == []


WRONG: dict[str, tuple[list[dict[str, Any]], str]] = {
    "no parent": ([branch()], "interfaces[0].vxlan.parent: there is no interface wan"),
    "on itself": (
        [WAN, branch(parent="branch")],
        "interfaces[1].vxlan.parent: branch would stand on itself",
    ),
    "through another": (
        [WAN, {**branch(), "zone": "lan", "ipv4": INSIDE}, branch("deep", parent="branch", vni=43)],
        "interfaces[2].vxlan.parent: branch leads through a VXLAN itself",
    ),
    "over a member": (
        [
            {"id": "wan", "match": {"mac": MAC}},
            {"id": "br0", "bridge": {"members": ["wan"]}},
            branch(),
        ],
        "interfaces[2].vxlan.parent: wan is a member of br0",
    ),
    "over what nobody hears": (
        [{"id": "wan", "match": {"mac": MAC}}, branch()],
        "interfaces[1].vxlan.parent: wan has no zone or no addresses: the other end could not be heard there",
    ),
    "the same number": (
        [WAN, branch(), branch("other")],
        "interfaces[2].vxlan.vni: network 42 at port 4789 is branch's already",
    ),
    "to itself through itself": (
        [WAN, {**branch(remote="10.42.0.9"), "zone": "lan", "ipv4": INSIDE}],
        "interfaces[1].vxlan.remote: 10.42.0.9 is in the network of branch itself: nothing would come there",
    ),
    "to the router itself": (
        [WAN, branch(remote=HERE)],
        f"interfaces[1].vxlan.remote: {HERE} is this router's own, of wan",
    ),
    "a further end that is the router itself": (
        [WAN, branch(others=["198.51.100.8", HERE])],
        f"interfaces[1].vxlan.others[1]: {HERE} is this router's own, of wan",
    ),
    "from an address of nobody": (
        [WAN, branch(local="198.51.100.3")],
        "interfaces[1].vxlan.local: wan has no address 198.51.100.3",
    ),
    "too large": ([WAN, {**branch(), "mtu": 1451}], "interfaces[1].mtu: 1451 is more than wan carries"),
    "too large in it": (
        [WAN, branch(), {"id": "v", "vlan": {"parent": "branch", "tag": 5}, "mtu": 1500}],
        "interfaces[2].mtu: 1500 is more than branch carries",
    ),
    "in the bridge that it stands on": (
        [
            {"id": "br0", "bridge": {"members": ["branch"]}, "zone": "wan", "ipv4": INSIDE},
            branch(parent="br0"),
        ],
        "interfaces[0].bridge.members[0]: branch stands on br0, which would join it to itself",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_mistake_is_said_at_its_place(name: str) -> None:
    items, problem = WRONG[name]
    assert said(*items) == [problem]


@pytest.mark.parametrize(
    "wrong",
    [{"remote": "239.1.1.1"}, {"remote": "::"}, {"local": "2001:db8::1"}, {"local": THERE}, {"vni": 0},
     {"vni": 1 << 24}, {"port": 0}, {"others": [THERE]}, {"others": ["2001:db8::1"]},
     {"others": ["198.51.100.8", "198.51.100.8"]}, {"others": ["239.1.1.1"]}],
)  # fmt: skip
def test_ends_that_cannot_be_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        model(WAN, branch(**wrong))


def test_the_other_end_is_let_in_and_nobody_else() -> None:
    plan = planned(WAN, branch())
    assert plan.contributions == (
        Opening("wan", "udp", (4789,), "vxlan", (ip_network(f"{THERE}/32"),), "wan"),
    )
    assert planned({**WAN, "zone": None}, branch()).contributions == ()
    (opening,) = planned(WAN, branch(others=["198.51.100.8"])).contributions
    assert isinstance(opening, Opening)
    assert list(map(str, opening.sources)) == [f"{THERE}/32", "198.51.100.8/32"]


def test_it_is_made_on_its_parent_and_goes_before_it() -> None:
    over = {"id": "dmz", "vlan": {"parent": "wan", "tag": 7}, "zone": "wan", "ipv4": INSIDE}
    inner = {"id": "inner", "vlan": {"parent": "branch", "tag": 9}}
    plan = planned(inner, branch(parent="dmz"), over, WAN)
    made = [(link.name, link.parent) for link in plan.links]
    assert made == [("eth0", None), ("dmz", "eth0"), ("branch", "dmz"), ("inner", "branch")]
    assert plan.links[2].tunnel == Tunnel(42, ip_address(THERE))
    links = [
        Link(
            link.name, index, "" if link.kind == "nic" else link.kind, up=True, parent=link.parent,
            tag=link.tag, tunnel=link.tunnel, ours=link.kind != "nic",
        )
        for index, link in enumerate(plan.links, 2)
    ]  # fmt: skip
    assert creations(plan, links) == settings(plan, links) == []
    assert removals(plan, None, (links, plan.wanted_addresses(), ())) == []
    gone = removals(InterfacesPlan(), None, (links, (), ()))
    deleted = [one for one in gone if isinstance(one, CreateLink)]
    assert [one.wanted.name for one in deleted] == ["inner", "branch", "dmz"]
    assert deleted[1].inverse().wanted.tunnel == plan.links[2].tunnel
    moved = [
        replace(one, tunnel=Tunnel(42, ip_address("198.51.100.8"))) if one.tunnel else one for one in links
    ]
    anew = removals(plan, None, (moved, plan.wanted_addresses(), ()))
    assert [str(one) for one in anew if isinstance(one, CreateLink)] == [
        "delete vlan inner",
        "delete vxlan branch",
    ]


def test_it_is_missing_where_its_parent_is_and_xdp_stays_off_it() -> None:
    plan = planned(WAN, branch(), nic="52:54:00:00:00:99")
    assert plan.devices == {"wan": None, "branch": None}
    there = planned(WAN, branch(), {"id": "v", "vlan": {"parent": "branch", "tag": 5}})
    assert nics(["branch", "v"], there) == set()
    assert nics(["eth0"], there) == {"eth0"}
