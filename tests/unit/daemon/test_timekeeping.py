# SPDX-License-Identifier: GPL-2.0-or-later
"""The time client is told its servers, runs only where there is one, and keeps no router from routing."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any, cast

import pytest
from pydantic import ValidationError

from patronus.core.errors import KernelError, PatronusError, Unavailable
from patronus.core.feature import Earlier
from patronus.core.model import Configuration
from patronus.core.walk import Walk
from patronus.daemon.clock_settings import TimeSettings
from patronus.daemon.settings import PatronusFile
from patronus.daemon.timekeeping import SERVICE, TimeFeature, TimePlan
from patronus.kernel.host import Host, Places
from patronus.network.interfaces.learned import Learned
from patronus.network.interfaces.model import Interface, Interfaces
from patronus.network.interfaces.plan import InterfacesPlan
from patronus.network.opening import Opening
from patronus.network.time_served import TimeServed

NONE = {"time": TimePlan()}
ONE = {"time": TimePlan(servers=("192.0.2.1",))}
TWO = {"time": TimePlan(servers=("ntp.example", "2001:db8::1"))}
UPLINKS = Earlier(
    (
        InterfacesPlan(
            learned={
                "wan": Learned(ntp_servers=(IPv4Address("198.51.100.1"), IPv4Address("198.51.100.2"))),
                "lte": Learned(ntp_servers=(IPv4Address("198.51.100.2"),)),
                "dsl": Learned(),
            }
        ),
    )
)


@dataclass
class Units:
    """systemd, as far as one unit goes: what was asked, and whether the client runs."""

    path: Path
    asked: list[str] = field(default_factory=list)
    reads: str | None = None
    fault: PatronusError | None = None
    faulty: str = ""

    def start(self, unit: str) -> None:
        self._ask("start", unit)
        self.reads = self.reads or self.path.read_text()

    def stop(self, unit: str) -> None:
        self._ask("stop", unit)
        self.reads = None

    def _ask(self, verb: str, unit: str) -> None:
        assert unit == SERVICE
        if self.fault is not None and verb == self.faulty:
            raise self.fault
        self.asked.append(verb)


@dataclass
class Machine:
    units: Units
    places: Places


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    places = Places.below(tmp_path)
    places.time_servers.parent.mkdir(parents=True)
    before = os.umask(0o027)  # as in the daemon's unit
    yield Machine(Units(places.time_servers), places)
    os.umask(before)


def made(machine: Machine) -> tuple[TimeFeature, Walk]:
    feature = TimeFeature(cast(Host, cast(Any, machine)))
    return feature, Walk([feature])


def planned(earlier: Earlier, *servers: str) -> tuple[str, ...]:
    file = PatronusFile(time=TimeSettings.model_validate({"servers": list(servers)}))
    feature = TimeFeature(cast(Host, cast(Any, Machine(Units(Path()), Places()))))
    return feature.plan(Configuration({"patronus": file}), None, earlier).servers


@pytest.mark.parametrize(
    ("given", "inside"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:DB8::1", "2001:db8::1"),
        ("NTP.example.", "ntp.example"),
        ("0.pool.example", "0.pool.example"),
    ],
)
def test_a_server_is_an_address_or_a_name(given: str, inside: str) -> None:
    assert TimeSettings.model_validate({"servers": [given]}).servers == (inside,)


@pytest.mark.parametrize(
    "given",
    [
        "", "0.0.0.0", "::", "224.0.1.1", "192.0.2.300", "192.0.2", "fe80::1%eth0", "192.0.2.0/24", "ntp://x.example",
        "a b", "ntp.example\nserver other.example", "ntp.example:123", 7,
    ],
)  # fmt: skip
def test_what_is_neither_is_refused(given: Any) -> None:
    with pytest.raises(ValidationError):
        TimeSettings.model_validate({"servers": [given]})


def test_there_is_an_end_to_the_list() -> None:
    with pytest.raises(ValidationError):
        TimeSettings.model_validate({"servers": [f"192.0.2.{number}" for number in range(9)]})


def test_without_servers_nobody_is_asked() -> None:
    assert planned(Earlier()) == ()
    assert planned(Earlier((InterfacesPlan(learned={"wan": Learned()}),))) == ()


def test_the_uplinks_servers_are_asked_each_once_where_none_is_configured() -> None:
    assert planned(UPLINKS) == ("198.51.100.1", "198.51.100.2")


def test_configured_servers_stand_instead_of_the_uplinks() -> None:
    assert planned(UPLINKS, "ntp.example", "192.0.2.1", "ntp.example") == ("ntp.example", "192.0.2.1")


def test_the_client_runs_with_its_servers_and_its_user_can_read_them(machine: Machine) -> None:
    feature, router = made(machine)
    router.apply(ONE, NONE)
    assert machine.units.reads is not None and "\nserver 192.0.2.1 iburst\n" in machine.units.reads
    assert stat.S_IMODE(machine.places.time_servers.stat().st_mode) == 0o644
    assert feature.state().servers == ["192.0.2.1"] and router.observe(ONE) == []
    router.apply(TWO, ONE)
    assert (
        machine.units.reads is not None
        and "\nserver ntp.example iburst\nserver 2001:db8::1 iburst\n" in machine.units.reads
    )
    router.apply(NONE, TWO)
    assert machine.units.reads is None and not machine.places.time_servers.exists()
    assert feature.state().servers == [] and router.observe(NONE) == []


def test_a_router_without_servers_asks_systemd_for_nothing(machine: Machine) -> None:
    _, router = made(machine)
    router.apply(NONE, {})
    assert machine.units.asked == []


def test_a_client_at_work_is_left_alone(machine: Machine) -> None:
    made(machine)[1].apply(ONE, {})
    _, router = made(machine)
    machine.units.asked.clear()
    router.apply(ONE, {})
    assert machine.units.asked == ["start"], "harmless where it runs; needed where it was cut off before"
    router.apply(ONE, ONE)
    assert machine.units.asked == ["start"]


def test_the_way_back_leads_to_the_servers_before(machine: Machine) -> None:
    feature, router = made(machine)
    router.apply(ONE, NONE)
    (step,) = feature.steps(TWO["time"], ONE["time"])
    step.do()
    step.undo()
    assert machine.units.reads is not None and "\nserver 192.0.2.1 iburst\n" in machine.units.reads
    assert feature.state().servers == ["192.0.2.1"]


def test_a_file_that_somebody_changed_is_a_difference(machine: Machine) -> None:
    _, router = made(machine)
    router.apply(ONE, NONE)
    machine.places.time_servers.write_text("server 203.0.113.66\n")
    assert router.observe(ONE) != []
    router.apply(ONE, ONE)
    assert router.observe(ONE) == [] and "203.0.113.66" not in (machine.units.reads or "")


@pytest.mark.parametrize("verb", ["stop", "start"])
@pytest.mark.parametrize("fault", [Unavailable("nobody answers"), KernelError("no")])
def test_a_client_that_cannot_be_started_is_said_fails_nothing_and_is_tried_again(
    machine: Machine, fault: PatronusError, verb: str
) -> None:
    feature, router = made(machine)
    machine.units.fault, machine.units.faulty = fault, verb
    router.apply(ONE, NONE)
    assert str(fault) in (feature.notice() or "") and router.observe(ONE) == []
    assert feature.state().servers == []
    machine.units.fault = None
    router.apply(ONE, ONE)
    assert feature.notice() is None and machine.units.reads is not None


def test_without_its_folder_the_file_is_said_to_be_missing(machine: Machine) -> None:
    feature, router = made(machine)
    machine.places.time_servers.parent.rmdir()
    router.apply(ONE, NONE)
    assert "patronus-ntp" in (feature.notice() or "") and machine.units.reads is None


def test_the_clock_is_synchronised_when_the_client_says_so(machine: Machine) -> None:
    feature, _ = made(machine)
    assert not feature.state().synchronised
    machine.places.timesync.parent.mkdir(parents=True)
    machine.places.timesync.touch()
    assert feature.state().synchronised


def test_hosts_that_are_served_may_reach_the_port_and_their_interface_must_exist() -> None:
    lan = Interface.model_validate({"id": "lan", "zone": "inside", "match": {"mac": "02:00:00:00:00:01"}})
    file = PatronusFile(time=TimeSettings.model_validate({"serve": ["lan", "attic"]}))
    config = Configuration({"patronus": file, "network/interfaces": Interfaces(interfaces=(lan,))})
    feature = TimeFeature(cast(Host, cast(Any, Machine(Units(Path()), Places()))))
    (problem,) = feature.check(config)
    assert (problem.path, problem.value) == (("patronus", "time", "serve", 1), "attic")
    plan = feature.plan(config, None, Earlier())
    assert Opening("inside", "udp", (123,), "ntp") in plan.contributions
    assert TimeServed(("lan", "attic")) in plan.contributions
    assert plan.text is not None and "\nallow\n" in plan.text and "\nport 0\n" not in plan.text


def test_where_nobody_is_served_no_port_is_listened_on() -> None:
    text = ONE["time"].text
    assert text is not None and "\nport 0\n" in text and "allow" not in text


def test_who_is_served_is_told_without_a_restart_of_the_client(machine: Machine) -> None:
    feature, router = made(machine)
    lan, both = (
        {"time": TimePlan(serves=True, contributions=(TimeServed(roles),))}
        for roles in (("lan",), ("lan", "dmz"))
    )
    router.apply(lan, NONE)
    machine.units.asked.clear()
    router.apply(both, lan)
    assert feature.state().serves == ["lan", "dmz"] and machine.units.asked == []


def test_with_nts_the_servers_must_prove_themselves_and_those_of_dhcp_are_not_asked() -> None:
    file = PatronusFile(time=TimeSettings.model_validate({"servers": ["ntp.example"], "nts": True}))
    feature = TimeFeature(cast(Host, cast(Any, Machine(Units(Path()), Places()))))
    plan = feature.plan(Configuration({"patronus": file}), None, UPLINKS)
    assert plan.text is not None and "\nserver ntp.example iburst nts\n" in plan.text
    assert list(feature.check(Configuration({"patronus": file}))) == []
    nobody = Configuration({"patronus": PatronusFile(time=TimeSettings(nts=True))})
    assert feature.plan(nobody, None, UPLINKS).servers == ()
    (problem,) = feature.check(nobody)
    assert problem.path == ("patronus", "time", "nts")
