# SPDX-License-Identifier: GPL-2.0-or-later
"""What a change leaves of links and tables, where no kernel of ours has such links: VLANs, clients, sessions.

For cards and bridges the kernel itself says so, in tests/netns/interfaces/test_foreseen.py.
"""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address, ip_interface, ip_network
from typing import Any

import pytest

from patronus.core.fib import DHCP, KERNEL, RA, Fib, FibRoute
from patronus.core.link import Address, IpNetwork, Link, LinkWanted, RouteQuery, Tunnel
from patronus.core.route_table import NextHop
from patronus.network.interfaces.plan import DhcpClient, InterfacesPlan
from patronus.network.routing.foreseen import Coming, foreseen
from patronus.network.routing.outlook import Outlook
from patronus.network.uplinks.plan import UplinksPlan

WAN = LinkWanted("wan", "eth1")
VLAN = LinkWanted("guest", "guest", "vlan", parent="eth0", tag=20)
SESSION = LinkWanted("dsl", "dsl", "pppoe", parent="eth1")
LEASE, OWN = ip_interface("203.0.113.50/24"), ip_interface("10.20.0.1/24")
BGP = 186


def made(prefix: str, device: str, owner: int = KERNEL, gateway: str | None = None, **more: Any) -> FibRoute:
    hops = (NextHop(device, ip_address(gateway) if gateway else None),)
    return FibRoute(254, ip_network(prefix), hops=hops, owner=owner, **more)


def prefixes(coming: Coming) -> set[IpNetwork]:
    return {one.destination for one in coming.fib.routes()}


def nets(*texts: str) -> set[IpNetwork]:
    return {ip_network(text) for text in texts}


def test_what_a_client_brought_goes_with_it_and_what_others_told_stays() -> None:
    asks = DhcpClient("wan", "eth1", 100, ipv4=True, ipv6="slaac")
    running = InterfacesPlan(devices={"wan": "eth1"}, links=(WAN,), clients=(asks,))
    routes = [
        made("0.0.0.0/0", "eth1", DHCP, "203.0.113.1"), made("203.0.113.0/24", "eth1", source=LEASE.ip),
        made("::/0", "eth1", RA, "fe80::1"), made("10.7.0.0/16", "eth1", BGP, "203.0.113.9"),
    ]  # fmt: skip
    look = (Link("eth1", 1, up=True),), (Address("eth1", LEASE),), ()
    stays = foreseen(Fib(routes), look, running, running, UplinksPlan())
    assert prefixes(stays) == nets("0.0.0.0/0", "203.0.113.0/24", "::/0", "10.7.0.0/16")
    own = ip_interface("203.0.113.2/24")
    static = replace(running, clients=(), addresses={"wan": (LEASE, own)})
    same = foreseen(Fib(routes), look, running, static, UplinksPlan())
    found = prefixes(same) - nets("203.0.113.2/32", "203.0.113.50/32", "203.0.113.255/32")
    assert found == nets("203.0.113.0/24", "10.7.0.0/16")
    half = replace(running, clients=(replace(asks, ipv4=False),))
    assert prefixes(foreseen(Fib(routes), look, running, half, UplinksPlan())) == nets("::/0")


def test_a_session_that_ends_takes_its_routes_along() -> None:
    running = InterfacesPlan(devices={"wan": "eth1", "dsl": "dsl"}, links=(WAN, SESSION))
    look = (Link("eth1", 1, up=True), Link("dsl", 2, "pppoe", up=True, to_peer=True)), (), ()
    fib = Fib([made("0.0.0.0/0", "dsl", 3), made("10.0.0.0/8", "eth1")])
    ended = foreseen(fib, look, running, replace(running, links=(WAN,)), UplinksPlan())
    assert (prefixes(ended), set(ended.links)) == (nets("10.0.0.0/8"), {"eth1"})
    assert prefixes(foreseen(fib, look, running, running, UplinksPlan())) == nets("0.0.0.0/0", "10.0.0.0/8")


def test_a_vlan_with_another_tag_is_another_wire_with_the_same_networks() -> None:
    running = InterfacesPlan(
        devices={"lan": "eth0", "guest": "guest"},
        addresses={"guest": (OWN,)},
        links=(LinkWanted("lan", "eth0"), VLAN),
    )
    guest = Link("guest", 2, "vlan", up=True, parent="eth0", tag=20, ours=True)
    look = (Link("eth0", 1, up=True), guest), (Address("guest", OWN),), ()
    fib = Fib([made("10.20.0.0/24", "guest", source=OWN.ip), made("10.7.0.0/16", "guest", BGP, "10.20.0.2")])
    retagged = replace(running, links=(running.links[0], replace(VLAN, tag=30)))
    coming = foreseen(fib, look, running, retagged, UplinksPlan())
    assert coming.remade == {"guest"} and coming.links["guest"].tag == 30
    assert prefixes(coming) == nets("10.20.0.0/24", "10.20.0.1/32", "10.20.0.255/32")
    gone = foreseen(
        fib, look, running, replace(running, links=running.links[:1], addresses={}), UplinksPlan()
    )
    assert (prefixes(gone), set(gone.links), gone.addresses) == (set(), {"eth0"}, ())


def test_several_ways_of_ipv6_go_on_without_a_link_and_those_of_ipv4_do_not() -> None:
    running = InterfacesPlan(
        devices={"lan": "eth0", "guest": "guest"}, links=(LinkWanted("lan", "eth0"), VLAN)
    )
    look = (
        (Link("eth0", 1, up=True), Link("guest", 2, "vlan", up=True, parent="eth0", tag=20, ours=True)),
        (),
        (),
    )
    ways = NextHop("eth0", ip_address("192.0.2.1")), NextHop("guest", ip_address("192.0.2.2"))
    ways6 = NextHop("eth0", ip_address("fe80::1")), NextHop("guest", ip_address("fe80::2"))
    told = [FibRoute(254, ip_network("10.0.0.0/8"), hops=ways, owner=BGP)]
    told += [FibRoute(254, ip_network("fd00::/8"), hops=ways6, owner=BGP)]
    (left,) = foreseen(
        Fib(told), look, running, replace(running, links=running.links[:1]), UplinksPlan()
    ).fib.routes()
    assert (left.destination, left.hops) == (ip_network("fd00::/8"), ways6[:1])


def test_a_neighbour_by_its_link_local_address_is_left_to_the_kernel() -> None:
    def step(query: RouteQuery) -> Any:
        return query.destination

    outlook = Outlook(step, Fib(), {}, Coming(Fib(), {}, ()))
    neighbour = RouteQuery(ip_address("fe80::9"))
    assert outlook.after(neighbour) == neighbour.destination


@pytest.mark.parametrize(
    ("remote", "others", "remade"),
    [
        ("192.0.2.9", (), set()),
        ("192.0.2.10", (), {"far"}),
        ("192.0.2.9", ("192.0.2.10",), set()),
        ("192.0.2.10", ("192.0.2.9",), set()),
    ],
)
def test_a_vxlan_to_another_place_is_another_wire(
    remote: str, others: tuple[str, ...], remade: set[str]
) -> None:
    """One that gains an end still has the others."""
    there = Tunnel(vni=7, remote=ip_address("192.0.2.9"))
    wanted = LinkWanted("far", "far", "vxlan", parent="eth0", tunnel=there)
    running = InterfacesPlan(devices={"far": "far"}, links=(LinkWanted("lan", "eth0"), wanted))
    far = Link("far", 2, "vxlan", up=True, parent="eth0", tunnel=there, ours=True)
    moved = replace(
        wanted, tunnel=replace(there, remote=ip_address(remote), others=tuple(map(ip_address, others)))
    )
    plan = replace(running, links=(running.links[0], moved))
    coming = foreseen(Fib(), ((Link("eth0", 1, up=True), far), (), ()), running, plan, UplinksPlan())
    assert coming.remade == remade and coming.links["far"].tunnel == moved.tunnel
