# SPDX-License-Identifier: GPL-2.0-or-later
"""Which route a packet finds: the longest prefix of the first table whose rule fits and that has one."""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from typing import Any

import pytest

from patronus.core.fib import Fib, FibRoute, FibRule
from patronus.core.link import Hop, RouteQuery
from patronus.core.route_table import NextHop, Selector
from patronus.core.values import Mark, PortRange

MAIN, OTHER = 254, 77


def route(prefix: str, device: str = "a", **more: Any) -> FibRoute:
    return FibRoute(more.pop("table", MAIN), ip_network(prefix), hops=(NextHop(device),), **more)


def rule(priority: int, table: int = MAIN, **more: Any) -> FibRule:
    return FibRule(4, priority, table=table, **more)


def found(fib: Fib, to: str = "10.1.2.3", **more: Any) -> str | None:
    one = fib.find(RouteQuery(ip_address(to), **more))
    return one.hops[0].device if one is not None else None


def test_the_longest_prefix_wins_then_the_smallest_metric_then_who_came_first() -> None:
    routes = [
        route("0.0.0.0/0", "any"), route("10.0.0.0/8", "wide"), route("10.1.0.0/16", "dear", metric=20),
        route("10.1.0.0/16", "cheap", metric=10), route("10.1.0.0/16", "late", metric=10),
    ]  # fmt: skip
    fib = Fib(routes, [rule(32766)])
    assert [found(fib, to) for to in ("192.0.2.1", "10.2.0.1", "10.1.2.3")] == ["any", "wide", "cheap"]
    fib.discard(routes[3])
    assert found(fib) == "late"
    assert found(fib, "fd00::1") is None, "the other family has no rule"


@pytest.mark.parametrize(
    ("given", "query", "device"),
    [
        (rule(1, OTHER, suppress=0), {}, "main"),
        (rule(1, OTHER, suppress=-1), {}, "other"),
        (rule(1, OTHER, selector=Selector(source=ip_network("192.0.2.0/24"))), {}, "main"),
        (
            rule(1, OTHER, selector=Selector(source=ip_network("192.0.2.0/24"))),
            {"source": ip_address("192.0.2.9")},
            "other",
        ),
        (rule(1, OTHER, selector=Selector(device="lan"), inverted=True), {"arrives_on": "lan"}, "main"),
        (rule(1, OTHER, selector=Selector(device="lan"), inverted=True), {"arrives_on": "dmz"}, "other"),
        (rule(1, OTHER, selector=Selector(mark=Mark(0x10, 0xF0))), {"mark": 0x31F}, "other"),
        (rule(1, OTHER, selector=Selector(mark=Mark(0x10, 0xF0))), {"mark": 0x2F}, "main"),
        (rule(1, OTHER, source_ports=PortRange(5, 6)), {"source_port": 6}, "other"),
        (rule(1, OTHER, source_ports=PortRange(5, 6)), {"source_port": 7}, "main"),
        (rule(1, kind="refuse"), {}, None),
        (rule(1, kind="nothing"), {}, "main"),
        (rule(1, kind="goto", target=32766), {}, "main"),
    ],
)
def test_rules_are_asked_in_their_order(given: FibRule, query: dict[str, Any], device: str | None) -> None:
    routes = [route("0.0.0.0/0", "other", table=OTHER), route("10.0.0.0/8", "main")]
    last = rule(32766) if given.kind != "goto" else rule(32766, selector=Selector())
    fib = Fib(routes, [last, given, rule(2, OTHER)] if given.kind == "goto" else [last, given])
    assert found(fib, **query) == device


def test_a_route_that_throws_lets_the_next_rule_be_asked() -> None:
    throws = FibRoute(OTHER, ip_network("10.1.0.0/16"), "throw")
    fib = Fib(
        [throws, route("0.0.0.0/0", "other", table=OTHER), route("10.0.0.0/8")], [rule(1, OTHER), rule(2)]
    )
    assert (found(fib), found(fib, "10.9.0.1")) == ("a", "other")


def test_what_a_route_leads_to() -> None:
    to = RouteQuery(ip_address("10.1.2.3"))
    both = FibRoute(MAIN, ip_network("10.0.0.0/8"), hops=(NextHop("a", ip_address("10.0.0.1")), NextHop("b")))
    assert both.leads(to) == Hop("a", ip_address("10.0.0.1"), None, MAIN)
    assert both.leads(to, Hop("b")).device == "b"
    assert both.leads(to, Hop("c")).device == "a"
    assert FibRoute(255, ip_network("10.1.2.3/32"), "local", (NextHop("a"),)).leads(to) == Hop(None)
    everybody = FibRoute(255, ip_network("10.1.2.3/32"), "broadcast", (NextHop("a"),))
    assert everybody.leads(to).device == "a"
    assert everybody.leads(RouteQuery(to.destination, arrives_on="a")).device is None
    with pytest.raises(LookupError, match=r"prohibit 10\.0\.0\.0/8"):
        FibRoute(MAIN, ip_network("10.0.0.0/8"), "prohibit").leads(to)


def test_a_copy_goes_its_own_way() -> None:
    first = Fib([route("10.0.0.0/8")], [rule(1)])
    second = first.copy()
    second.discard(route("10.0.0.0/8"))
    second.add_rule(rule(2))
    assert (found(first), found(second), len(first.rules)) == ("a", None, 1)


def test_routes_are_found_by_what_they_stand_on() -> None:
    own = ip_address("192.0.2.1")
    one, other = route("10.0.0.0/8", source=own), route("10.1.0.0/16", "b")
    both = FibRoute(MAIN, ip_network("10.2.0.0/16"), hops=(NextHop("a"), NextHop("b")))
    fib = Fib([one, other, both])
    assert (fib.on("a"), fib.on("b"), fib.on(own), fib.on("c")) == ([one, both], [other, both], [one], [])
    fib.discard(both)
    assert (fib.on("a"), fib.copy().on("b")) == ([one], [other])
