# SPDX-License-Identifier: GPL-2.0-or-later
"""The files' part to FRR's lines: what is refused, what is written, and whose words make no line."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from patronus.core.model import Configuration
from patronus.core.problem import Severity, render_path
from patronus.network.dynamic.check import check
from patronus.network.dynamic.lines import Line, read, written
from patronus.network.dynamic.plan import DynamicPlan, openings
from patronus.network.dynamic.render import permits, render, usable
from patronus.network.interfaces.model import Interfaces
from patronus.network.opening import Opening
from patronus.network.routing.model import Routing

INTERFACES = [
    {"id": "wan", "match": {"path": "a"}, "zone": "wan",
     "ipv4": {"method": "static", "addresses": ["192.0.2.1/30"]}},
    {"id": "lan", "match": {"path": "b"}, "zone": "lan",
     "ipv4": {"method": "static", "addresses": ["10.1.0.1/16"]}},
    {"id": "bare", "match": {"path": "c"}},
]  # fmt: skip
LISTS = [{"id": "in", "entries": [{"prefix": "10.0.0.0/8", "ge": 16, "le": 24}]}]
ISP = {"id": "isp", "address": "192.0.2.2", "remote_as": 65002, "import": "in", "export": "in"}


def neighbors(*given: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"prefix_lists": LISTS, "bgp": {"as": 65001, "neighbors": list(given), **more}}


def configured(routing: dict[str, Any]) -> Configuration:
    return Configuration(
        {
            "network/interfaces": Interfaces.model_validate({"interfaces": INTERFACES}),
            "network/routing": Routing.model_validate(routing),
        }
    )


def said(routing: dict[str, Any], severity: Severity = Severity.ERROR) -> list[str]:
    """Return place and message of each problem."""
    found = check(configured(routing))
    return [f"{render_path(one.path)}: {one.message}" for one in found if one.severity is severity]


def planned(routing: dict[str, Any]) -> DynamicPlan:
    model = Routing.model_validate(routing)
    return DynamicPlan(
        bgp=model.bgp, ospf=model.ospf, ospf3=model.ospf3, lists={one.id: one for one in model.prefix_lists},
        devices={"wan": "eth0", "lan": "eth1"}, static=tuple(one.destination for one in model.routes),
    )  # fmt: skip


def test_a_whole_configuration_has_no_problem() -> None:
    whole = neighbors(ISP) | {"ospf": {"interfaces": [{"interface": "lan", "password": {"secret": "key"}}]}}
    assert said(whole) == []
    assert said(whole, Severity.WARNING) == []


@pytest.mark.parametrize(
    ("routing", "problem"),
    [
        (neighbors({**ISP, "import": "no"}), "bgp.neighbors[0].import: there is no prefix list no"),
        (neighbors({**ISP, "interface": "x"}), "bgp.neighbors[0].interface: there is no interface x"),
        (
            neighbors({**ISP, "address": "192.0.2.1"}),
            "bgp.neighbors[0].address: 192.0.2.1 is the router itself",
        ),
        (neighbors({**ISP, "address": "fe80::1"}), "bgp.neighbors[0].address: fe80::1 is on every link"),
        (neighbors(ISP, {**ISP, "id": "two"}), "bgp.neighbors[1].address: isp has this address as well"),
        (
            neighbors({**ISP, "remote_as": 65001, "multihop": 3}),
            "bgp.neighbors[0].multihop: a neighbour of our own system may be any number of routers away",
        ),
        (
            neighbors(ISP, redistribute=[{"kind": "bgp"}]),
            "bgp.redistribute[0].kind: bgp tells its own routes by itself",
        ),
        (
            {"prefix_lists": [{"id": "a", "entries": [{"prefix": "10.0.0.0/8", "ge": 8}]}]},
            "prefix_lists[0].entries[0].ge: 10.0.0.0/8 has no routes of /8 and longer in it",
        ),
        (
            {"prefix_lists": [{"id": "a", "entries": [{"prefix": "10.0.0.0/8", "le": 33}]}]},
            "prefix_lists[0].entries[0].le: no route is from /8 to /33",
        ),
        (
            {"ospf": {"interfaces": [{"interface": "lan", "hello": "10s", "dead": "10s"}]}},
            "ospf.interfaces[0].dead: a neighbour is gone before its next sign of life, 10s later",
        ),
        (
            {"ospf3": {"interfaces": [{"interface": "lan"}, {"interface": "lan"}]}},
            "ospf3.interfaces[1].interface: lan is there twice",
        ),
        (
            {"ospf": {"areas": [{"id": 0, "type": "stub"}]}},
            "ospf.areas[0].type: the backbone is a normal area",
        ),
    ],
)
def test_what_can_never_be_right_is_refused_at_its_place(routing: dict[str, Any], problem: str) -> None:
    assert said(routing) == [problem]


def test_a_neighbour_outside_without_lists_is_warned_of_and_one_inside_is_not() -> None:
    bare = {"id": "isp", "address": "192.0.2.2", "remote_as": 65002}
    warned = said(neighbors(bare), Severity.WARNING)
    assert [one.partition(":")[0] for one in warned] == ["bgp.neighbors[0].import", "bgp.neighbors[0].export"]
    assert said(neighbors({**bare, "remote_as": 65001}), Severity.WARNING) == []


def test_an_interface_without_a_zone_is_warned_of() -> None:
    warned = said({"ospf": {"interfaces": [{"interface": "bare"}]}}, Severity.WARNING)
    assert warned == ["ospf.interfaces[0].interface: bare has no zone: nothing from it comes in"]


@pytest.mark.parametrize("number", [0, 2**32 - 1, "1.99999", -1, "x"])
def test_a_number_that_no_system_has_is_refused(number: Any) -> None:
    with pytest.raises(ValidationError):
        Routing.model_validate({"bgp": {"as": number}})


def test_what_must_be_let_in_is_asked_for_and_no_more() -> None:
    routing = neighbors({**ISP, "bfd": True}, {**ISP, "id": "far", "address": "203.0.113.9", "multihop": 4})
    routing["ospf"] = {"interfaces": [{"interface": "lan"}, {"interface": "wan", "passive": True}]}
    found = list(openings(configured(routing)))
    assert {(one.zone, one.why, *map(str, one.sources), one.interface) for one in found} == {
        ("wan", "bgp", "192.0.2.2/32", "wan"), ("wan", "bfd", "192.0.2.2/32", "wan"),
        ("wan", "bgp", "203.0.113.9/32", None), ("lan", "bgp", "203.0.113.9/32", None),
        ("lan", "ospf", "lan"),
    }  # fmt: skip
    assert Opening("lan", "ospf", (), "ospf", (), "lan") in found


def test_the_lines_are_those_that_frr_writes_and_reads_back_the_same() -> None:
    routing = neighbors(
        {**ISP, "password": {"secret": "isp"}, "default_originate": True},
        networks=["10.1.0.0/16"], redistribute=[{"kind": "static", "filter": "in"}],
    )  # fmt: skip
    routing["routes"] = [
        {"id": "a", "destination": "10.20.0.0/16", "gateway": "10.1.0.9"},
        {"id": "b", "destination": "172.16.0.0/16", "gateway": "10.1.0.9"},
    ]
    lines = render(planned(routing), lambda _: "sesame")["bgpd"]
    assert (
        written(lines)
        == """\
ip prefix-list in seq 5 permit 10.0.0.0/8 ge 16 le 24
ip prefix-list .static.in seq 5 permit 10.20.0.0/16
route-map .ipv4..static.in permit 10
 match ip address prefix-list .static.in
exit
router bgp 65001
 no bgp default ipv4-unicast
 neighbor 192.0.2.2 remote-as 65002
 neighbor 192.0.2.2 password sesame
 address-family ipv4 unicast
  network 10.1.0.0/16
  redistribute kernel route-map .ipv4..static.in
  neighbor 192.0.2.2 activate
  neighbor 192.0.2.2 default-originate
  neighbor 192.0.2.2 prefix-list in in
  neighbor 192.0.2.2 prefix-list in out
 exit-address-family
exit
"""
    )
    assert read(written(lines)) == lines


def test_a_list_without_entries_of_a_family_denies_all_of_it() -> None:
    lines = render(planned(neighbors({**ISP, "families": ["ipv6"]})), lambda _: None)["bgpd"]
    assert Line((), "ipv6 prefix-list in seq 5 deny any") in lines


def test_who_has_no_secret_stays_silent() -> None:
    routing = neighbors({**ISP, "password": {"secret": "isp"}})
    routing["ospf"] = {"interfaces": [{"interface": "lan", "password": {"secret": "key"}}]}
    made = render(planned(routing), lambda _: None)
    assert "neighbor 192.0.2.2 shutdown" in [line.text for line in made["bgpd"]]
    assert "ip ospf passive" in [line.text for line in made["ospfd"]]


def test_a_card_that_is_missing_takes_its_own_part_alone() -> None:
    routing = {"ospf": {"interfaces": [{"interface": "lan"}, {"interface": "gone"}]}}
    contexts = {line.context for line in render(planned(routing), lambda _: None)["ospfd"]}
    assert contexts == {("interface eth1",), ("router ospf",)}


@settings(max_examples=50, deadline=None)
@example("uplink | include password")
@example("a\nrouter bgp 9")
@example("a\u2028 exit\x0b\x85")
@given(st.text(min_size=1, max_size=60))
def test_no_description_makes_a_line(text: str) -> None:
    try:
        plan = planned(neighbors({**ISP, "description": text}))
    except ValidationError:
        return
    lines = render(plan, lambda _: None)["bgpd"]
    assert len(written(lines).splitlines()) == len(
        written(render(planned(neighbors(ISP)), str)["bgpd"]).splitlines()
    ) + (1 if any("description" in line.text for line in lines) else 0)
    assert not any("|" in line.text for line in lines)


@settings(max_examples=50, deadline=None)
@given(st.text(max_size=90))
def test_only_what_is_one_word_is_a_key(text: str) -> None:
    if usable(text, "bgp"):
        assert text == text.strip()
        assert len(text.split()) == 1
        assert text.isprintable()


@pytest.mark.parametrize("secret", ["", "two words", "a\nb", "ü", "x" * 81, "a|b"])
def test_a_secret_that_frr_would_read_otherwise_is_none(secret: str) -> None:
    assert not usable(secret, "bgp")


@pytest.mark.parametrize(
    ("network", "permitted"),
    [
        ("10.1.0.0/16", True),
        ("10.1.1.0/24", True),
        ("10.1.1.0/25", False),
        ("10.0.0.0/8", False),
        ("fd00::/16", False),
    ],
)
def test_a_list_permits_what_frr_says_that_it_permits(network: str, permitted: bool) -> None:
    given_list = planned(neighbors(ISP)).lists["in"]
    model = Routing.model_validate({"routes": [{"id": "a", "destination": network, "type": "blackhole"}]})
    assert permits(given_list, model.routes[0].destination) is permitted
