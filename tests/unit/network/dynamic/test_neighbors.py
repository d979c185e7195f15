# SPDX-License-Identifier: GPL-2.0-or-later
"""What FRR's daemons say of neighbours and routes, to what a person is told, and the words when one goes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from patronus.core.errors import Unavailable
from patronus.core.verb import Caller, Nothing, Role
from patronus.network.dynamic import verbs
from patronus.network.dynamic.neighbors import Heard, of_bgp, of_ospf, of_ospf3, of_table
from patronus.network.dynamic.plan import DynamicPlan
from patronus.network.dynamic.server import told
from patronus.network.dynamic.verbs import NeighborDown, NeighborUp, RouterVerbs, heard
from patronus.network.routing.model import Routing

ISP = {"id": "isp", "address": "192.0.2.2", "remote_as": 65002}
UP = {
    "bgpState": "Established",
    "bgpTimerUpMsec": 61000,
    "connectionsEstablished": 1,
    "connectionsDropped": 0,
}
DOWN = {"bgpState": "Active", "connectionsEstablished": 0}


def planned(*neighbors: Mapping[str, Any], **more: Any) -> DynamicPlan:
    model = Routing.model_validate({"bgp": {"as": 65001, "neighbors": list(neighbors)}, **more})
    return DynamicPlan(
        bgp=model.bgp, ospf=model.ospf, ospf3=model.ospf3, devices={"lan": "eth1", "wan": "eth0"}
    )


def of(seen: Mapping[str, Any] | None, wrong: int = 0, **changes: Any) -> Heard:
    """Return what is told of the one neighbour."""
    said = {} if seen is None else {"192.0.2.2": seen}
    (found,) = of_bgp(planned({**ISP, **changes}), said, wrong)
    return found


def test_a_neighbour_that_is_up_is_counted_over_its_families() -> None:
    families = {
        "ipv4Unicast": {"acceptedPrefixCounter": 2, "sentPrefixCounter": 5},
        "ipv6Unicast": {"acceptedPrefixCounter": 30, "sentPrefixCounter": 70},
    }
    found = of({**UP, "addressFamilyInfo": families})
    assert (found.up, found.state, found.since_s) == (True, "established", 61.0)
    assert (found.received, found.sent, found.remote_as, found.reason) == (32, 75, 65002, None)
    down = of({**DOWN, "addressFamilyInfo": families, "bgpTimerUpMsec": 9})
    assert (down.up, down.since_s, down.received, down.sent) == (False, None, None, None)


def test_a_neighbour_without_an_address_is_found_by_its_link() -> None:
    spine = {"id": "spine", "interface": "wan", "remote_as": 65002}
    (found,) = of_bgp(planned(spine), {"eth0": {**UP, "bgpNeighborAddr": "fe80::2"}}, 0)
    assert (found.address, found.interface, found.up) == ("fe80::2", "wan", True)
    (found,) = of_bgp(planned(spine), {"eth0": {**DOWN, "lastResetDueTo": "Waiting for Peer IPv6 LLA"}}, 0)
    assert (found.address, found.reason) == ("", "no router has announced itself there")
    (found,) = of_bgp(planned({**spine, "interface": "away"}), {}, 0)
    assert (found.state, found.reason) == ("silent", "its interface is not there")


PASSWORD = {"password": {"secret": "isp"}}
NO_FAMILY = "No AFI/SAFI activated for peer"


@pytest.mark.parametrize(
    ("seen", "more", "wrong", "reason"),
    [
        (DOWN, {}, 0, "it does not answer on TCP port 179"),
        (DOWN, PASSWORD, 0, "it does not answer on TCP port 179 or has another password"),
        (DOWN, PASSWORD, 7, "it does not answer; 7 packets came with another password than ours, or none"),
        (DOWN, {}, 7, "it does not answer on TCP port 179"),
        ({**DOWN, "adminShutDown": True}, PASSWORD, 7, "it waits for its secret"),
        ({**DOWN, "lastResetDueTo": "Waiting for NHT"}, {}, 0, "no route leads to it"),
        ({**DOWN, "lastResetDueTo": "Interface down"}, {}, 0, "it does not answer on TCP port 179"),
        (
            {**DOWN, "lastNotificationReason": "OPEN Message Error/Bad Peer AS"},
            {}, 0, "the session ended: OPEN Message Error/Bad Peer AS",
        ),
        (
            {**DOWN, "connectionsEstablished": 1, "lastResetDueTo": "Hold Timer Expired"},
            {}, 0, "it gave no sign of life in time",
        ),
        ({**DOWN, "lastResetDueTo": NO_FAMILY}, {}, 0, "it does not answer on TCP port 179"),
        (
            {**DOWN, "connectionsEstablished": 1, "lastResetDueTo": NO_FAMILY},
            {}, 0, "no family of routes is agreed on",
        ),
        (
            {**DOWN, "connectionsEstablished": 1, "lastNotificationReason": "Cease/Peer reset "},
            {}, 0, "the session ended: Cease/Peer reset",
        ),
        ({**UP, "lastResetDueTo": NO_FAMILY}, {}, 0, None),
        ({**UP, "connectionsDropped": 1, "lastResetDueTo": NO_FAMILY}, {}, 0, None),
        ({**UP, "lastResetDueTo": "Interface down"}, {}, 0, None),
        (
            {**UP, "connectionsDropped": 1, "lastResetDueTo": "Interface down"},
            {}, 0, "the interface is down",
        ),
        ({**UP, "connectionsDropped": 1, "lastResetDueTo": "Something new"}, {}, 0, "Something new"),
        (None, {}, 0, "bgpd does not know it"),
        (DOWN, {"enabled": False}, 0, None),
    ],
)  # fmt: skip
def test_why_one_is_not_up_or_was_not_is_said_in_plain_words(
    seen: Mapping[str, Any] | None, more: dict[str, Any], wrong: int, reason: str | None
) -> None:
    found = of(seen, wrong, **more)
    assert (found.reason, found.up) == (reason, seen is not None and seen["bgpState"] == "Established")
    assert seen is not None or found.state == "silent"


@pytest.mark.parametrize(
    ("state", "up"), [("Full/DR", True), ("2-Way/DROther", True), ("Init/-", False), ("ExStart/BDR", False)]
)
def test_two_that_were_not_elected_stay_on_their_way_and_are_up(state: str, up: bool) -> None:
    adjacency = {"nbrState": state, "ifaceName": "eth1:10.1.0.1", "ifaceAddress": "10.1.0.2"}
    (found,) = of_ospf(planned(), {"neighbors": {"2.2.2.2": [{**adjacency, "upTimeInMsec": 1500}]}})
    assert (found.up, found.id, found.address, found.interface) == (up, "2.2.2.2", "10.1.0.2", "lan")
    assert found.since_s == (1.5 if up else None)
    assert (found.reason is None) is up


@pytest.mark.parametrize(("state", "up"), [("Full", True), ("Twoway", True), ("Init", False)])
def test_ospf3_tells_how_long_as_a_clock_does(state: str, up: bool) -> None:
    one = {"neighborId": "2.2.2.2", "state": state, "interfaceName": "eth0", "duration": "01:02:03"}
    (found,) = of_ospf3(planned(), {"neighbors": [one]})
    assert (found.up, found.id, found.interface) == (up, "2.2.2.2", "wan")
    assert found.since_s == (3723.0 if up else None)
    (ever,) = of_ospf3(planned(), {"neighbors": [{**one, "state": "Full", "duration": "1d02h"}]})
    assert ever.since_s is None


ROUTE = {"protocol": "bgp", "distance": 20, "metric": 3, "installed": True}


def test_a_route_names_the_routers_on_our_links_and_not_those_that_they_lead_to() -> None:
    hops = [
        {"ip": "203.0.113.9", "recursive": True},
        {"ip": "192.0.2.2", "interfaceName": "eth0"},
        {"ip": "192.0.2.3", "interfaceName": "eth0"},
    ]
    said = {
        "10.0.0.0/8": [{**ROUTE, "nexthops": hops}, {"protocol": "connected"}],
        "10.9.0.0/16": [{**ROUTE, "protocol": "ospf6", "installed": False}],
        "prefix": "none",
    }
    first, second = of_table(said)
    assert (first.destination, first.gateways, first.devices) == (
        "10.0.0.0/8", ("192.0.2.2", "192.0.2.3"), ("eth0",),
    )  # fmt: skip
    assert (first.protocol, first.distance, first.metric, first.taken) == ("bgp", 20, 3, True)
    assert (second.protocol, second.gateways, second.taken) == ("ospf3", (), False)


@dataclass
class Daemons:
    """FRR's daemons: what each says, or why it says nothing."""

    says: dict[str, Any] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def ask_json(self, daemon: str, command: str) -> Any:
        self.asked.append(f"{daemon}: {command}")
        said = self.says.get(daemon, {})
        if isinstance(said, Unavailable):
            raise said
        return said if daemon != "zebra" or command == "show ip route bgp" else {}

    def wrong_passwords(self) -> int:
        return 0


def test_one_daemon_that_is_silent_hides_the_neighbours_of_no_other() -> None:
    plan = planned(ISP, ospf={"interfaces": [{"interface": "lan"}]})
    daemons = Daemons({"bgpd": {"192.0.2.2": UP}, "ospfd": Unavailable("ospfd does not answer")})
    found, silent = heard(daemons, plan)
    assert [one.id for one in found] == ["isp"]
    assert silent == ["ospfd does not answer"]
    assert not any(one.startswith("ospf6d") for one in daemons.asked), "who does not run is not asked"


def test_the_table_is_cut_where_nobody_reads_on_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verbs, "MOST_ROUTES", 2)
    caller = Caller("anna", Role.ADMIN)
    for number, more in ((2, False), (3, True)):
        daemons = Daemons({"zebra": {f"10.{place}.0.0/16": [ROUTE] for place in range(number)}})
        table = RouterVerbs(daemons, lambda: planned(ISP)).table(caller, Nothing())
        assert (len(table.routes), table.more) == (2, more)
    nobody = Daemons()
    assert RouterVerbs(nobody, DynamicPlan).table(caller, Nothing()).routes == []
    assert nobody.asked == [], "there is no zebra"


def of_state(up: bool, reason: str | None = None, id_: str = "isp") -> Heard:
    return Heard("bgp", id_, "192.0.2.2", None, up=up, state="", reason=reason)


def known(*heard_of: Heard) -> dict[tuple[str, str, str], Heard]:
    return {(one.protocol, one.id, one.address): one for one in heard_of}


def test_who_comes_and_goes_is_told_once_with_the_reason() -> None:
    up, down = of_state(up=True), of_state(up=False, reason="the interface is down")
    assert list(told(known(), known(up))) == [NeighborUp("bgp", "isp")]
    assert list(told(known(down), known(up))) == [NeighborUp("bgp", "isp")]
    assert list(told(known(up), known(up))) == list(told(known(down), known(down))) == []
    assert list(told(known(up), known(down))) == [NeighborDown("bgp", "isp", "the interface is down")]
    assert list(told(known(up), known())) == [NeighborDown("bgp", "isp", "it is not heard any more")]
    assert list(told(known(down), known())) == []
