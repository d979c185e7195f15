# SPDX-License-Identifier: GPL-2.0-or-later
"""Every mistake gets a located problem, and its twin without the mistake gets none."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from patronus.core.problem import render_path
from patronus.network.interfaces.check import check
from patronus.network.interfaces.model import Interfaces

A, B, C = "52:54:00:00:00:01", "52:54:00:00:00:02", "52:54:00:00:00:03"


def static(*addresses: str, **more: Any) -> dict[str, Any]:
    return {"method": "static", "addresses": addresses, **more}


def nic(role: str, mac: str = A, **more: Any) -> dict[str, Any]:
    return {"id": role, "match": {"mac": mac}, **more}


def vlan(role: str, parent: str, tag: int = 30, **more: Any) -> dict[str, Any]:
    return {"id": role, "vlan": {"parent": parent, "tag": tag}, **more}


def bridge(*members: str, role: str = "br0") -> dict[str, Any]:
    return {"id": role, "bridge": {"members": members}}


def bond(*members: str, role: str = "bond1", **more: Any) -> dict[str, Any]:
    return {"id": role, "bond": {"members": members, **more}}


def dial(parent: str, **more: Any) -> dict[str, Any]:
    settings = {"parent": parent, "user": "me@isp", "password": {"secret": "dsl"}}
    return {"id": "dsl", "pppoe": settings, "ipv4": {"method": "pppoe"}, **more}


PROVIDER = nic("wan", B, ipv6={"method": "dhcp", "prefix_delegation": {"hint": 56}})


def cut(role: str, mac: str = A, **more: Any) -> dict[str, Any]:
    return nic(role, mac, ipv6={"method": "delegated", "from": "wan", **more})


def found(*items: dict[str, Any]) -> list[str]:
    problems = check(Interfaces.model_validate({"interfaces": items}))
    return [f"{render_path(problem.path)}: {problem.message}" for problem in problems]


GOOD: dict[str, list[dict[str, Any]]] = {
    "a VLAN on a VLAN": [
        vlan("inner", "outer"),
        {"id": "outer", "vlan": {"parent": "a", "tag": 30, "protocol": "802.1ad"}},
        nic("a"),
    ],
    "nothing": [],
    "a mode of XDP": [nic("a", xdp="generic"), {**bridge("a"), "xdp": "auto"}],
    "static with a gateway": [nic("a", ipv4=static("192.0.2.2/24", gateway="192.0.2.1"))],
    "a link-local gateway": [nic("a", ipv6=static("2001:db8::2/64", gateway="fe80::1"))],
    "two subnets": [nic("a", ipv4=static("192.0.2.1/25")), nic("b", B, ipv4=static("192.0.2.129/25"))],
    "a VLAN and its parent": [nic("a", mtu=1504), vlan("v", "a", mtu=1504)],
    "one tag on two parents": [nic("a"), nic("b", B), vlan("v", "a"), vlan("w", "b")],
    "a bridge": [nic("a"), nic("b", B), bridge("a", "b")],
    "a bond, its VLAN and a bridge over it": [nic("a"), nic("b", B), bond("a", "b"), bridge("bond1")],
    "LACP": [nic("a"), bond("a", mode="802.3ad", hash="layer3+4", lacp_rate="fast")],
    "a VLAN of a bond": [nic("a"), bond("a"), vlan("v", "bond1")],
    "a VLAN of one bridge in another": [bridge(), vlan("v", "br0"), bridge("v", role="br1")],
    "PPPoE over a card": [nic("a"), dial("a")],
    "PPPoE over a VLAN, IPv6 alone": [
        nic("a"),
        vlan("v", "a"),
        dial("v", ipv4={}, ipv6={"method": "dhcp", "prefix_delegation": {}}),
    ],
    "PPPoE with whole packets": [nic("a", mtu=1508), dial("a", mtu=1500)],
    "a dummy": [{"id": "loop", "dummy": {}, "ipv4": static("192.0.2.1/32")}],
    "a prefix for two networks": [PROVIDER, cut("a", ula=True), cut("b", C, subnet=1, ula=True)],
    "a prefix beside an advertised address": [nic("wan", ipv6={"method": "slaac", "prefix_delegation": {}})],
    "announced static addresses": [nic("a", ipv6=static("2001:db8::1/64", advertise=True))],
}


@pytest.mark.parametrize("items", GOOD.values(), ids=GOOD.keys())
def test_good(items: list[dict[str, Any]]) -> None:
    assert found(*items) == []


BAD: dict[str, tuple[list[dict[str, Any]], str]] = {
    "double id": ([nic("a"), nic("a", B)], "interfaces[1].id: a is given to 2"),
    "double MAC": ([nic("a"), nic("b")], f"interfaces[1].match.mac: {A} is given to 2"),
    "static without address": ([nic("a", ipv4={"method": "static"})], "[0].ipv4.addresses: a static"),
    "dhcp with address": (
        [nic("a", ipv4={"method": "dhcp", "addresses": ["192.0.2.1/24"]})],
        "[0].ipv4.method: method dhcp takes no address",
    ),
    "wrong family": ([nic("a", ipv4=static("2001:db8::1/64"))], "ipv4.addresses[0]: 2001:db8::1/64 is not"),
    "gateway outside": (
        [nic("a", ipv4=static("192.0.2.2/24", gateway="198.51.100.1"))],
        "ipv4.gateway: 198.51.100.1 is in none",
    ),
    "XDP on a VLAN": (
        [nic("a"), vlan("v", "a", xdp="off")],
        "[1].xdp: XDP stands on network cards, and v is",
    ),
    "XDP on a bridge": ([{**bridge(), "xdp": "native"}], "[0].xdp: XDP stands on network cards"),
    "gateway is itself": ([nic("a", ipv4=static("192.0.2.2/24", gateway="192.0.2.2"))], "own address"),
    "PPPoE of a card": ([nic("a", ipv4={"method": "pppoe"})], "ipv4.method: a does not dial in"),
    "PPPoE over nothing": ([dial("b")], "pppoe.parent: there is no interface b"),
    "PPPoE over a network": ([dial("a"), nic("a", ipv4=static("192.0.2.1/24"))], "a has a zone or addresses"),
    "PPPoE over a zone": ([dial("a"), nic("a", zone="lan")], "pppoe.parent: a has a zone or addresses"),
    "PPPoE over a member": ([dial("a"), nic("a"), bridge("a")], "pppoe.parent: a is a member of br0"),
    "PPPoE over a dummy": ([dial("a"), {"id": "a", "dummy": {}}], "a is a dummy, which leads to no modem"),
    "PPPoE over itself": ([dial("dsl")], "dsl is a pppoe, which leads to no modem"),
    "PPPoE with an address": (
        [nic("a"), dial("a", ipv4=static("192.0.2.1/24"))],
        "ipv4.method: the provider numbers dsl",
    ),
    "PPPoE without one": ([nic("a"), dial("a", ipv4={})], "dsl would dial in and ask for no address"),
    "an address for a bond's member": (
        [{**nic("a"), "mac": B}, {"id": "b", "bond": {"members": ["a"]}}],
        "bond.members[0]: a shows 52:54:00:00:00:02, and a bond gives all its members one address",
    ),
    "PPPoE for a frame": ([nic("a"), dial("a", mtu=1500)], "mtu: 1500 is more than a carries"),
    "PPPoE beyond RFC 4638": ([nic("a", mtu=9000), dial("a", mtu=1501)], "carries no more than 1500"),
    "a VLAN of PPPoE": ([nic("a"), dial("a"), vlan("v", "dsl")], "which carries no tags"),
    "PPPoE in a bridge": ([nic("a"), dial("a"), bridge("dsl")], "dsl is a pppoe"),
    "delegated by nobody": ([nic("a", ipv6={"method": "delegated"})], "[0].ipv6.from: nothing says whose"),
    "delegated by one who is not there": ([cut("a")], "[0].ipv6.from: there is no interface wan"),
    "delegated by one who does not ask": (
        [nic("wan", B, ipv6={"method": "dhcp"}), cut("a")],
        "[1].ipv6.from: wan does not ask for a prefix",
    ),
    "one number twice": ([PROVIDER, cut("a"), cut("b", C)], "[2].ipv6.subnet: subnet 0 is a's already"),
    "one local number twice": (
        [
            PROVIDER,
            {**PROVIDER, "id": "dsl", "match": {"path": "pci-1"}},
            cut("a", ula=True),
            cut("b", C, ula=True, **{"from": "dsl"}),
        ],
        "[3].ipv6.subnet: subnet 0 is a's already",
    ),
    "a number for a static network": ([nic("a", ipv6=static("2001:db8::1/64", subnet=2))], "ipv6: from, sub"),
    "announced without a prefix": (
        [nic("a", ipv6={"method": "slaac", "advertise": True})],
        "ipv6.advertise: an interface with method slaac has no",
    ),
    "announced too long": (
        [nic("a", ipv6=static("2001:db8::1/72", advertise=True))],
        "ipv6.addresses[0]: hosts cannot number themselves",
    ),
    "a static network asks for a prefix": (
        [nic("a", ipv6=static("2001:db8::1/64", prefix_delegation={}))],
        "ipv6.prefix_delegation: an interface with method static",
    ),
    "no parent": ([vlan("v", "a")], "[0].vlan.parent: there is no interface a"),
    "VLAN on VLAN on VLAN": (
        [nic("a"), vlan("v", "a"), vlan("w", "v"), vlan("x", "w")],
        "[3].vlan.parent: w stands on a VLAN already",
    ),
    "one tag by two protocols": (
        [nic("a"), vlan("v", "a"), {"id": "w", "vlan": {"parent": "a", "tag": 30, "protocol": "802.1ad"}}],
        "[2].vlan.tag: tag 30 on a is v's",
    ),
    "a VLAN on a VLAN of a bridge in itself": (
        [bridge("w"), vlan("v", "br0"), vlan("w", "v")],
        "members[0]: w stands on br0",
    ),
    "double tag": ([nic("a"), vlan("v", "a"), vlan("w", "a")], "[2].vlan.tag: tag 30 on a is v's"),
    "no member": ([bridge("a")], "bridge.members[0]: there is no interface a"),
    "member with zone": ([nic("a", zone="lan"), bridge("a")], "members[0]: a has a zone or addresses"),
    "member twice": ([nic("a"), bridge("a"), bridge("a", role="br1")], "[0].id: a is a member 2 times"),
    "bridge in bridge": ([bridge(), bridge("br0", role="br1")], "members[0]: br0 is a bridge itself"),
    "a VLAN of a bridge in itself": (
        [bridge("v"), vlan("v", "br0")],
        "[0].bridge.members[0]: v stands on br0, which would join it to itself",
    ),
    "a VLAN in a bond": ([nic("a"), vlan("v", "a"), bond("v")], "[2].bond.members[0]: v is a vlan"),
    "a bond in a bond": ([bond(), bond("bond1", role="bond2")], "members[0]: bond1 is a bond itself"),
    "a dummy in a bridge": ([{"id": "d", "dummy": {}}, bridge("d")], "members[0]: d is a dummy"),
    "in a bond and a bridge": ([nic("a"), bond("a"), bridge("a")], "[0].id: a is a member 2 times"),
    "a hash that decides nothing": ([bond(hash="layer3+4")], "bond.hash: mode active-backup has no hash"),
    "LACP without LACP": (
        [bond(mode="balance-xor", lacp_rate="fast")],
        "lacp_rate: mode balance-xor",
    ),
    "MTU and IPv6": ([nic("a", mtu=1200, ipv6={"method": "slaac"})], "[0].mtu: 1200 is too small"),
    "MTU of a VLAN": ([nic("a"), vlan("v", "a", mtu=1504)], "[1].mtu: 1504 is more than a carries"),
    "MTU of a VLAN on a VLAN": (
        [nic("a", mtu=1400), vlan("v", "a"), vlan("w", "v", mtu=1500)],
        "[2].mtu: 1500 is more than a carries",
    ),
    "overlap": (
        [nic("a", ipv4=static("192.0.2.1/24")), nic("b", B, ipv4=static("192.0.2.200/25"))],
        "[1].ipv4.addresses[0]: 192.0.2.200/25 overlaps",
    ),
}


@pytest.mark.parametrize(("items", "said"), BAD.values(), ids=BAD.keys())
def test_bad(items: list[dict[str, Any]], said: str) -> None:
    assert any(said in line for line in found(*items)), found(*items)


def test_every_overlap_is_told_and_nothing_else() -> None:
    """Neighbours that only touch, and the same numbers in the other family, are no overlap."""
    told = found(
        nic("a", ipv4=static("10.1.0.1/16")),
        vlan("b", "a", tag=2, ipv4=static("10.2.0.1/16", "10.1.2.1/24")),
        vlan("c", "a", tag=3, ipv4=static("10.0.0.1/16", "10.1.2.9/30"), ipv6=static("::10.1.0.1/112")),
        vlan("d", "a", tag=4, ipv4=static("192.0.2.1/24")),
    )
    assert [line.split(": ")[-1] for line in told if "overlaps" in line] == [
        "10.1.2.1/24 overlaps 10.1.0.1/16 of a",
        "10.1.2.9/30 overlaps 10.1.0.1/16 of a",
        "10.1.2.9/30 overlaps 10.1.2.1/24 of b",
    ]


REFUSED: dict[str, dict[str, Any]] = {
    "an unknown mode": {"id": "a", "bond": {"mode": "best"}},
    "a bond and a bridge": {"id": "a", "bond": {}, "bridge": {}},
    "nothing plays it": {"id": "a"},
    "two things play it": {"id": "a", "match": {"mac": A}, "vlan": {"parent": "b", "tag": 3}},
    "a match of nothing": {"id": "a", "match": {}},
    "a name too long for the kernel": nic("a" * 16),
    "a path with a blank": {"id": "a", "match": {"path": "pci 0"}},
    "an unknown key": nic("a", ipv5={}),
}


@pytest.mark.parametrize("item", REFUSED.values(), ids=REFUSED.keys())
def test_the_model_refuses(item: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Interfaces.model_validate({"interfaces": [item]})


def test_vlans_that_stand_on_each_other_are_both_named() -> None:
    said = found(vlan("v", "w"), vlan("w", "v"))
    assert [one for one in said if "stand on itself" in one] == [
        "interfaces[0].vlan.parent: v would stand on itself",
        "interfaces[1].vlan.parent: w would stand on itself",
    ]
