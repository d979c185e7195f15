# SPDX-License-Identifier: GPL-2.0-or-later
"""Routes with several ways, and policies, on real links: the kernel says by which way a packet would go."""

from __future__ import annotations

import json
from typing import Any

import pytest

from patronus.core.errors import KernelError
from tests.netns.interfaces.router import Router
from tests.netns.lab import Namespace, connect

BRANCH = "10.20.0.0/16"
NEAR, FAR = "198.51.100.1", "203.0.113.1"
AWAY = {"id": "away", "match": {"mac": "52:54:00:00:00:77"}, "ipv4": {"method": "dhcp"}}
"""A card that is pulled out: what a lease might bring near is no mistake in the file."""
TWO = [{"gateway": NEAR, "weight": 2}, {"gateway": FAR}]


@pytest.fixture
def wired(namespace: Namespace, neighbour: Namespace) -> Namespace:
    """Give the router three NICs, and let it forward."""
    for name in ("lan", "wan", "spare"):
        connect(namespace, name, neighbour, f"peer-{name}")
    namespace.sysctl("net.ipv4.ip_forward", "1")
    return namespace


def interface(wired: Namespace, role: str, address: str, **more: Any) -> dict[str, Any]:
    mac = json.loads(wired.ip(f"-json link show {role}"))[0]["address"]
    return {"id": role, "match": {"mac": mac}, "ipv4": {"method": "static", "addresses": [address], **more}}


@pytest.fixture
def three(wired: Namespace) -> list[dict[str, Any]]:
    """Name the interfaces of a router with two ways out."""
    return [
        interface(wired, "lan", "192.168.1.1/24"),
        interface(wired, "wan", "198.51.100.2/24", gateway=NEAR),
        interface(wired, "spare", "203.0.113.2/24"),
    ]


def ways(namespace: Namespace, destination: str = BRANCH) -> list[tuple[str, str, int]]:
    """Return the ways of a route as ip(8) says them: gateway, device, weight."""
    (found,) = json.loads(namespace.ip(f"-json route show {destination}"))
    hops = found.get("nexthops") or [{**found, "weight": 1}]
    return sorted((one["gateway"], one["dev"], one["weight"]) for one in hops)


def way_out(namespace: Namespace, words: str) -> str:
    """Return the device by which the kernel would send a packet."""
    (found,) = json.loads(namespace.ip(f"-json route get {words}"))
    return str(found["dev"])


def test_a_link_and_a_gateway_may_be_the_ways_of_one_route(
    router: Router, wired: Namespace, three: list[dict[str, Any]]
) -> None:
    mixed = [{"interface": "spare"}, {"gateway": NEAR}]
    router.apply(*three, routes=[{"id": "b", "destination": BRANCH, "gateways": mixed}])
    (found,) = json.loads(wired.ip(f"-json route show {BRANCH}"))
    hops = sorted((one["dev"], one.get("gateway")) for one in found["nexthops"])
    assert hops == [("spare", None), ("wan", NEAR)] and router.differences() == []
    router.apply(*three)
    assert wired.ip(f"route show {BRANCH}") == ""


def test_a_route_has_several_ways_and_goes_on_with_those_that_are_left(
    router: Router, wired: Namespace, three: list[dict[str, Any]]
) -> None:
    branch = {"id": "branch", "destination": BRANCH, "gateways": TWO}
    router.apply(*three, routes=[branch])
    assert ways(wired) == [(NEAR, "wan", 2), (FAR, "spare", 1)]
    assert router.differences() == []
    assert router.ask("routing.List").routes[0].state == "active"
    router.apply(*three[:2], AWAY, routes=[branch])
    assert ways(wired) == [(NEAR, "wan", 1)]
    (listed,) = router.ask("routing.List").routes
    assert (listed.state, listed.reason) == ("reduced", f"{FAR} is in no subnet that the router has now")
    router.apply(three[0], AWAY, routes=[branch])
    assert BRANCH not in wired.ip("route")
    assert router.ask("routing.List").routes[0].state == "waiting"
    router.apply(*three)
    assert BRANCH not in wired.ip("route")


def test_what_somebody_takes_away_is_a_difference_and_what_others_made_is_left_alone(
    router: Router, wired: Namespace, three: list[dict[str, Any]]
) -> None:
    wired.ip("rule add pref 13000 from 192.0.2.1 lookup 30100")
    wired.ip("rule add pref 99 from 192.0.2.2 lookup 77")
    policy = {"id": "p", "source": "192.168.1.9", "gateways": TWO[1:]}
    router.apply(*three, routes=[{"id": "b", "destination": BRANCH, "gateways": TWO}], policies=[policy])
    wired.ip("route add 10.9.0.0/16 via 203.0.113.1 table 30100")
    wired.ip(f"route del {BRANCH}")
    wired.ip("rule del pref 12000")
    assert router.differences() == [
        f"add route {BRANCH} via {NEAR} on wan weight 2, via {FAR} on spare",
        "add rule 12000: IPv4, everything: table 254",
    ]
    assert router.ask("routing.List").routes[0].state == "missing"
    router.apply(*three)
    assert router.differences() == []
    assert "10.9.0.0/16" in wired.ip("route show table 30100")
    said = wired.ip("rule")
    assert "192.0.2.1 lookup 30100" in said
    assert "192.0.2.2 lookup 77" in said
    assert "proto 80" not in said


POLICIES: dict[str, tuple[dict[str, Any], str, str]] = {
    "by source": ({"source": "192.168.1.9"}, "from 192.168.1.9 iif lan", "from 192.168.1.8 iif lan"),
    "by interface": (
        {"interface": "lan"},
        "from 192.168.1.9 iif lan",
        "from 203.0.113.9 iif spare",
    ),
    "by mark": ({"mark": "0x10/0xff"}, "mark 0x310", "mark 0x11"),
    "by protocol and port": (
        {"protocol": "tcp", "ports": [25, "8000-8100"]},
        "ipproto tcp dport 8001",
        "ipproto udp dport 25",
    ),
}


@pytest.mark.parametrize(("conditions", "fits", "fits_not"), POLICIES.values(), ids=POLICIES.keys())
def test_a_policy_chooses_the_way_of_what_it_fits_and_of_nothing_else(
    router: Router,
    wired: Namespace,
    three: list[dict[str, Any]],
    conditions: dict[str, Any],
    fits: str,
    fits_not: str,
) -> None:
    router.apply(*three, policies=[{"id": "p", **conditions, "gateways": TWO[1:]}])
    assert way_out(wired, f"192.0.2.77 {fits}") == "spare"
    assert way_out(wired, f"192.0.2.77 {fits_not}") == "wan"
    assert way_out(wired, f"192.168.1.30 {fits}") == "lan", "our own networks go before it"
    assert router.ask("routing.ListPolicies").policies[0].state == "active"
    router.apply(*three, policies=[{"id": "p", **conditions, "gateways": TWO[1:], "over": "all"}])
    assert way_out(wired, f"192.168.1.30 {fits}") == "spare", "unless it says so"


def test_the_first_policy_that_has_a_way_decides(
    router: Router, wired: Namespace, three: list[dict[str, Any]]
) -> None:
    ask = "192.0.2.77 from 192.168.1.9 iif lan"
    gone = {"id": "gone", "source": "192.168.1.9", "gateways": [{"gateway": "10.1.1.1", "interface": "away"}]}
    first = {"id": "first", "source": "192.168.1.0/24", "gateways": TWO[1:]}
    second = {"id": "second", "source": "192.168.1.9", "gateways": TWO[:1]}
    router.apply(*three, AWAY, policies=[gone, first, second])
    assert way_out(wired, ask) == "spare"
    states = {item.id: item.state for item in router.ask("routing.ListPolicies").policies}
    assert states == {"gone": "waiting", "first": "active", "second": "active"}
    router.apply(*three, AWAY, policies=[gone, second, first])
    assert way_out(wired, ask) == "wan"


def test_a_step_that_the_kernel_refuses_takes_the_others_back(
    router: Router, wired: Namespace, three: list[dict[str, Any]]
) -> None:
    """A route of somebody else's to the same destination with the same metric is in the way."""
    router.apply(*three)
    wired.ip(f"route add {BRANCH} via {NEAR} proto 99 metric 20")
    before = wired.ip("rule") + wired.ip("route show table all")
    policy = {"id": "p", "source": "192.168.1.9", "gateways": TWO[1:]}
    routes = [
        {"id": "a", "destination": "10.30.0.0/16", "gateways": TWO},
        {"id": "b", "destination": BRANCH, "gateways": TWO},
    ]
    with pytest.raises(KernelError, match=r"cannot add the route 10\.20\.0\.0/16 .*: File exists"):
        router.apply(*three, routes=routes, policies=[policy])
    assert wired.ip("rule") + wired.ip("route show table all") == before
