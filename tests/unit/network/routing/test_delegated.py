# SPDX-License-Identifier: GPL-2.0-or-later
"""A prefix that a router was given has a route for as long as DHCP says that it is the router's."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv6Address, IPv6Network

import pytest

from patronus.core.route_table import MAIN_TABLE, NextHop, TableRoute
from patronus.network.dhcp.events import LeaseChanged, LeaseEntry, LeasesKnown
from patronus.network.routing.delegated import METRIC, Delegated, as_data, from_data, routes_to, taken_in

ROUTER = LeaseEntry(
    "2001:db8::/56", "lan", "duid:00/1", "2001:db8:0:10::/60", "", "", 0, 9, "active", via="fe80::5"
)
HOST = LeaseEntry("2001:db8::/64", "lan", "duid:00/1", "2001:db8::20", "", "nas", 0, 9, "active")
GIVEN = Delegated(IPv6Network("2001:db8:0:10::/60"), "lan", IPv6Address("fe80::5"))
KNOWN = taken_in(LeasesKnown((HOST, ROUTER)), frozenset())


def test_what_dhcp_knows_takes_the_place_of_what_was_known() -> None:
    assert frozenset({GIVEN}) == KNOWN
    assert taken_in(LeasesKnown((HOST,)), KNOWN) == frozenset()
    assert taken_in(LeaseChanged("removed", HOST), KNOWN) == KNOWN


@pytest.mark.parametrize("action", ["released", "expired", "removed", "declined"])
def test_it_goes_with_its_lease(action: str) -> None:
    assert taken_in(LeaseChanged(action, ROUTER), KNOWN) == frozenset()


def test_a_router_that_is_another_one_now_takes_its_place() -> None:
    found = taken_in(LeaseChanged("renewed", replace(ROUTER, via="fe80::6")), KNOWN)
    assert [one.via for one in found] == [IPv6Address("fe80::6")]
    assert taken_in(LeaseChanged("granted", ROUTER), found) == KNOWN


def test_the_route_leads_to_the_router_on_the_card_of_its_network() -> None:
    hops = (NextHop("eth1", IPv6Address("fe80::5")),)
    assert list(routes_to(KNOWN, {"lan": "eth1"})) == [TableRoute(MAIN_TABLE, GIVEN.prefix, hops, METRIC)]
    assert list(routes_to(KNOWN, {"lan": None})) == []


@pytest.mark.parametrize("data", [None, {}, [["x", "lan", "fe80::5"]], [["2001:db8::/60"]], [5]])
def test_what_was_kept_is_read_again_and_what_is_broken_is_nothing(data: object) -> None:
    assert from_data(as_data(KNOWN)) == KNOWN
    assert from_data(data) == frozenset()
