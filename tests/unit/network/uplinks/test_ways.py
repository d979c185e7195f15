# SPDX-License-Identifier: GPL-2.0-or-later
"""Which uplinks are taken, what they become, what leaves them, and every mistake in the file."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_interface, ip_network
from typing import Any

import pytest
from pydantic import ValidationError

from patronus.core.connection import Connection, Tracked, Way
from patronus.core.link import Address, Link, Nic
from patronus.core.model import Configuration
from patronus.core.problem import render_path
from patronus.core.route_table import UPLINK_BITS, NextHop, RouteRule, Selector, TableRoute, uplink_mark
from patronus.core.way_text import parse_check, parse_way, write_check, write_way
from patronus.firewall.compile.uplinks import marks_chain, uplink_chains
from patronus.firewall.table import statements as say
from patronus.network.interfaces.learned import Delegation, Learned
from patronus.network.interfaces.model import Interfaces
from patronus.network.interfaces.plan import Facts
from patronus.network.interfaces.plan import build as build_links
from patronus.network.routing.model import Routing
from patronus.network.routing.reach import reachable
from patronus.network.uplinks.check import check
from patronus.network.uplinks.model import Uplinks
from patronus.network.uplinks.plan import Departure, UplinksPlan, departures, leaves, plan

NICS = tuple(Nic(f"eth{n}", f"52:54:00:00:00:0{n}") for n in range(3))
WAN = {
    "id": "wan",
    "match": {"mac": NICS[0].mac},
    "ipv4": {"method": "static", "addresses": ["198.51.100.2/24"], "gateway": "198.51.100.1"},
    "ipv6": {"method": "static", "addresses": ["2001:db8:1::2/64"], "gateway": "2001:db8:1::1"},
}
CABLE = {"id": "cable", "match": {"mac": NICS[1].mac}, "ipv4": {"method": "dhcp"}}
LAN = {
    "id": "lan",
    "match": {"mac": NICS[2].mac},
    "ipv4": {"method": "static", "addresses": ["192.168.1.1/24"]},
}
LEASE = Learned(addresses=(ip_interface("203.0.113.7/24"),), gateway=IPv4Address("203.0.113.1"))
ALL4, ALL6 = ip_network("0.0.0.0/0"), ip_network("::/0")


def config(*uplinks: dict[str, Any], **routing: Any) -> Configuration:
    return Configuration(
        {
            "network/interfaces": Interfaces.model_validate({"interfaces": [WAN, CABLE, LAN]}),
            "network/routing": Routing.model_validate(routing),
            "network/uplinks": Uplinks.model_validate({"uplinks": uplinks}),
        }
    )


def planned(
    *uplinks: dict[str, Any], down: tuple[str, ...] = (), lease: Learned = LEASE, **routing: Any
) -> UplinksPlan:
    whole = config(*uplinks, **routing)
    links = build_links(whole.get(Interfaces), Facts(NICS, {"eth1": lease}), whole.get(Routing))
    return plan(whole, down, links)


def taken(made: UplinksPlan) -> list[str]:
    return [way.role for way in made.ways if way.taken]


def routes(made: UplinksPlan, table: int = 254) -> list[str]:
    return [str(route).partition(" in ")[0] for route in made.routing.tables.routes if route.table == table]


ONE, TWO = {"id": "wan", "weight": 3}, {"id": "cable"}


def test_the_lowest_tier_of_which_one_is_well_is_taken() -> None:
    second = {**TWO, "tier": 2}
    assert taken(planned(ONE, TWO)) == ["wan", "cable"]
    assert taken(planned(ONE, second)) == ["wan"]
    assert taken(planned(ONE, second, down=("wan",))) == ["cable"]
    assert taken(planned(ONE, second, down=("wan", "cable"))) == []
    assert taken(planned({**ONE, "enabled": False}, second)) == ["cable"]
    assert taken(planned({**ONE, "tier": 3}, second, lease=Learned())) == ["wan"]


def test_the_default_route_has_those_that_are_taken_with_their_weights() -> None:
    assert routes(planned(ONE, TWO)) == [
        "0.0.0.0/0 via 198.51.100.1 on eth0 weight 3, via 203.0.113.1 on eth1",
        "::/0 via 2001:db8:1::1 on eth0",
    ]
    assert planned(ONE, TWO).routing.spreads, "connections are what is shared out, not pairs of hosts"
    assert not planned(ONE, {**TWO, "tier": 2}).routing.spreads
    assert routes(planned(ONE, TWO, down=("wan",))) == ["0.0.0.0/0 via 203.0.113.1 on eth1"]
    assert routes(planned(ONE, TWO, down=("wan", "cable"))) == []


def test_the_table_of_an_uplink_has_its_networks_and_the_static_routes_behind_it() -> None:
    behind = {"id": "b", "destination": "10.9.0.0/16", "gateway": "203.0.113.5", "metric": 7}
    inside = {"id": "i", "destination": "10.8.0.0/16", "gateway": "192.168.1.5"}
    made = planned(ONE, TWO, down=("cable",), routes=[behind, inside])
    assert routes(made, 30001) == [
        "203.0.113.0/24 on eth1",
        "10.9.0.0/16 via 203.0.113.5 on eth1",
        "0.0.0.0/0 via 203.0.113.1 on eth1",
    ]
    metrics = {str(one.destination): one.metric for one in made.routing.tables.routes if one.table == 30001}
    assert metrics["10.9.0.0/16"] == 7


def test_an_uplink_keeps_its_number_while_one_before_it_is_off() -> None:
    """Its mark is its place in the file: to switch another one off ends no connection of this one."""
    made = planned({**ONE, "enabled": False}, TWO)
    assert [(way.role, way.number) for way in made.ways] == [("cable", 2)]
    assert list(departures(planned(ONE, TWO).ways, made.ways)) == [Departure(1, "wan", all=True)]


def test_connections_and_answers_are_kept_by_rules_of_each_family() -> None:
    assert list(map(str, planned(ONE, TWO).routing.tables.rules)) == [
        "10000: IPv4, marked 0x1000000/0x7f000000: table 30000",
        "12100: IPv4, from 198.51.100.2/32: table 30000",
        "10000: IPv6, marked 0x1000000/0x7f000000: table 30000",
        "12100: IPv6, from 2001:db8:1::2/128: table 30000",
        "10001: IPv4, marked 0x2000000/0x7f000000: table 30001",
        "12101: IPv4, from 203.0.113.7/32: table 30001",
        "12000: IPv4, everything: table 254",
        "12000: IPv6, everything: table 254",
    ]
    assert planned().routing.tables.rules == ()


def test_who_announces_itself_is_the_gateway_and_its_prefix_leaves_by_it_while_it_is_well() -> None:
    prefix = IPv6Network("2001:db8:aa00::/56")
    given = replace(LEASE, gateway6=IPv6Address("fe80::1"), prefixes=(Delegation(prefix, 60, 90),))
    both = ({"id": "wan"}, {"id": "cable", "tier": 2})
    made = planned(*both, lease=given)
    assert routes(made, 30001)[-2:] == ["0.0.0.0/0 via 203.0.113.1 on eth1", "::/0 via fe80::1 on eth1"]
    assert made.ways[1].gateway == LEASE.gateway, "that of IPv4 is asked"
    numbered = RouteRule(6, 13901, 30001, Selector(source=prefix))
    assert numbered in made.routing.tables.rules
    assert made.steering().names[13901] == "uplink/cable"
    for other in (planned(*both, lease=given, down=("cable",)), planned(*both)):
        assert all(rule.priority != 13901 for rule in other.routing.tables.rules)


def test_an_uplink_that_asks_for_ipv6_alone_may_have_a_gateway() -> None:
    for method, problems in (("slaac", 0), ("dhcp", 0), ("none", 1)):
        alone = {**LAN, "ipv4": {"method": "none"}, "ipv6": {"method": method}}
        found = check(
            Configuration(
                {
                    "network/interfaces": Interfaces.model_validate({"interfaces": [alone]}),
                    "network/uplinks": Uplinks.model_validate({"uplinks": [{"id": "lan"}]}),
                }
            )
        )
        assert len(list(found)) == problems


def test_an_uplink_without_a_gateway_waits_and_says_why() -> None:
    (_, cable) = planned(ONE, TWO, lease=Learned()).ways
    assert (cable.hops, cable.reason) == ({}, "it has no gateway now")
    far = Learned(addresses=LEASE.addresses, gateway=IPv4Address("192.0.2.1"))
    (_, cable) = planned(ONE, TWO, lease=far).ways
    assert cable.reason == "192.0.2.1 is in no subnet that cable has now"


def test_a_policy_goes_by_an_uplink_while_it_is_well() -> None:
    policy = {"id": "p", "source": "192.168.1.9", "uplink": "cable"}
    rule = "13000: IPv4, from 192.168.1.9/32: table 30001"
    assert rule in map(str, planned(ONE, TWO, policies=[policy]).routing.tables.rules)
    away = planned(ONE, TWO, policies=[policy], down=("cable",))
    assert rule not in map(str, away.routing.tables.rules)
    assert away.routing.tables.left_out["policy/p"] == ("cable is not well",)


def tracked(number: int, *, destination: str = "192.0.2.9", translated: bool = False) -> Tracked:
    there = Way(ip_address("192.168.1.30"), ip_address(destination), 6, 50000, 443)
    back = Way(ip_address(destination), ip_address("198.51.100.2"), 6, 443, 50000)
    return Tracked(Connection(there, back, False, translated, b""), mark=uplink_mark(number).value | 0x10)


def test_what_began_inside_leaves_an_uplink_that_failed_where_there_is_another() -> None:
    before = planned(ONE, TWO)
    now = planned(ONE, TWO, down=("wan",))
    (departure,) = departures(before.ways, now.ways)
    assert departure == Departure(1, "wan", all=False)
    assert leaves(tracked(1), departure, before, now)
    assert not leaves(tracked(2), departure, before, now), "of the other uplink"
    assert not leaves(tracked(1, translated=True), departure, before, now), "forwarded from outside"
    assert not leaves(tracked(1, destination="198.51.100.2"), departure, before, now), "to the router"
    assert not leaves(tracked(1, destination="192.168.1.30"), departure, before, now), "to a host inside"
    assert leaves(tracked(1, destination="203.0.113.9"), departure, before, now), "to a host at an uplink"
    assert list(departures(now.ways, now.ways)) == []
    assert list(departures(now.ways, before.ways)) == [], "what comes back takes nothing away"
    neither = planned(ONE, TWO, down=("wan", "cable"))
    assert list(departures(now.ways, neither.ways)) == [], "no other is left"
    assert list(departures(neither.ways, now.ways)) == [departure], "now there is one"
    assert list(departures(neither.ways, before.ways)) == [], "it is well again itself"
    assert list(departures((), now.ways)) == [], "nobody knows what was before"


def test_a_number_that_is_another_uplinks_now_loses_its_connections() -> None:
    before, now = planned(ONE, TWO), planned(TWO, ONE)
    found = list(departures(before.ways, now.ways))
    assert found == [Departure(1, "wan", all=True), Departure(2, "cable", all=True)]
    assert leaves(tracked(1, translated=True), found[0], before, now)


def test_a_hop_that_the_kernel_would_refuse_now_is_left_out() -> None:
    near, far = NextHop("eth0", ip_address("198.51.100.1")), NextHop("eth1", ip_address("203.0.113.1"))
    route = TableRoute(254, ALL4, (near, far), 90)
    links = [Link("eth0", 1, up=True), Link("eth1", 2, up=True)]
    addresses = [
        Address("eth0", ip_interface("198.51.100.2/24")),
        Address("eth1", ip_interface("203.0.113.7/24")),
    ]
    assert list(reachable([route], links, addresses)) == [route]
    assert list(reachable([route], links, addresses[:1])) == [TableRoute(254, ALL4, (near,), 90)]
    assert list(reachable([route], links[1:], addresses)) == [TableRoute(254, ALL4, (far,), 90)]
    assert list(reachable([route], [], addresses)) == []
    local = TableRoute(254, ALL6, (NextHop("eth0", ip_address("fe80::1")),), 90)
    assert list(reachable([local], links, [])) == [local]


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "no interface": ({"id": "x"}, "uplinks[0].id: there is no interface x"),
    "leads nowhere": ({"id": "lan"}, "uplinks[0].id: lan has no gateway and asks for none"),
    "tcp without a port": (
        {"id": "wan", "checks": [{"kind": "tcp"}]},
        "checks[0].port: a check by tcp needs",
    ),
    "an echo with one": ({"id": "wan", "checks": [{"port": 7}]}, "checks[0].port: an echo has no port"),
    "dns without a name": ({"id": "wan", "checks": [{"kind": "dns"}]}, "checks[0].name: nothing says which"),
    "an echo with a name": ({"id": "wan", "checks": [{"name": "a.example"}]}, "asks for no name"),
    "nobody": ({"id": "wan", "checks": [{"target": "127.0.0.1"}]}, "is not the address of another host"),
}


def found(whole: Configuration) -> list[str]:
    return [f"{render_path(one.path)}: {one.message}" for one in check(whole)]


@pytest.mark.parametrize(("given", "said"), BAD.values(), ids=BAD.keys())
def test_bad(given: dict[str, Any], said: str) -> None:
    assert any(said in line for line in found(config(given))), found(config(given))


def test_mistakes_between_uplinks_and_routes() -> None:
    whole = config(
        ONE,
        ONE,
        policies=[{"id": "p", "source": "192.0.2.1", "uplink": "lan"}],
        routes=[{"id": "d", "destination": "0.0.0.0/0", "gateway": "192.168.1.5", "metric": 90}],
    )
    assert found(whole) == [
        "uplinks[1].id: wan is there twice",
        "policies[0].uplink: there is no uplink lan",
        "routes[0].metric: the uplinks lead to 0.0.0.0/0 with metric 90",
    ]
    assert found(config(ONE, TWO)) == []


@pytest.mark.parametrize(
    "given", [{"tier": 0}, {"weight": 257}, {"interval": "0s"}, {"needed": "x"}], ids=str
)
def test_the_model_refuses(given: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Uplinks.model_validate({"uplinks": [{"id": "wan", **given}]})


def test_without_uplinks_the_ruleset_keeps_no_connection_on_any() -> None:
    assert uplink_chains({}) == {}
    assert len(marks_chain({}).rules) == 1
    assert len(marks_chain({"eth0": 1}).rules) == 2
    assert [chain.hook.hook for chain in uplink_chains({"eth0": 1}).values() if chain.hook] == ["forward"] * 2


def test_a_connection_that_has_an_uplink_is_never_given_another() -> None:
    """Not even one whose packets leave by another for a moment, while its routes are away."""
    kept = uplink_chains({"eth0": 1, "eth1": 2})["uplink/kept"].rules
    known = say.match(say.bits_of_connection(UPLINK_BITS), 0, "!=")
    assert [*kept[0]] == [known, say.ACCEPT]
    assert [next(iter(rule)) for rule in kept[1:]] == [
        say.arrives_on(["eth0"]), say.arrives_on(["eth1"]), say.leaves_by(["eth0"]), say.leaves_by(["eth1"])
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "given"),
    [
        ("icmp", {"kind": "icmp"}),
        ("tcp:192.0.2.1:443", {"kind": "tcp", "target": "192.0.2.1", "port": 443}),
        ("dns:::example.com", {"kind": "dns", "name": "example.com"}),
        ("tcp:[2001:db8::1]:443", {"kind": "tcp", "target": "2001:db8::1", "port": 443}),
        ("tcp:192.0.2.1:x", {"kind": "tcp", "target": "192.0.2.1", "port": "x"}),
    ],
)
def test_a_check_is_read_as_people_type_it(text: str, given: dict[str, Any]) -> None:
    assert parse_check(text) == given
    assert write_check(given) == text


@pytest.mark.parametrize("text", ["192.168.1.254@lan=2", "192.168.1.254", "@lan", "fe80::1@lan", "@lan=7"])
def test_a_way_is_written_as_people_type_it(text: str) -> None:
    assert write_way(parse_way(text)) == text
    assert write_way({**parse_way(text), "weight": 1}) == text.partition("=")[0]
    assert write_check({}) == "icmp"
