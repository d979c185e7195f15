# SPDX-License-Identifier: GPL-2.0-or-later
"""The files' part to FRR's lines: what is refused, what is written, and whose words make no line."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from patronus.core.feature import Earlier
from patronus.core.model import Configuration
from patronus.core.problem import Severity, render_path
from patronus.network.dynamic.check import check
from patronus.network.dynamic.lines import Line, read, written
from patronus.network.dynamic.plan import DynamicPlan, openings, plan
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
    {"id": "hosts", "match": {"path": "d"}, "zone": "lan",
     "ipv6": {"method": "static", "addresses": ["2001:db8:1::1/64"], "advertise": True}},
]  # fmt: skip
LISTS = [{"id": "in", "entries": [{"prefix": "10.0.0.0/8", "ge": 16, "le": 24}]}]
ISP = {"id": "isp", "address": "192.0.2.2", "remote_as": 65002, "import": "in", "export": "in"}
BESIDE = {"id": "spine", "interface": "wan", "remote_as": 65002, "import": "in", "export": "in"}


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
            neighbors(BESIDE, {**BESIDE, "id": "two"}),
            "bgp.neighbors[1].interface: spine has this interface as well",
        ),
        (
            neighbors({**BESIDE, "interface": None}),
            "bgp.neighbors[0]: spine has neither an address nor an interface behind which it "
            "announces itself",
        ),
        (
            neighbors({**BESIDE, "multihop": 2}),
            "bgp.neighbors[0].multihop: a neighbour without an address is spoken to on its link alone, by "
            "link-local addresses",
        ),
        (
            neighbors({**BESIDE, "interface": "hosts"}),
            "bgp.neighbors[0].interface: hosts is announced to hosts, and a neighbour without an address "
            "has a link of its own",
        ),
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
        (
            {"ospf": {"areas": [{"id": 1, "type": "stub"}, {"id": "0.0.0.1", "type": "nssa"}]}},
            "ospf.areas[1].id: the area 0.0.0.1 is there twice",
        ),
        (
            {"ospf": {"areas": [{"id": 1, "summaries": False}]}},
            "ospf.areas[0].summaries: a normal area is told all routes",
        ),
        (
            {"ospf": {"redistribute": [{"kind": "static"}, {"kind": "static", "filter": None}]}},
            "ospf.redistribute[1].kind: static is there twice",
        ),
        (
            neighbors({**ISP, "source": "2001:db8::1"}),
            "bgp.neighbors[0].source: 2001:db8::1 cannot speak to 192.0.2.2",
        ),
        *(
            (
                neighbors({**ISP, "address": address}),
                f"bgp.neighbors[0].address: {address} is not the address of a router",
            )
            for address in ("224.0.0.5", "0.0.0.0", "127.0.0.1", "ff02::5", "::1")
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
    assert said(neighbors({**bare, "enabled": False}), Severity.WARNING) == []


@pytest.mark.parametrize(("hold", "warned"), [("29s", True), ("30s", False)])
def test_a_neighbour_that_is_given_up_before_three_silences_is_warned_of(hold: str, warned: bool) -> None:
    found = said(neighbors({**ISP, "keepalive": "10s", "hold": hold}), Severity.WARNING)
    assert [one.partition(":")[0] for one in found] == ["bgp.neighbors[0].hold"] * warned


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


def test_a_neighbour_without_an_address_is_spoken_to_by_its_link() -> None:
    """Both families; with link-local addresses alone, whatever IPv4 network the interface has (RFC 8950)."""
    spoken = neighbors({**BESIDE, "bfd": True})
    assert said(spoken) == []
    opened = {
        (one.zone, one.why, *map(str, one.sources), one.interface) for one in openings(configured(spoken))
    }
    assert opened == {("wan", "bgp", "fe80::/10", "wan"), ("wan", "bfd", "fe80::/10", "wan")}
    made = planned(spoken)
    lines = render(made, lambda _: None)["bgpd"]
    session = [line.text for line in lines if line.context == ("router bgp 65001",)]
    assert session[1:] == ["neighbor eth0 interface v6only remote-as 65002", "neighbor eth0 bfd"]
    for family in ("ipv4", "ipv6"):
        assert (
            Line(("router bgp 65001", f"address-family {family} unicast"), "neighbor eth0 activate") in lines
        )
    gone = render(replace(made, devices={}), lambda _: None)["bgpd"]
    assert not any(line.text.startswith("neighbor") for line in gone), "its card is missing"


def test_who_is_turned_off_is_let_in_by_nothing_and_spoken_to_by_nobody() -> None:
    off = {**ISP, "enabled": False, "bfd": True}
    config = configured(neighbors(off))
    assert list(openings(config)) == []
    made = planned(neighbors(off))
    assert (made.neighbors, made.daemons) == ((), ("mgmtd", "zebra", "bgpd"))
    assert not any("192.0.2.2" in line.text for line in render(made, lambda _: None)["bgpd"])


@pytest.mark.parametrize(
    "spoken",
    [
        neighbors({**ISP, "bfd": True}),
        {"ospf": {"interfaces": [{"interface": "lan", "bfd": True}]}},
        {"ospf3": {"interfaces": [{"interface": "lan", "bfd": True}]}},
    ],
)
def test_who_shall_notice_at_once_has_the_daemon_and_the_opening_for_it(spoken: dict[str, Any]) -> None:
    assert "bfdd" in planned(spoken).daemons
    (bfd,) = (one for one in openings(configured(spoken)) if one.why == "bfd")
    assert (bfd.protocol, bfd.ports) == ("udp", (3784, 4784))


def test_a_route_that_is_turned_off_is_passed_on_to_nobody() -> None:
    routing = {
        "ospf": {"redistribute": [{"kind": "static"}]},
        "routes": [
            {"id": "on", "destination": "10.20.0.0/16", "type": "blackhole"},
            {"id": "off", "destination": "10.30.0.0/16", "type": "blackhole", "enabled": False},
        ],
    }
    made = plan(configured(routing), Earlier(()))
    assert [str(one) for one in made.static] == ["10.20.0.0/16"]


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


def test_what_is_said_of_a_neighbour_is_in_frrs_words() -> None:
    """bgpd(8): nothing that has its default is said, or FRR would write something else than it was told."""
    more = {
        "description": "us", "multihop": 4, "source": "192.0.2.1", "keepalive": "5s", "hold": "15s",
        "retry": "9s", "bfd": True, "next_hop_self": True, "maximum_prefixes": 100,
        "families": ["ipv6", "ipv4"],
    }  # fmt: skip
    lines = render(planned(neighbors({**ISP, **more, "remote_as": 65009})), lambda _: None)["bgpd"]
    session = [line.text for line in lines if line.context == ("router bgp 65001",)]
    assert session[1:] == [
        f"neighbor 192.0.2.2 {one}"
        for one in (
            "remote-as 65009", "description us", "ebgp-multihop 4", "update-source 192.0.2.1",
            "timers 5 15", "timers connect 9", "bfd",
        )
    ]  # fmt: skip
    for family in ("ipv4", "ipv6"):
        inner = ("router bgp 65001", f"address-family {family} unicast")
        assert [line.text.removeprefix("neighbor 192.0.2.2 ") for line in lines if line.context == inner] == [
            "activate", "next-hop-self", "maximum-prefix 100", "prefix-list in in", "prefix-list in out",
        ]  # fmt: skip


OSPF = {
    "router_id": "1.1.1.1",
    "areas": [{"id": 1, "type": "stub", "summaries": False}, {"id": 2, "type": "nssa"}, {"id": 3}],
    "interfaces": [
        {"interface": "lan", "area": 1, "cost": 7, "hello": "1s", "dead": "4s", "priority": 0,
         "network": "point-to-point", "bfd": True, "password": {"secret": "key"}, "key_id": 3},
        {"interface": "wan", "passive": True},
    ],
    "redistribute": [{"kind": "connected"}, {"kind": "bgp", "filter": "in"}],
    "default_originate": "always",
}  # fmt: skip


def test_ospf_and_ospf3_are_told_the_same_each_in_its_words() -> None:
    whole = planned({"ospf": OSPF, "ospf3": OSPF, "prefix_lists": LISTS})
    made = render(whole, lambda _: "sesame")
    assert (
        written(made["ospfd"])
        == """\
ip prefix-list in seq 5 permit 10.0.0.0/8 ge 16 le 24
route-map .ipv4.in permit 10
 match ip address prefix-list in
exit
interface eth1
 ip ospf authentication message-digest
 ip ospf message-digest-key 3 md5 sesame
 ip ospf network point-to-point
 ip ospf cost 7
 ip ospf hello-interval 1
 ip ospf dead-interval 4
 ip ospf priority 0
 ip ospf area 0.0.0.1
 ip ospf bfd
exit
interface eth0
 ip ospf area 0.0.0.0
 ip ospf passive
exit
router ospf
 ospf router-id 1.1.1.1
 log-adjacency-changes
 redistribute connected
 redistribute bgp route-map .ipv4.in
 area 0.0.0.1 stub no-summary
 area 0.0.0.2 nssa
 default-information originate always
exit
"""
    )
    three = (
        written(made["ospf6d"])
        .replace("ipv6 ospf6", "ip ospf")
        .replace("ospf6", "ospf")
        .replace(".ipv6.", ".ipv4.")
    )
    assert " ip ospf authentication key-id 3 hash-algo hmac-sha-256 key sesame\n" in three
    assert "ipv6 prefix-list in seq 5 deny any\n" in three, "it has no entry of this family"
    same = written(made["ospfd"]).partition("exit\ninterface eth0")[2]
    assert three.partition("exit\ninterface eth0")[2] == same
    silent = render(whole, lambda _: None)
    assert Line(("interface eth1",), "ipv6 ospf6 passive") in silent["ospf6d"]
    assert Line(("interface eth1",), "ip ospf passive") in silent["ospfd"]


def test_bgp_passes_on_what_the_ospf_of_each_family_learned() -> None:
    routing = neighbors({**ISP, "families": ["ipv4", "ipv6"]}, redistribute=[{"kind": "ospf"}])
    lines = render(planned(routing), lambda _: None)["bgpd"]
    said = {line.context[-1]: line.text for line in lines if line.text.startswith("redistribute")}
    assert said == {
        "address-family ipv4 unicast": "redistribute ospf",
        "address-family ipv6 unicast": "redistribute ospf6",
    }


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
        described = planned(neighbors({**ISP, "description": text}))
    except ValidationError:
        return
    lines = render(described, lambda _: None)["bgpd"]
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
