# SPDX-License-Identifier: GPL-2.0-or-later
"""The routes of VRFs: in their own tables, refused where two meet, foreseen, and found again by the rules."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address, ip_network
from typing import Any

import pytest

from patronus.core.connection import Connection, Tracked, Way
from patronus.core.fib import Fib, FibRoute, FibRule, vrf_tables
from patronus.core.link import Hop, Link, Nic, RouteQuery
from patronus.core.model import Configuration
from patronus.core.problem import render_path
from patronus.core.route_table import MAIN_TABLE, REFUSES, NextHop, TableRoute
from patronus.firewall.check.configuration import check_rules
from patronus.firewall.plan import FirewallPlan
from patronus.firewall.tracking.flows import forbidden
from patronus.firewall.verbs.explain import Explain, World, run
from patronus.network.interfaces.difference import Look
from patronus.network.interfaces.model import Interfaces
from patronus.network.interfaces.plan import Facts, InterfacesPlan, build
from patronus.network.routing.check import check
from patronus.network.routing.foreseen import foreseen
from patronus.network.routing.model import Routing
from patronus.network.routing.steering import Steering
from patronus.network.routing.vrfs import networks_within
from patronus.network.uplinks.plan import UplinksPlan, plan
from tests.golden.case import load, plan_for

NICS = tuple(Nic(f"eth{n}", f"52:54:00:00:00:0{n}") for n in range(3))
ITEMS: list[dict[str, Any]] = [
    {"id": "cust", "vrf": {"table": 7, "members": ["shop", "office"]}, "zone": "cust"},
    *(
        {
            "id": role,
            "match": {"mac": NICS[n].mac},
            "zone": zone,
            "ipv4": {"method": "static", "addresses": [address], **({"gateway": gateway} if gateway else {})},
        }
        for n, (role, zone, address, gateway) in enumerate(
            [
                ("shop", "cust", "10.7.0.1/24", None),
                ("office", "cust", "10.8.0.1/24", "10.8.0.254"),
                ("wan", "wan", "192.0.2.2/24", "192.0.2.1"),
            ]
        )
    ),
]
FAR = {"id": "far", "destination": "172.16.0.0/12", "gateway": "10.7.0.9"}
EVERYTHING = ip_network("0.0.0.0/0")


def config(*routes: dict[str, Any], items: list[dict[str, Any]] = ITEMS, **more: Any) -> Configuration:
    interfaces = Interfaces.model_validate({"interfaces": items})
    routing = Routing.model_validate({"routes": routes, **more})
    return Configuration({"network/interfaces": interfaces, "network/routing": routing})


def planned(whole: Configuration) -> tuple[InterfacesPlan, UplinksPlan]:
    links = build(whole.get(Interfaces), Facts(NICS), whole.get(Routing))
    return links, plan(whole, (), links)


def said(*routes: dict[str, Any], **more: Any) -> list[str]:
    return [f"{render_path(one.path)}: {one.message}" for one in check(config(*routes, **more))]


def test_what_leads_by_a_member_is_in_the_table_of_its_vrf() -> None:
    outside = {"id": "out", "destination": "203.0.113.0/24", "gateway": "192.0.2.9"}
    links, routes = planned(config(FAR, outside))
    assert list(links.static) == ["out"] and links.waiting == {}
    by_gateway = TableRoute(7, EVERYTHING, (NextHop("eth1", ip_address("10.8.0.254")),), 102)
    own = TableRoute(7, ip_network("172.16.0.0/12"), (NextHop("eth0", ip_address("10.7.0.9")),), 20)
    ends = {TableRoute(7, net, (), REFUSES, "unreachable") for net in (EVERYTHING, ip_network("::/0"))}
    assert set(routes.routing.tables.routes) == {by_gateway, own, *ends}
    assert routes.routing.standing["far"] == own and routes.routing.waiting == {}
    assert [str(one) for one in links.routes if one.destination == EVERYTHING] == [
        "0.0.0.0/0 via 192.0.2.1 on eth2"
    ]
    within = networks_within(links, routes.routing)
    assert within == {"cust": (*map(ip_network, ("10.7.0.0/24", "10.8.0.0/24", "172.16.0.0/12")),)}


def ways(*gateways: str) -> dict[str, Any]:
    return {"id": "two", "destination": "172.16.0.0/12", "gateways": [{"gateway": one} for one in gateways]}


POLICY = {"id": "p", "source": "10.0.0.0/8", "gateways": [{"gateway": "192.0.2.9"}]}
GOOD: dict[str, dict[str, Any]] = {
    "several ways of one table": {"routes": [ways("10.7.0.9", "10.8.0.9")]},
    "a default route in each": {
        "routes": [{"id": "v", "destination": "0.0.0.0/0", "gateway": "10.7.0.9", "metric": 103}]
    },
    "a policy of the others": {"policies": [POLICY]},
}
WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "ways of two tables": (
        {"routes": [ways("10.7.0.9", "192.0.2.9")]},
        "routes[0].gateways[1]: this way is in the main table, and the first in the VRF cust",
    ),
    "the same in one": (
        {"routes": [{"id": "v", "destination": "0.0.0.0/0", "gateway": "10.7.0.9", "metric": 102}]},
        "routes[0].metric: the gateway of office leads to 0.0.0.0/0 with metric 102 as well",
    ),
    "a policy of its packets": (
        {"policies": [{**POLICY, "interface": "shop"}]},
        "policies[0].interface: shop is in the VRF cust, where policies are not asked",
    ),
    "a policy into it": (
        {"policies": [{**POLICY, "gateways": [{"gateway": "10.7.0.9"}]}]},
        "policies[0].gateways[0]: shop is in the VRF cust, where policies do not lead",
    ),
}


@pytest.mark.parametrize("name", GOOD)
def test_what_can_be_has_no_problem(name: str) -> None:
    given = dict(GOOD[name])
    assert said(*given.pop("routes", ()), **given) == []


@pytest.mark.parametrize("name", WRONG)
def test_where_tables_would_meet_it_is_said(name: str) -> None:
    given, problem = dict(WRONG[name][0]), WRONG[name][1]
    assert said(*given.pop("routes", ()), **given) == [problem]


RULES = [
    FibRule(4, 0, table=255), FibRule(4, 1000, kind="vrf"), FibRule(4, 32766, table=MAIN_TABLE),
    FibRule(4, 32767, table=253),
]  # fmt: skip


def before() -> tuple[Fib, Look, InterfacesPlan]:
    """Return a router of three cards without a VRF: tables, links and plan."""
    alone = [{**item, "ipv4": {**item["ipv4"], "gateway": None}} for item in ITEMS[1:3]]
    links, _ = planned(config(items=[*alone, ITEMS[3]]))
    addresses = links.wanted_addresses()
    routes = []
    for one in addresses:
        hops, own = (NextHop(one.device),), one.interface
        routes.append(FibRoute(255, ip_network(own.ip), "local", hops, source=own.ip))
        routes.append(FibRoute(MAIN_TABLE, own.network, hops=hops, source=own.ip))
    way = (NextHop("eth2", ip_address("192.0.2.1")),)
    routes.append(FibRoute(MAIN_TABLE, EVERYTHING, hops=way, metric=102, owner=4))
    seen = tuple(Link(nic.name, n, up=True) for n, nic in enumerate(NICS, 1))
    return Fib(routes, RULES), (seen, addresses, links.routes), links


def test_the_pre_flight_foresees_what_a_vrf_takes_along() -> None:
    fib, look, running = before()
    links, routes = planned(config(FAR))
    coming = foreseen(fib, look, running, links, routes)
    assert coming.fib.vrfs == vrf_tables(coming.links.values()) == {"cust": 7, "eth0": 7, "eth1": 7}

    def way(destination: str, arrives_on: str | None = None, within: str | None = None) -> str | None:
        query = RouteQuery(ip_address(destination), arrives_on=arrives_on, within=within)
        found = coming.fib.find(query)
        if found is None:
            return None
        try:
            hop = found.leads(query)
        except LookupError as error:
            return str(error)
        return f"{hop.device} via {hop.gateway} in {hop.table}" if hop.device else "here"

    assert way("10.8.0.5", "eth0") == "eth1 via None in 7"
    assert way("10.8.0.5", within="cust") == "eth1 via None in 7"
    assert way("10.8.0.5", "eth2") == "eth2 via 192.0.2.1 in 254", "nothing in the main table leads there"
    assert way("172.17.0.1", "eth1") == "eth0 via 10.7.0.9 in 7"
    assert way("198.51.100.1", "eth0") == "eth1 via 10.8.0.254 in 7"
    assert way("10.7.0.1", "eth1") == "here"
    assert way("192.0.2.9", "eth2") == "eth2 via None in 254"
    back = foreseen(coming.fib, look_of(coming), links, running, UplinksPlan())
    assert back.fib.vrfs == {}
    assert back.fib.find(RouteQuery(ip_address("10.8.0.5"))) is not None
    assert not [one for one in back.fib.routes() if one.table == 7]


def look_of(coming: Any) -> Look:
    routes = [one.as_static() for one in coming.fib.routes() if one.owner == 4]
    return tuple(coming.links.values()), coming.addresses, tuple(filter(None, routes))


FILES = {
    "network/interfaces.yaml": """
interfaces:
  - {id: cust, vrf: {table: 7, members: [shop, office]}, zone: cust}
  - {id: shop, match: {path: a}, zone: cust, ipv4: {method: static, addresses: [10.7.0.1/24]}}
  - {id: office, match: {path: b}, zone: cust, ipv4: {method: static, addresses: [10.8.0.1/24]}}
  - id: wan
    match: {path: c}
    zone: wan
    ipv4: {method: static, addresses: [192.0.2.2/24], gateway: 192.0.2.1}
""",
    "firewall/zones.yaml": "zones: [{id: wan}, {id: cust}]\n",
}


def ruled(rules: str) -> FirewallPlan:
    loaded = load({**FILES, "firewall/rules.yaml": f"rules: [{rules}]\n"})
    assert loaded.problems == ()
    return plan_for(loaded.config, {})


ALLOW = "{id: r, interface: cust, to: cust, destination_port: 443, protocol: tcp, action: allow}"


def test_rules_by_the_name_of_a_vrf_mean_its_members_and_those_by_a_member_are_refused() -> None:
    plan = ruled(ALLOW)
    (rule,) = [one for one in plan.policy.rules if one.origin == "rule/r"]
    assert rule.match.interfaces == frozenset({"cust", "shop", "office"})
    loaded = load({**FILES, "firewall/rules.yaml": f"rules: [{ALLOW.replace('cust', 'shop', 1)}]\n"})
    (problem,) = [one for one in check_rules(loaded.config) if "interface" in one.path]
    assert (problem.message, problem.hint) == (
        "what comes in by shop comes to the rules by its VRF cust",
        "interface: cust",
    )


def test_open_connections_of_a_vrf_are_judged_by_its_own_table() -> None:
    """In the main table their hosts would be behind the uplink."""
    asked: list[RouteQuery] = []

    def device_of(query: RouteQuery) -> str | None:
        asked.append(query)
        if query.within == "cust" or query.arrives_on in ("shop", "office"):
            return "office" if query.destination in ip_network("10.8.0.0/24") else "shop"
        return "wan"

    way = Way(ip_address("10.7.0.5"), ip_address("10.8.0.5"), 6, 40000, 443)
    back = Way(way.destination, way.source, 6, 443, 40000)
    one = Tracked(Connection(way, back))
    assert not forbidden(ruled(ALLOW).policy, one, device_of)
    assert forbidden(ruled("").policy, one, device_of)
    assert asked[0].within == "cust"


def test_explain_names_the_table_of_the_vrf() -> None:
    asked: list[RouteQuery] = []

    def leads(query: RouteQuery, _: str) -> bool:
        asked.append(query)
        return True

    loaded = load({**FILES, "firewall/rules.yaml": f"rules: [{ALLOW}]\n"})
    given = Explain(
        arrives_on="shop", source="10.7.0.5", destination="10.8.0.5", protocol="tcp", destination_port=443
    )
    world = World(lambda _: Hop("office", table=7), leads)
    whole = replace(plan_for(loaded.config, {}), steering=Steering(vrfs={7: "cust"}))
    found = run(loaded.config, whole, given, world, xdp=frozenset())
    assert (found.action, found.from_zone, found.to_zone) == ("allow", "cust", "cust")
    assert any("in the table of vrf/cust" in line for line in found.text)
    assert [one.within for one in asked] == ["cust"]
