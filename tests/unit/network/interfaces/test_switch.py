# SPDX-License-Identifier: GPL-2.0-or-later
"""A bridge that keeps VLANs apart: what is refused, what the kernel is told, and who would be cut off."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address
from typing import Any

import pytest
from pydantic import ValidationError

from patronus.core.link import Link, LinkSettings, LinkWanted, Nic, PortVlan, Seat
from patronus.core.problem import Severity, render_path
from patronus.network.interfaces.changes import ConfigureLink, CreateLink
from patronus.network.interfaces.check import check
from patronus.network.interfaces.difference import creations, removals, settings
from patronus.network.interfaces.foresee import foresee_seat
from patronus.network.interfaces.model import Interfaces
from patronus.network.interfaces.plan import Facts, InterfacesPlan, build

MACS = {f"port{number}": f"52:54:00:00:00:0{number}" for number in (1, 2, 3)}
NICS = tuple(Nic(f"eth{mac[-1]}", mac) for mac in MACS.values())
VISITOR = ip_address("10.10.0.9")


def untagged(tag: int) -> PortVlan:
    return PortVlan(tag, arriving=True, leaving=True)


def box(vlans: dict[str, Any], *more: dict[str, Any], tag: int = 10, **bridge: Any) -> list[dict[str, Any]]:
    """Return a router of three ports, and its network in one VLAN."""
    given = {"members": list(MACS), "vlans": vlans, **bridge}
    lan = {"method": "static", "addresses": ["10.10.0.1/24"]}
    return [
        *({"id": role, "match": {"mac": mac}} for role, mac in MACS.items()),
        {"id": "switch", "bridge": given},
        {"id": "lan", "vlan": {"parent": "switch", "tag": tag}, "zone": "lan", "ipv4": lan},
        *more,
    ]


PORTS = {"port1": {"untagged": 10}, "port2": {"untagged": 20}, "port3": {"tagged": [10, 20]}}


def model(*items: dict[str, Any]) -> Interfaces:
    return Interfaces.model_validate({"interfaces": items})


def planned(*items: dict[str, Any]) -> InterfacesPlan:
    return build(model(*items), Facts(NICS))


def said(*items: dict[str, Any], severity: Severity = Severity.ERROR) -> list[str]:
    found = [one for one in check(model(*items)) if one.severity == severity]
    return [f"{render_path(one.path)}: {one.message}" for one in found]


def test_a_router_of_three_ports_has_no_problem() -> None:
    assert list(check(model(*box(PORTS)))) == []


SWITCH = "interfaces[3].bridge"
LAN = "interfaces[4]"
WRONG: dict[str, tuple[list[dict[str, Any]], str]] = {
    "a member without VLANs": (
        box({"port1": {"untagged": 10}, "port2": {"untagged": 10}}),
        f"{SWITCH}.members[2]: nothing says which VLANs port3 carries, and the other members of switch have"
        " theirs",
    ),
    "VLANs of what is no member": (
        box({**PORTS, "port4": {"untagged": 10}}),
        f"{SWITCH}.vlans.port4: port4 is no member of switch",
    ),
    "an interface of the router in a VLAN without a port": (
        box(PORTS, tag=30),
        f"{LAN}.vlan.tag: no port of switch carries VLAN 30: nobody would reach lan",
    ),
    "a tag that the bridge does not read": (
        [
            *box(PORTS)[:4],
            {"id": "lan", "vlan": {"parent": "switch", "tag": 10, "protocol": "802.1ad"}, "zone": "lan"},
        ],
        f"{LAN}.vlan.protocol: switch reads tags of 802.1q alone",
    ),
    "a VLAN taken away on a member": (
        box(PORTS, {"id": "own", "vlan": {"parent": "port3", "tag": 20}}),
        "interfaces[5].vlan.tag: own would take VLAN 20 of port3 away from switch",
    ),
    "a session over the bridge itself": (
        box(
            PORTS,
            {
                "id": "dsl",
                "pppoe": {"parent": "switch", "user": "me@isp", "password": {"secret": "dsl"}},
                "ipv4": {"method": "pppoe"},
            },
        ),
        "interfaces[5].pppoe.parent: switch keeps VLANs apart, and is in none of them itself",
    ),
    "a zone of the bridge itself": (
        [*box(PORTS)[:3], {**box(PORTS)[3], "zone": "lan"}, box(PORTS)[4]],
        f"{SWITCH}.vlans: switch keeps VLANs apart, and is in none of them itself",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_mistake_is_said_at_its_place(name: str) -> None:
    items, problem = WRONG[name]
    assert said(*items) == [problem]


@pytest.mark.parametrize(
    ("port", "problem"),
    [
        ({}, "carries nothing"),
        ({"untagged": 10, "tagged": [10]}, "VLAN 10 is there twice"),
        ({"tagged": [20, 30, 20]}, "VLAN 20 is there twice"),
        ({"untagged": [10, 20]}, "untagged"),
        ({"untagged": 4095}, "4095"),
        ({"tagged": [0]}, "0"),
    ],
)
def test_a_port_that_cannot_be_is_refused(port: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValidationError, match=problem):
        model(*box({**PORTS, "port1": port}))


def test_what_leads_nowhere_is_said_and_refuses_nothing() -> None:
    items = box({**PORTS, "port2": {"untagged": 10, "tagged": [40]}})
    alone = "alone carries it, and the router has no interface in it"
    assert said(*items, severity=Severity.WARNING) == [
        f"{SWITCH}.vlans.port3: VLAN 20 leads nowhere: port3 {alone}",
        f"{SWITCH}.vlans.port2: VLAN 40 leads nowhere: port2 {alone}",
    ]
    without = said(*box({name: {"untagged": 7} for name in MACS})[:4], severity=Severity.WARNING)
    assert without == [f"{SWITCH}.vlans: the router is in no VLAN of switch: it cannot be reached through it"]
    assert said(*items) == []


def test_ports_and_bridge_are_told_their_vlans() -> None:
    links = {link.name: link for link in planned(*box(PORTS)).links}
    assert links["eth1"].vlans == (untagged(10),)
    assert links["eth3"].vlans == (PortVlan(10), PortVlan(20))
    assert (links["switch"].filters, links["switch"].vlans) == (True, (PortVlan(10),))
    assert (links["lan"].vlans, links["lan"].parent) == (None, "switch")
    plain = {link.name: link for link in planned(*box({})).links}
    assert (plain["switch"].filters, plain["switch"].vlans, plain["eth1"].vlans) == (False, None, None)


def seen(plan: InterfacesPlan) -> list[Link]:
    """Return the kernel's links when all is as planned."""
    return [
        Link(
            link.name, index, "" if link.kind == "nic" else link.kind, up=True, master=link.master,
            parent=link.parent, tag=link.tag, filters=link.filters, vlans=link.vlans, ours=link.kind != "nic",
        )
        for index, link in enumerate(plan.links, 2)
    ]  # fmt: skip


def test_only_what_differs_is_set_and_said_in_words() -> None:
    plan = planned(*box(PORTS))
    links = seen(plan)
    assert settings(plan, links) == []
    strange = [
        replace(link, vlans=(untagged(1), PortVlan(10))) if link.name == "eth3" else link for link in links
    ]
    (change,) = settings(plan, strange)
    assert str(change) == "set eth3 up, in switch, mtu 1500, VLANs 10 + 20"
    assert str(change.inverse()) == "set eth3 up, in switch, mtu 1500, VLANs 1 untagged + 10"


def test_a_bridge_begins_to_keep_vlans_apart_and_stops_again() -> None:
    plain, apart = planned(*box({})), planned(*box(PORTS))
    changes = settings(apart, seen(plain))
    assert [str(change) for change in changes] == [
        "set switch up, mtu 1500, stp off, filtering VLANs, VLANs 10",
        "set eth1 up, in switch, mtu 1500, VLANs 10 untagged",
        "set eth2 up, in switch, mtu 1500, VLANs 20 untagged",
        "set eth3 up, in switch, mtu 1500, VLANs 10 + 20",
    ]
    assert str(changes[0].inverse()) == "set switch up, mtu 1500, stp off, not filtering VLANs"
    back = settings(plain, seen(apart))
    assert [str(change) for change in back] == ["set switch up, mtu 1500, stp off, not filtering VLANs"]
    assert str(back[0].inverse()) == "set switch up, mtu 1500, stp off, filtering VLANs"
    assert creations(apart, seen(plain)) == [] and removals(apart, plain, (seen(plain), (), ())) == []


def test_a_bridge_that_goes_comes_back_as_it_was() -> None:
    gone = removals(InterfacesPlan(), None, (seen(planned(*box(PORTS))), (), ()))
    made = {one.wanted.name: one.inverse().wanted for one in gone if isinstance(one, CreateLink)}
    assert made["switch"].filters
    down = next(one for one in gone if isinstance(one, ConfigureLink) and one.name == "switch")
    assert down.inverse().after == LinkSettings(
        True, None, 1500, stp=False, filters=True, vlans=(PortVlan(10),)
    )


def foreseen(before: InterfacesPlan, after: InterfacesPlan, *seats: Seat) -> list[tuple[str, str, str]]:
    found = list(foresee_seat(after, before, VISITOR, seats))
    assert all(one.kind == "session" and not one.works for one in found)
    return [(one.what, one.before, one.after) for one in found]


def test_who_would_cut_off_the_port_of_the_own_session_is_told() -> None:
    now = planned(*box(PORTS))
    at1, at3 = Seat("eth1", "switch", 10), Seat("eth3", "switch", 10)
    other = planned(*box({**PORTS, "port1": {"untagged": 20, "tagged": [10]}, "port3": {"tagged": [20]}}))
    assert foreseen(now, other, at1) == [
        ("your session from 10.10.0.9 through eth1", "in VLAN 10 of switch", "in VLAN 20 of switch")
    ]
    assert foreseen(now, other, at3) == [
        ("your session from 10.10.0.9 through eth3", "in VLAN 10 of switch", "eth3 drops frames of VLAN 10")
    ]
    assert foreseen(now, now, at1, at3) == []
    assert foreseen(now, other, Seat("eth2", "switch", 20), Seat("eth1", "elsewhere", 10)) == []
    assert list(foresee_seat(other, now, ip_address("192.0.2.1"), (at1,))) == []


def test_a_bridge_that_becomes_a_switch_keeps_the_ports_of_its_network() -> None:
    plain = [*box({})[:3], {**box({})[4], "vlan": None, "bridge": {"members": list(MACS)}}]
    plain[3].pop("vlan")
    before, after = planned(*plain), planned(*box(PORTS))
    assert foreseen(before, after, Seat("eth1", "lan")) == []
    assert foreseen(before, after, Seat("eth2", "lan")) == [
        ("your session from 10.10.0.9 through eth2", "in lan", "in VLAN 20 of switch")
    ]
    assert foreseen(before, after, Seat("eth3", "lan")) == [
        ("your session from 10.10.0.9 through eth3", "in lan", "eth3 drops frames without a tag")
    ]
    assert foreseen(after, before, Seat("eth1", "switch", 10)) == []
    without = InterfacesPlan(
        devices=before.devices, links=tuple(link for link in after.links if link.name != "eth1")
    )
    assert foreseen(before, replace(without, devices=after.devices), Seat("eth1", "lan")) == [
        ("your session from 10.10.0.9 through eth1", "in lan", "eth1 is in no bridge")
    ]


def test_odd_settings_that_a_person_made_are_said_as_they_are() -> None:
    found = [PortVlan(5), untagged(5), PortVlan(5, arriving=True), PortVlan(5, leaving=True)]
    assert list(map(str, found)) == ["5", "5 untagged", "5 untagged in", "5 untagged out"]
    assert str(LinkSettings(up=True, vlans=())) == "up, no VLANs"
    assert LinkWanted("a", "a").vlans is None
