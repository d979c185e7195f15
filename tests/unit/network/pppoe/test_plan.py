# SPDX-License-Identifier: GPL-2.0-or-later
"""Uplinks that dial: what is planned for the links, the diallers and the segments of TCP."""

from __future__ import annotations

import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any, cast

import pytest

from patronus.core.errors import NotFound, Unavailable
from patronus.core.feature import Earlier
from patronus.core.link import Address, Link, Nic
from patronus.core.model import Configuration
from patronus.firewall.resolve.uplinks import narrow_links, uplink_zones
from patronus.kernel.host import Host, Places
from patronus.network.interfaces.difference import Look, additions, creations, removals, settings, vanished
from patronus.network.interfaces.learned import Learned
from patronus.network.interfaces.model import SECTION, Interfaces
from patronus.network.interfaces.plan import Facts, InterfacesPlan, build
from patronus.network.pppoe.plan import DialPlan, plan
from patronus.network.pppoe.report import Report
from patronus.network.pppoe.service import PppoeFeature
from patronus.network.pppoe.task import parse

MAC = "52:54:00:00:00:01"
PORT = {"id": "port", "match": {"mac": MAC}}
TAGGED = {"id": "carrier", "vlan": {"parent": "port", "tag": 7}}
DIAL = {
    "id": "wan",
    "pppoe": {"parent": "carrier", "user": "me@isp", "password": {"secret": "dsl"}},
    "zone": "wan",
    "ipv4": {"method": "pppoe"},
    "ipv6": {"method": "dhcp", "prefix_delegation": {"hint": 56}},
}
NIC = Nic("eth1", MAC, "pci-0000:00:02.0")
UP = Report(
    since_s=1.0, address=IPv4Address("198.51.100.7"), peer=IPv4Address("198.51.100.1"), ipv6=True,
    dns_servers=(IPv4Address("198.51.100.53"),),
)  # fmt: skip


def config(*more: dict[str, Any]) -> Configuration:
    model = Interfaces.model_validate({"interfaces": [PORT, TAGGED, DIAL, *more]})
    return Configuration({SECTION.path: model})


def planned(session: Report | None, nics: tuple[Nic, ...] = (NIC,)) -> InterfacesPlan:
    sessions = {"wan": session} if session else {}
    learned = {"wan": Learned().over(session)} if session else {}
    return build(config().get(Interfaces), Facts(nics, learned, None, sessions))


def test_the_link_is_planned_and_pppd_makes_it() -> None:
    plan = planned(None)
    assert plan.devices == {"port": "eth1", "carrier": "carrier", "wan": "wan"}
    assert plan.links[-1].kind == "pppoe" and plan.links[-1].parent == "carrier"
    assert [change.device for change in creations(plan, [Link("eth1", 1)])] == ["carrier"]
    assert "wan" in vanished(plan, [Link("eth1", 1)])


def test_what_pppd_has_set_stays() -> None:
    plan = planned(UP)
    links = [Link("eth1", 1, up=True), Link("carrier", 2, "vlan", up=True, parent="eth1", tag=7, ours=True)]
    session = Link("wan", 3, "ppp", mtu=1480, up=True, to_peer=True)
    given = Address("wan", next(iter(plan.learned["wan"].addresses)))
    look: Look = ([*links, session], [given], [])
    assert [*removals(plan, None, look), *settings(plan, look[0]), *additions(plan, *look[1:])] == []
    without = build(Interfaces.model_validate({"interfaces": [PORT, TAGGED]}), Facts((NIC,)))
    assert removals(without, plan, look) == [], "it goes with its dialler"


def test_dhcpv6_begins_when_the_session_stands_for_ipv6() -> None:
    assert planned(None).clients == ()
    (client,) = planned(UP).clients
    assert (client.device, client.ipv4, client.ipv6, client.prefix_hint) == ("wan", False, "dhcp", 56)


def test_the_provider_is_the_gateway_and_on_the_link() -> None:
    plan = planned(UP)
    assert str(plan.learned["wan"].gateway) == "198.51.100.1"
    assert [str(subnet) for subnet in plan.subnets()["wan"]] == ["198.51.100.7/32", "198.51.100.1/32"]
    assert planned(None).subnets()["wan"] == ()


def test_without_the_card_nobody_dials() -> None:
    assert planned(UP, ()).devices["wan"] is None


def test_segments_are_cut_to_what_the_session_carries() -> None:
    assert narrow_links(config(), planned(None)) == {"wan": 1492}
    assert uplink_zones(config()) == {"wan"}


@dataclass
class Units:
    orders: list[str] = field(default_factory=list)
    away: bool = False

    def restart(self, unit: str) -> None:
        if self.away:
            raise Unavailable("nobody answers")
        self.orders.append(f"restart {unit}")

    def stop(self, unit: str) -> None:
        self.orders.append(f"stop {unit}")


@dataclass
class Vault:
    kept: dict[str, bytes] = field(default_factory=dict)

    def versions(self) -> Mapping[str, str]:
        return {name: str(len(value)) for name, value in self.kept.items()}

    def read(self, name: str) -> bytes:
        if name not in self.kept:
            raise NotFound(f"there is no secret {name}")
        return self.kept[name]


@dataclass
class Machine:
    units: Units
    places: Places
    secrets: Vault


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    (tmp_path / "run/patronus-pppoe").mkdir(parents=True)
    return Machine(Units(), Places.below(tmp_path), Vault({"dsl": b"s3cret\n"}))


@pytest.fixture
def feature(machine: Machine) -> PppoeFeature:
    return PppoeFeature(cast(Host, cast(Any, machine)))


def apply(feature: PppoeFeature, links: InterfacesPlan) -> list[str]:
    plan = feature.plan(config(), None, Earlier((links,)))
    names = []
    for step in feature.steps(plan, plan):
        names.append(step.name)
        step.do()
    return names


def test_a_dialler_is_told_once_in_a_file_that_others_cannot_read(
    feature: PppoeFeature, machine: Machine
) -> None:
    assert apply(feature, planned(None)) == ["dial wan over carrier", "note who dials"]
    path = machine.places.run.with_name("patronus-pppoe") / "wan.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    task = parse(path.read_text())
    assert (task.password, task.parent, task.mtu, task.metric, task.ipv6) == (
        "s3cret",
        "carrier",
        1492,
        102,
        True,
    )
    assert machine.units.orders == ["restart patronus-pppoe@wan.service"]
    assert apply(feature, planned(UP)) == [], "what stands is left alone"
    machine.secrets.kept["dsl"] = b"another"
    assert apply(feature, planned(UP)) == ["dial wan over carrier"]
    assert apply(feature, planned(UP, ())) == ["hang up wan", "note who dials"]
    assert not path.exists() and machine.units.orders[-1] == "stop patronus-pppoe@wan.service"


@pytest.mark.parametrize("secret", [None, b"two\nlines", b"\xff", b""])
def test_an_uplink_without_its_password_says_so_and_refuses_nothing(
    feature: PppoeFeature, machine: Machine, secret: bytes | None
) -> None:
    machine.secrets.kept = {} if secret is None else {"dsl": secret}
    apply(feature, planned(None))
    assert "restart patronus-pppoe@wan.service" not in machine.units.orders
    plan = feature.plan(config(), None, Earlier((planned(None),)))
    (difference,) = feature.observe(plan)
    assert not difference.refuses and "dsl" in difference.found
    assert feature.notice() == f"wan cannot dial: {difference.found}"
    machine.secrets.kept = {"dsl": b"s3cret"}
    apply(feature, planned(None))
    assert feature.notice() is None and list(feature.observe(plan)) == []


def test_what_kept_an_uplink_from_dialling_is_over_when_it_shall_not_dial(
    feature: PppoeFeature, machine: Machine
) -> None:
    machine.secrets.kept = {}
    apply(feature, planned(None))
    assert list(feature.observe(DialPlan())) == []


@pytest.mark.parametrize(
    ("given", "mtu", "ipv6"), [({}, 1492, True), ({"mtu": 1400, "ipv6": {"method": "none"}}, 1400, False)]
)
def test_a_session_is_as_the_file_has_it(given: dict[str, Any], mtu: int, ipv6: bool) -> None:
    model = Interfaces.model_validate({"interfaces": [PORT, TAGGED, {**DIAL, **given}]})
    found = plan(Configuration({SECTION.path: model}), planned(None), {})
    assert (found.dials["wan"].mtu, found.dials["wan"].ipv6) == (mtu, ipv6)


def test_a_dialler_that_could_not_be_started_is_started_by_the_next_walk(
    feature: PppoeFeature, machine: Machine
) -> None:
    machine.units.away = True
    apply(feature, planned(None))
    assert feature.notice() == "wan cannot dial: nobody answers" and machine.units.orders == []
    machine.units.away = False
    assert apply(feature, planned(None)) == ["dial wan over carrier"]
    assert feature.notice() is None and machine.units.orders == ["restart patronus-pppoe@wan.service"]


def test_a_step_back_tells_what_was_told_before(feature: PppoeFeature, machine: Machine) -> None:
    plan = feature.plan(config(), None, Earlier((planned(None),)))
    dial, _ = feature.steps(plan, plan)
    dial.do()
    dial.undo()
    assert machine.units.orders == ["restart patronus-pppoe@wan.service", "stop patronus-pppoe@wan.service"]
