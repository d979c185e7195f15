# SPDX-License-Identifier: GPL-2.0-or-later
"""The links of a plan in the words of iproute2, of all kinds: the netns tests' kernel lacks some."""

from __future__ import annotations

from ipaddress import ip_address, ip_interface, ip_network

import pytest

from patronus.core.head_start import Line
from patronus.core.link import BondSettings, GreTunnel, LinkWanted, PortVlan, Route, Tunnel
from patronus.core.route_table import NextHop, RouteRule, Selector, TableRoute
from patronus.core.values import Mark, PortRange
from patronus.network.interfaces.plan import InterfacesPlan
from patronus.network.interfaces.script import can_say, script
from patronus.network.routing.script import script as tables_script
from patronus.network.routing.tables import RoutingPlan, Tables
from patronus.network.uplinks.plan import UplinksPlan

ETH0 = LinkWanted("lan", "eth0")
MADE = {
    "vlan": (
        LinkWanted("guest", "guest", "vlan", parent="eth0", tag=20),
        "link eth0 type vlan protocol 802.1q id 20",
    ),
    "provider": (
        LinkWanted("outer", "outer", "vlan", parent="eth0", tag=9, protocol="802.1ad"),
        "link eth0 type vlan protocol 802.1ad id 9",
    ),
    "bridge": (LinkWanted("br", "br", "bridge", stp=True), "type bridge stp_state 1"),
    "switch": (
        LinkWanted("sw", "sw", "bridge", filters=True, vlans=()),
        "type bridge stp_state 0 vlan_default_pvid 0 vlan_filtering 1",
    ),
    "dummy": (LinkWanted("own", "own", "dummy"), "type dummy"),
    "bond": (
        LinkWanted("bond", "bond", "bond", bond=BondSettings("802.3ad", 50, "layer3+4", lacp_fast=True)),
        "type bond mode 802.3ad miimon 50 xmit_hash_policy layer3+4 lacp_rate fast",
    ),
    "vxlan": (
        LinkWanted("far", "far", "vxlan", parent="eth0", tunnel=Tunnel(7, ip_address("192.0.2.1"))),
        "type vxlan id 7 dev eth0 remote 192.0.2.1 dstport 4789",
    ),
    "vxlan-6": (
        LinkWanted(
            "far", "far", "vxlan", parent="eth0",
            tunnel=Tunnel(7, ip_address("2001:db8::1"), ip_address("2001:db8::2"), 8472),
        ),
        "type vxlan id 7 dev eth0 remote 2001:db8::1 local 2001:db8::2 dstport 8472",
    ),
    "gre": (
        LinkWanted(
            "far", "far", "gre", parent="eth0",
            tunnel=GreTunnel(ip_address("192.0.2.1"), ip_address("192.0.2.2"), 0, 9),
        ),
        "type gre dev eth0 remote 192.0.2.1 local 192.0.2.2 ttl 9 key 0",
    ),
    "gre-6": (
        LinkWanted(
            "far", "far", "gre", parent="eth0", tunnel=GreTunnel(ip_address("2001:db8::1"), frames=True)
        ),
        "type ip6gretap dev eth0 remote 2001:db8::1 ttl 64 encaplimit none",
    ),
}  # fmt: skip


def said(plan: InterfacesPlan) -> list[str]:
    return [f"{line.word} {line.text}" for line in script(plan)]


@pytest.mark.parametrize("kind", MADE)
def test_a_link_is_made_marked_as_ours_and_set_up(kind: str) -> None:
    link, words = MADE[kind]
    assert said(InterfacesPlan(links=(link,))) == [
        f"make link add name {link.name} {words}",
        f"make link set dev {link.name} alias patronus",
        f"set link set dev {link.name} up",
    ]


def test_a_member_joins_before_it_is_up_and_is_told_its_vlans_after() -> None:
    sw = LinkWanted("sw", "sw", "bridge", filters=True, vlans=(PortVlan(20),))
    port = LinkWanted("port", "eth1", mtu=1400, master="sw", vlans=(PortVlan(10, True, True), PortVlan(20)))
    lines = said(InterfacesPlan(links=(sw, port)))
    assert lines[2:] == [
        "set link set dev sw up",
        "vlan vlan add dev sw vid 20 self",
        "set link set dev eth1 master sw",
        "set link set dev eth1 mtu 1400 up",
        "vlan vlan add dev eth1 vid 10 pvid untagged",
        "vlan vlan add dev eth1 vid 20",
    ]


def test_addresses_come_with_their_broadcast_or_at_once_and_routes_with_our_mark() -> None:
    plan = InterfacesPlan(
        devices={"lan": "eth0"},
        addresses={"lan": tuple(map(ip_interface, ("192.168.1.1/24", "10.0.0.0/31", "2001:db8::1/64")))},
        links=(ETH0,),
        routes=(
            Route(ip_network("0.0.0.0/0"), "eth0", ip_address("192.168.1.254"), 100),
            Route(ip_network("2001:db8:9::/48"), "eth0", ip_address("fe80::1"), 20),
            Route(ip_network("10.0.0.0/8"), "", None, 0, "blackhole"),
            Route(ip_network("10.9.0.0/16"), "eth0", ip_address("172.16.0.1"), 20),
        ),
    )
    assert said(plan)[1:] == [
        "set address add 192.168.1.1/24 broadcast 192.168.1.255 dev eth0",
        "set address add 10.0.0.0/31 dev eth0",
        "set address add 2001:db8::1/64 dev eth0 nodad",
        "ip4 route add 0.0.0.0/0 via 192.168.1.254 dev eth0 proto static metric 100",
        "ip6 route add 2001:db8:9::/48 via fe80::1 dev eth0 proto static metric 20",
        "ip4 route add blackhole 10.0.0.0/8 proto static",
    ]


def test_a_session_is_left_to_the_daemon_and_so_is_what_leads_there() -> None:
    route = Route(ip_network("10.0.0.0/8"), "dsl", None, 20)
    assert said(InterfacesPlan(links=(LinkWanted("dsl", "dsl", "pppoe"),), routes=(route,))) == []


def test_tables_and_rules_say_what_the_daemon_would_ask_the_kernel_for() -> None:
    links = InterfacesPlan(
        devices={"lan": "eth0"}, addresses={"lan": (ip_interface("192.168.1.1/24"),)}, links=(ETH0,)
    )
    near, far = (NextHop("eth0", ip_address(f"192.168.1.{host}"), 3) for host in (2, 3))
    away = NextHop("ppp0", None)
    chosen = Selector(
        ip_network("192.168.1.9/32"),
        ip_network("10.0.0.0/8"),
        "eth0",
        Mark(0x1000000, 0x7F000000),
        6,
        PortRange(25, 26),
    )
    tables = Tables(
        routes=(
            TableRoute(30000, ip_network("192.168.1.0/24"), (NextHop("eth0"),)),
            TableRoute(254, ip_network("10.1.0.0/16"), (near, far), 20),
            TableRoute(254, ip_network("10.2.0.0/16"), (away,), 20),
        ),
        rules=(RouteRule(4, 11000, 30000, chosen), RouteRule(6, 12000, 254, exact_only=True)),
    )
    assert [*tables_script(UplinksPlan(routing=RoutingPlan(tables=tables)), links, ("net.a.b",))] == [
        Line("ip4", "route add 192.168.1.0/24 table 30000 proto 80 metric 1 scope link dev eth0"),
        Line(
            "ip4",
            "route add 10.1.0.0/16 table 254 proto 80 metric 20"
            " nexthop via 192.168.1.2 dev eth0 weight 3 nexthop via 192.168.1.3 dev eth0 weight 3",
        ),
        Line(
            "ip4",
            "rule add from 192.168.1.9/32 to 10.0.0.0/8 iif eth0 fwmark 0x1000000/0x7f000000 ipproto 6"
            " dport 25-26 priority 11000 lookup 30000 protocol 80",
        ),
        Line("ip6", "rule add from all suppress_prefixlength 0 priority 12000 lookup main protocol 80"),
        Line("sysctl", "net/a/b 1"),
    ]


def test_vrfs_vxlans_with_several_ends_and_cards_that_show_another_address_are_left_to_the_daemon() -> None:
    assert can_say(InterfacesPlan(links=tuple(link for link, _ in MADE.values())))
    far = Tunnel(7, ip_address("192.0.2.1"), others=(ip_address("192.0.2.2"),))
    assert not can_say(InterfacesPlan(links=(LinkWanted("far", "far", "vxlan", parent="eth0", tunnel=far),)))
    assert not can_say(InterfacesPlan(links=(LinkWanted("red", "red", "vrf"),)))
    assert not can_say(InterfacesPlan(links=(LinkWanted("wan", "eth1", mac="02:00:5e:10:20:30"),)))
