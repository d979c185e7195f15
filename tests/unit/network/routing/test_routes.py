# SPDX-License-Identifier: GPL-2.0-or-later
"""Static routes: every mistake is located, and a route stands as soon as its gateway can be reached."""

from __future__ import annotations

from ipaddress import ip_address, ip_interface, ip_network
from typing import Any

import pytest
from pydantic import ValidationError

from patronus.core.link import Address, Nic, Route
from patronus.core.model import Configuration
from patronus.core.problem import render_path
from patronus.network.interfaces.changes import SetRoute
from patronus.network.interfaces.difference import additions, removals
from patronus.network.interfaces.learned import Learned
from patronus.network.interfaces.model import Interfaces
from patronus.network.interfaces.plan import Facts, InterfacesPlan, build
from patronus.network.routing.check import check
from patronus.network.routing.model import Routing

NICS = tuple(Nic(f"eth{n}", f"52:54:00:00:00:0{n}") for n in range(2))
FAR, NEAR = ip_network("10.20.0.0/16"), ip_address("192.168.1.254")
LAN = {
    "id": "lan",
    "match": {"mac": NICS[0].mac},
    "ipv4": {"method": "static", "addresses": ["192.168.1.1/24"], "gateway": "192.168.1.250"},
    "ipv6": {"method": "static", "addresses": ["2001:db8:1::1/64"]},
}
WAN = {"id": "wan", "match": {"mac": NICS[1].mac}, "ipv4": {"method": "dhcp"}}


def route(destination: str = str(FAR), **more: Any) -> dict[str, Any]:
    return {"id": f"to-{more.get('metric', 20)}", "destination": destination, **more}


def config(*routes: dict[str, Any]) -> Configuration:
    interfaces = Interfaces.model_validate({"interfaces": [LAN, WAN]})
    routing = Routing.model_validate({"routes": routes})
    return Configuration({"network/interfaces": interfaces, "network/routing": routing})


def planned(
    *routes: dict[str, Any], learned: Learned | None = None, nics: tuple[Nic, ...] = NICS
) -> InterfacesPlan:
    whole = config(*routes)
    facts = Facts(nics, {"eth1": learned} if learned else {})
    return build(whole.get(Interfaces), facts, whole.get(Routing))


def found(*routes: dict[str, Any]) -> list[str]:
    return [f"{render_path(one.path)}: {one.message}" for one in check(config(*routes))]


GOOD: dict[str, list[dict[str, Any]]] = {
    "by a gateway": [route(gateway=str(NEAR))],
    "by a gateway behind an interface": [route(gateway=str(NEAR), interface="lan")],
    "by a gateway that a lease may bring": [route(gateway="198.51.100.1", interface="wan")],
    "by a gateway that no file names": [route(gateway="198.51.100.1")],
    "on the link": [route(interface="lan")],
    "by a link-local gateway": [route("2001:db8:20::/48", gateway="fe80::1", interface="lan")],
    "nowhere": [route(type="unreachable"), route("2001:db8::/32", type="blackhole", metric=21)],
    "twice, one of them off": [
        route(type="blackhole"),
        {**route(type="blackhole"), "id": "b", "enabled": False},
    ],
    "by several gateways": [route(gateways=[{"gateway": str(NEAR), "weight": 3}, {"interface": "wan"}])],
    "twice, by preference": [route(gateway=str(NEAR)), route(gateway=str(NEAR), metric=30)],
}


@pytest.mark.parametrize("routes", GOOD.values(), ids=GOOD.keys())
def test_good(routes: list[dict[str, Any]]) -> None:
    assert found(*routes) == []


BAD: dict[str, tuple[list[dict[str, Any]], str]] = {
    "no way": ([route()], "routes[0]: nothing says where to-20 leads"),
    "no interface": ([route(interface="x")], "routes[0].interface: there is no interface x"),
    "another family": (
        [route(gateway="2001:db8:1::2")],
        "gateway: 2001:db8:1::2 cannot lead to 10.20.0.0/16",
    ),
    "the router itself": ([route(gateway="192.168.1.1")], "gateway: 192.168.1.1 is the router itself"),
    "no neighbour": (
        [route(gateway="192.168.2.9", interface="lan")],
        "gateway: 192.168.2.9 is in no subnet of",
    ),
    "no neighbour of IPv6": (
        [route("2001:db8:20::/48", gateway="2001:db8:9::1")],
        "is in no interface's subnet",
    ),
    "link-local anywhere": (
        [route("2001:db8:20::/48", gateway="fe80::1")],
        "gateway: fe80::1 is on every link",
    ),
    "to our own subnet": (
        [route("192.168.1.0/24", gateway=str(NEAR))],
        "destination: 192.168.1.0/24 is lan's own",
    ),
    "to a group": ([route("224.0.0.0/4", gateway=str(NEAR))], "destination: 224.0.0.0/4 is never routed"),
    "refused with a way": ([route(type="prohibit", interface="lan")], "type: a route of type prohibit leads"),
    "a way beside its gateways": (
        [route(gateway=str(NEAR), gateways=[{"gateway": str(NEAR)}])],
        "routes[0].gateways: to-20 has a way beside its gateways",
    ),
    "a gateway twice": (
        [route(gateways=[{"gateway": str(NEAR)}, {"gateway": str(NEAR), "weight": 2}])],
        "routes[0].gateways[1]: this way is there twice",
    ),
    "a gateway of the other family": (
        [route(gateways=[{"gateway": str(NEAR)}, {"gateway": "2001:db8:1::2"}])],
        "routes[0].gateways[1].gateway: 2001:db8:1::2 cannot lead to an IPv4 network",
    ),
    "a link among several ways of IPv6": (
        [route("2001:db8:20::/48", gateways=[{"gateway": "2001:db8:1::2"}, {"interface": "wan"}])],
        "routes[0].gateways[1]: IPv6 spreads over gateways alone, and this way has none",
    ),
    "refused by several ways": (
        [route(type="prohibit", gateways=[{"interface": "lan"}])],
        "type: a route of",
    ),
    "twice": (
        [route(gateway=str(NEAR)), {**route(type="blackhole"), "id": "b"}],
        "routes[1].metric: to-20 leads to 10.20.0.0/16 with metric 20 as well",
    ),
    "twice the default": (
        [route("0.0.0.0/0", gateway=str(NEAR), metric=100)],
        "routes[0].metric: the gateway of lan leads to 0.0.0.0/0",
    ),
}


@pytest.mark.parametrize(("routes", "said"), BAD.values(), ids=BAD.keys())
def test_bad(routes: list[dict[str, Any]], said: str) -> None:
    assert any(said in line for line in found(*routes)), found(*routes)


@pytest.mark.parametrize(
    "given", [{"destination": "10.20.0.1/16"}, {"metric": 0}, {"type": "local"}, {"gateway": "lan"}], ids=str
)
def test_the_model_refuses(given: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Routing.model_validate({"routes": [{**route(), **given}]})


def test_a_route_stands_behind_the_interface_of_its_gateway() -> None:
    plan = planned(
        route(gateway=str(NEAR)), route(type="blackhole", metric=30), {**route(metric=40), "enabled": False}
    )
    assert plan.static == {
        "to-20": Route(FAR, "eth0", NEAR, 20),
        "to-30": Route(FAR, "", None, 30, "blackhole"),
    }
    assert set(plan.static.values()) < set(plan.routes)
    assert plan.waiting == {}


def test_a_route_waits_for_the_lease_that_brings_its_gateway_near() -> None:
    item = route(gateway="198.51.100.1")
    assert planned(item).waiting == {"to-20": "198.51.100.1 is in no subnet that the router has now"}
    behind = planned({**item, "interface": "wan"})
    assert behind.waiting == {"to-20": "198.51.100.1 is in no subnet that wan has now"}
    lease = Learned(addresses=(ip_interface("198.51.100.7/24"),))
    assert planned(item, learned=lease).static == {
        "to-20": Route(FAR, "eth1", ip_address("198.51.100.1"), 20)
    }


def test_a_missing_card_keeps_its_own_routes_waiting_and_no_others() -> None:
    plan = planned(route(interface="lan"), route(type="prohibit", metric=30), nics=NICS[1:])
    assert plan.waiting == {"to-20": "lan has no device"}
    assert set(plan.static) == {"to-30"}


def test_a_route_is_not_added_while_the_device_has_lost_the_address_that_it_needs() -> None:
    """The kernel would refuse it, and with it the whole change."""
    plan = planned(
        route(gateway="198.51.100.1"), learned=Learned(addresses=(ip_interface("198.51.100.7/24"),))
    )
    wanted = SetRoute(plan.static["to-20"])
    assert wanted not in additions(plan, [], [])
    assert wanted in additions(plan, [Address("eth1", ip_interface("198.51.100.7/24"))], [])


def test_a_route_that_refuses_goes_with_its_entry_and_by_its_name() -> None:
    (gone,) = removals(planned(), None, ([], [], [Route(FAR, "", None, 30, "blackhole")]))
    assert str(gone) == "delete route blackhole 10.20.0.0/16"
    assert str(gone.inverse()) == "add route blackhole 10.20.0.0/16"
