# SPDX-License-Identifier: GPL-2.0-or-later
"""A GRE tunnel to another router: what is refused, what is made, what the kernel is told and reads back."""

from __future__ import annotations

import struct
from dataclasses import replace
from ipaddress import ip_address, ip_network
from typing import Any

import pytest
from pydantic import ValidationError

from patronus.core.link import GreTunnel, Link, Nic
from patronus.core.model import Configuration
from patronus.core.problem import render_path
from patronus.firewall.plan import nics
from patronus.firewall.resolve.uplinks import narrow_links
from patronus.kernel.gre import tunnel_of, words
from patronus.network.dhcp.check import check as check_dhcp
from patronus.network.dhcp.model import Dhcp
from patronus.network.interfaces.changes import CreateLink
from patronus.network.interfaces.check import check
from patronus.network.interfaces.difference import creations, removals, settings
from patronus.network.interfaces.model import Interfaces
from patronus.network.interfaces.plan import Facts, InterfacesPlan, build
from patronus.network.opening import Opening

MAC = "52:54:00:00:00:01"
HERE, THERE, THERE6 = "198.51.100.2", "198.51.100.7", "2001:db8::7"
WAN = {
    "id": "wan",
    "match": {"mac": MAC},
    "zone": "wan",
    "ipv4": {"method": "static", "addresses": [f"{HERE}/24"]},
}
WAN6 = {**WAN, "ipv6": {"method": "static", "addresses": ["2001:db8:9::2/64", "2001:db8::2/64"]}}
INSIDE = {"method": "static", "addresses": ["10.42.0.1/30"]}


def branch(role: str = "branch", **more: Any) -> dict[str, Any]:
    return {"id": role, "gre": {"parent": "wan", "remote": THERE, **more}}


def model(*items: dict[str, Any]) -> Interfaces:
    return Interfaces.model_validate({"interfaces": items})


def planned(*items: dict[str, Any]) -> InterfacesPlan:
    return build(model(*items), Facts((Nic("eth0", MAC),)))


def said(*items: dict[str, Any]) -> list[str]:
    return [f"{render_path(one.path)}: {one.message}" for one in check(model(*items))]


GOOD: dict[str, list[dict[str, Any]]] = {
    "with zone and addresses": [WAN, {**branch(local=HERE), "zone": "lan", "ipv4": INSIDE}],
    "frames in a bridge": [
        WAN,
        branch(frames=True),
        {"id": "br0", "bridge": {"members": ["branch"]}, "ipv4": INSIDE},
    ],
    "a VLAN in frames": [
        WAN,
        branch(frames=True),
        {"id": "v", "vlan": {"parent": "branch", "tag": 5}, "mtu": 1462},
    ],
    "two keys, or two ends": [
        WAN6,
        branch(),
        branch("b", key=0),
        branch("c", key=1),
        branch("d", remote=THERE6),
    ],
    "as large as it may be": [
        WAN6,
        {**branch(), "mtu": 1476},
        {**branch("keyed", key=7), "mtu": 1472},
        {**branch("six", remote=THERE6), "mtu": 1456},
    ],
}


@pytest.mark.parametrize("name", GOOD)
def test_what_can_be_has_no_problem(name: str) -> None:
    assert said(*GOOD[name]) == []


WRONG: dict[str, tuple[list[dict[str, Any]], str]] = {
    "no parent": ([branch()], "interfaces[0].gre.parent: there is no interface wan"),
    "on itself": ([WAN, branch(parent="branch")], "interfaces[1].gre.parent: branch would stand on itself"),
    "through another": (
        [WAN, {**branch(), "zone": "lan", "ipv4": INSIDE}, branch("deep", parent="branch", key=1)],
        "interfaces[2].gre.parent: branch leads through a GRE tunnel itself",
    ),
    "over what nobody hears": (
        [{"id": "wan", "match": {"mac": MAC}}, branch()],
        "interfaces[1].gre.parent: wan has no zone or no addresses: the other end could not be heard there",
    ),
    "the same ends": (
        [WAN, branch(key=4), branch("other", key=4)],
        f"interfaces[2].gre.key: branch leads to {THERE} with the key 4 already",
    ),
    "to itself through itself": (
        [WAN, {**branch(remote="10.42.0.2"), "zone": "lan", "ipv4": INSIDE}],
        "interfaces[1].gre.remote: 10.42.0.2 is in the network of branch itself: nothing would come there",
    ),
    "from an address of nobody": (
        [WAN, branch(local="198.51.100.3")],
        "interfaces[1].gre.local: wan has no address 198.51.100.3",
    ),
    "over IPv6 from nowhere": (
        [WAN, branch(remote=THERE6)],
        "interfaces[1].gre.local: wan has no IPv6 address in the file, and GRE over IPv6 is sent from one "
        "that is named",
    ),
    "too large": ([WAN, {**branch(), "mtu": 1477}], "interfaces[1].mtu: 1477 is more than wan carries"),
    "too large for frames": (
        [WAN, {**branch(frames=True, key=1), "mtu": 1459}],
        "interfaces[1].mtu: 1459 is more than wan carries",
    ),
    "packets in a bridge": (
        [WAN, branch(), {"id": "br0", "bridge": {"members": ["branch"]}}],
        "interfaces[2].bridge.members[0]: branch carries packets alone, and a bridge joins what "
        "carries frames",
    ),
    "a VLAN in packets": (
        [WAN, branch(), {"id": "v", "vlan": {"parent": "branch", "tag": 5}}],
        "interfaces[2].vlan.parent: branch is a tunnel of packets, which carries no tags",
    ),
    "addresses of nobody": (
        [WAN, {**branch(), "ipv4": {"method": "dhcp"}}],
        "interfaces[1].ipv4.method: nobody behind branch gives addresses: it carries packets to one router",
    ),
    "announcements to nobody": (
        [
            WAN,
            {
                **branch(),
                "ipv6": {"method": "static", "addresses": ["2001:db8:1::1/64"], "advertise": True},
            },
        ],
        "interfaces[1].ipv6.advertise: there are no hosts behind branch to announce the router to",
    ),
    "a name of the kernel's": (
        [WAN, branch("gre0")],
        "interfaces[1].id: gre0 is a link of the kernel's own",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_mistake_is_said_at_its_place(name: str) -> None:
    items, problem = WRONG[name]
    assert said(*items) == [problem]


@pytest.mark.parametrize(
    "wrong", [{"remote": "239.1.1.1"}, {"local": "2001:db8::1"}, {"key": -1}, {"key": 1 << 32}, {"ttl": 0}]
)
def test_what_cannot_be_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        model(WAN, branch(**wrong))


def test_hosts_are_served_over_frames_alone() -> None:
    pool = {"id": "far", "interface": "branch", "ranges": ["10.42.0.2-10.42.0.2"]}

    def problems(**more: Any) -> list[str]:
        found = model(WAN, {**branch(**more), "zone": "lan", "ipv4": INSIDE})
        dhcp = Dhcp.model_validate({"pools": [pool]})
        return [
            one.message
            for one in check_dhcp(Configuration({"network/interfaces": found, "network/dhcp": dhcp}))
        ]

    assert problems(frames=True) == []
    assert problems() == ["branch leads to one router, and carries no frames"]


def test_the_other_end_is_let_in_and_nobody_else() -> None:
    expected = Opening("wan", "gre", (), "gre", (ip_network(f"{THERE}/32"),), "wan")
    assert planned(WAN, branch()).contributions == (expected,)
    assert planned({**WAN, "zone": None}, branch()).contributions == ()


def test_it_is_made_on_its_parent_and_made_anew_with_another_key() -> None:
    plan = planned(branch(key=3), WAN)
    assert [(link.name, link.kind, link.parent) for link in plan.links] == [
        ("eth0", "nic", None),
        ("branch", "gre", "eth0"),
    ]
    tunnel = GreTunnel(ip_address(THERE), key=3)
    assert plan.links[1].tunnel == tunnel
    made = Link("branch", 3, "gre", "", 1472, up=True, parent="eth0", tunnel=tunnel, ours=True)
    links = [Link("eth0", 2, up=True), made]
    assert creations(plan, links) == settings(plan, links) == []
    assert removals(plan, None, (links, plan.wanted_addresses(), ())) == []
    moved = [links[0], replace(made, tunnel=replace(tunnel, key=4))]
    anew = removals(plan, None, (moved, plan.wanted_addresses(), ()))
    deleted = [one for one in anew if isinstance(one, CreateLink)]
    assert [str(one) for one in deleted] == ["delete gre branch"]
    assert deleted[0].inverse().wanted.tunnel == replace(tunnel, key=4)


def test_over_ipv6_it_has_an_end_of_its_own() -> None:
    def end(**more: Any) -> str | None:
        tunnel = planned(WAN6, branch(**more)).links[1].tunnel
        return str(tunnel.local) if tunnel and tunnel.local else None

    assert end(remote=THERE6) == "2001:db8::2", "the one beside the other end"
    assert end(remote="2001:db8:77::1") == "2001:db8:9::2", "else the first"
    assert end(remote=THERE6, local="2001:db8:9::2") == "2001:db8:9::2"
    assert end() is None


def test_two_tunnels_to_one_router_are_one_opening() -> None:
    assert len(planned(WAN, branch(), branch("b", key=1)).contributions) == 1


def test_segments_of_tcp_fit_into_it_and_xdp_stays_off_it() -> None:
    there = planned(
        WAN, branch(), {"id": "v", "vlan": {"parent": "frames", "tag": 5}}, branch("frames", frames=True)
    )
    assert nics(["branch", "v"], there) == set()
    config = Configuration(
        {"network/interfaces": model({**WAN, "mtu": 1400}, branch(), branch("f", frames=True, key=1))}
    )
    assert narrow_links(config, planned(WAN, branch(), branch("f", frames=True, key=1))) == {"branch": 1376}


class Route:
    """Numbers a link as the kernel does."""

    def link_lookup(self, ifname: str) -> list[int]:
        assert ifname == "eth0"
        return [7]


KERNEL: dict[str, tuple[GreTunnel, str, dict[str, Any]]] = {
    "plain": (
        GreTunnel(ip_address(THERE)),
        "gre",
        {"gre_link": 7, "gre_remote": THERE, "gre_ttl": 64},
    ),
    "with a key": (
        GreTunnel(ip_address(THERE), ip_address(HERE), 9, 8, frames=True),
        "gretap",
        {
            "gre_link": 7,
            "gre_remote": THERE,
            "gre_ttl": 8,
            "gre_local": HERE,
            "gre_iflags": 0x2000,
            "gre_oflags": 0x2000,
            "gre_ikey": 9,
            "gre_okey": 9,
        },
    ),
    "over IPv6": (
        GreTunnel(ip_address(THERE6), frames=False),
        "ip6gre",
        {"ip6gre_link": 7, "ip6gre_remote": THERE6, "ip6gre_ttl": 64, "ip6gre_flags": 1},
    ),
}


@pytest.mark.parametrize("name", KERNEL)
def test_the_kernel_is_told_by_its_own_kinds(name: str) -> None:
    tunnel, kind, expected = KERNEL[name]
    assert tunnel.kind == kind
    assert words(Route(), "eth0", tunnel) == expected


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("key", [None, 0, 0xC0FFEE])
def test_what_stands_is_read_as_it_was_told(version: int, key: int | None) -> None:
    remote = ip_address(THERE if version == 4 else THERE6)
    data = {
        2: struct.pack("!H", 0x2000 if key is not None else 0),
        4: struct.pack("!I", key or 0),
        6: bytes(remote.max_prefixlen // 8),
        7: remote.packed,
        8: b"\x40",
    }
    assert tunnel_of("gretap", data) == GreTunnel(remote, key=key, frames=True)
    assert tunnel_of("gre", {**data, 7: bytes(remote.max_prefixlen // 8)}) is None
