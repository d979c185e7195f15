# SPDX-License-Identifier: GPL-2.0-or-later
"""What a daemon is told where its configuration changes: what differs, in an order that it takes."""

from __future__ import annotations

import pytest

from patronus.network.dynamic.difference import commands
from patronus.network.dynamic.lines import Line, read

HEAD = ("router bgp 1",)
INNER = (*HEAD, "address-family ipv4 unicast")
PEER = (
    Line(HEAD, "neighbor 192.0.2.2 remote-as 2"),
    Line(HEAD, "neighbor 192.0.2.2 description isp"),
    Line(INNER, "neighbor 192.0.2.2 activate"),
)
BASE = (Line(HEAD, "no bgp default ipv4-unicast"), *PEER)


def test_what_is_the_same_is_not_said() -> None:
    assert commands(BASE, BASE) == []
    assert commands(BASE, tuple(reversed(BASE))) == []


def test_a_network_more_is_that_network_alone() -> None:
    more = (*BASE, Line(INNER, "network 10.0.0.0/8"))
    inside = ["router bgp 1", "address-family ipv4 unicast"]
    assert commands(BASE, more) == [*inside, "network 10.0.0.0/8", "exit-address-family", "exit"]
    assert commands(more, BASE) == [*inside, "no network 10.0.0.0/8", "exit-address-family", "exit"]


def test_a_neighbour_goes_with_all_of_its_lines() -> None:
    assert commands(BASE, BASE[:1]) == ["router bgp 1", "no neighbor 192.0.2.2", "exit"]


def test_a_neighbour_without_an_address_goes_by_its_link_and_changes_in_place() -> None:
    peer = (*BASE, Line(HEAD, "neighbor eth0 interface v6only remote-as 2"), Line(HEAD, "neighbor eth0 bfd"))
    assert commands(peer, BASE) == ["router bgp 1", "no neighbor eth0", "exit"]
    other = (*BASE, Line(HEAD, "neighbor eth0 interface v6only remote-as 3"), Line(HEAD, "neighbor eth0 bfd"))
    assert commands(peer, other) == ["router bgp 1", other[-2].text, "exit"]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("neighbor 192.0.2.2 description isp", "neighbor 192.0.2.2 description another"),
        ("neighbor 192.0.2.2 timers 1 3", "neighbor 192.0.2.2 timers 2 6"),
        ("neighbor 192.0.2.2 timers connect 1", "neighbor 192.0.2.2 timers connect 2"),
        ("neighbor 192.0.2.2 prefix-list a in", "neighbor 192.0.2.2 prefix-list b in"),
        ("ip ospf cost 1", "ip ospf cost 2"),
        ("ip prefix-list a seq 5 permit 10.0.0.0/8", "ip prefix-list a seq 5 deny 10.0.0.0/8"),
    ],
)
def test_what_replaces_is_not_taken_away_first(before: str, after: str) -> None:
    told = commands((*BASE, Line(HEAD, before)), (*BASE, Line(HEAD, after)))
    assert told == ["router bgp 1", after, "exit"]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("neighbor 192.0.2.2 prefix-list a in", "neighbor 192.0.2.2 prefix-list a out"),
        ("neighbor 192.0.2.2 timers 1 3", "neighbor 192.0.2.2 timers connect 2"),
        ("ip ospf message-digest-key 1 md5 a", "ip ospf message-digest-key 1 md5 b"),
        ("ip ospf area 0.0.0.0", "ip ospf area 0.0.0.1"),
        ("redistribute connected route-map x", "redistribute connected"),
    ],
)
def test_what_does_not_replace_is(before: str, after: str) -> None:
    told = commands((*BASE, Line(HEAD, before)), (*BASE, Line(HEAD, after)))
    assert told == ["router bgp 1", f"no {before}", "exit", "router bgp 1", after, "exit"]


def test_another_number_of_our_system_is_another_router() -> None:
    other = tuple(Line(("router bgp 9", *line.context[1:]), line.text) for line in BASE)
    told = commands(BASE, other)
    assert told[:2] == ["no router bgp 1", "router bgp 9"]
    assert not any(one.startswith("no neighbor") for one in told)


def test_a_link_that_takes_part_no_more_loses_its_lines_and_not_its_name() -> None:
    link = Line(("interface eth0",), "ip ospf area 0.0.0.0")
    assert commands((link,), ()) == ["interface eth0", "no ip ospf area 0.0.0.0", "exit"]


def test_a_context_ends_where_the_next_line_stands_further_left() -> None:
    """FRR ends contexts by a word, or, as older ones do, by nothing."""
    said = "router bgp 1\n address-family ipv4 unicast\n  network 10.0.0.0/8\n bgp router-id 1.1.1.1\nfpm\n"
    ended = said.replace(" bgp r", " exit-address-family\n bgp r").replace("fpm", "exit\nfpm")
    lines = (Line(INNER, "network 10.0.0.0/8"), Line(HEAD, "bgp router-id 1.1.1.1"), Line((), "fpm"))
    assert read(said) == read(ended) == lines
