# SPDX-License-Identifier: GPL-2.0-or-later
"""Providers are told by their own process when something is due, and what came of it is known and said."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address, ip_interface
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from patronus.core.bus import Event
from patronus.core.errors import Conflict, KernelError, NotFound, PatronusError
from patronus.core.feature import Earlier, Step
from patronus.core.model import Configuration
from patronus.core.secret import SecretHandle
from patronus.core.verb import Caller, Nothing, Role
from patronus.dyndns.task import Outcome, Report, Task, handed, report
from patronus.kernel.host import Host, Places
from patronus.kernel.units import UnitState
from patronus.network.dyndns.events import OutsideNameFailed, OutsideNameTold
from patronus.network.dyndns.model import Dyndns
from patronus.network.dyndns.plan import DyndnsPlan
from patronus.network.dyndns.server import STATE
from patronus.network.dyndns.service import DyndnsFeature
from patronus.network.dyndns.verbs import UpdateNames
from patronus.network.interfaces.learned import Learned
from patronus.network.interfaces.model import Interfaces
from patronus.network.interfaces.plan import InterfacesPlan
from patronus.secrets.resolve import SecretsPlan

ANNA = Caller("anna", Role.ADMIN)
PASSWORD = b"geheim\n"
NAME = "home.example.net"


@dataclass
class World:
    """The units helper, the vault, the engine and the durable state, as far as outside names go."""

    run: Path
    now: float = 1000.0
    boot_id: str = "boot"
    alive: bool = False
    fault: PatronusError | None = None
    secrets: dict[str, bytes] = field(default_factory=lambda: {"dyn": PASSWORD})
    kept: dict[str, Any] = field(default_factory=dict)
    writes: int = 0
    said: list[Event] = field(default_factory=list)
    sections: dict[str, Any] = field(default_factory=dict)

    @property
    def config(self) -> Configuration:
        return Configuration(self.sections)

    def wall(self) -> float:
        return self.now

    def start(self, unit: str) -> None:
        assert unit == "patronus-dyndns.service"
        if self.fault:
            raise self.fault
        self.alive = True

    def status(self, unit: str) -> UnitState:
        return UnitState("active" if self.alive else "inactive", "", "")

    def publish(self, event: Event) -> None:
        self.said.append(event)

    def get(self, key: str, default: Any = None) -> Any:
        return self.kept.get(key, default)

    def put(self, key: str, value: Any) -> None:
        self.kept[key] = value
        self.writes += 1

    def read(self, name: str) -> bytes:
        if name not in self.secrets:
            raise NotFound(f"there is no secret {name}")
        return self.secrets[name]

    @property
    def task(self) -> Task:
        found = handed(self.run / "patronus-dyndns/task.json")
        assert found is not None
        return found

    def come(self, verdict: Any, **given: Any) -> None:
        """End the run: this came of each telling."""
        outcomes = tuple(
            Outcome(**{"id": one.id, "verdict": verdict, "words": verdict, "ipv4": one.ipv4, **given})
            for one in self.task.tellings
        )
        report(
            self.run / "patronus-dyndns-told/report.json", Report(number=self.task.number, outcomes=outcomes)
        )
        self.alive = False


class Router:
    """The feature, walked through changes as the engine does."""

    def __init__(self, world: World) -> None:
        self.world = world
        host = SimpleNamespace(
            units=world, clock=world, control=world, state=world, secrets=world,
            places=Places(run=world.run / "patronus"),
        )  # fmt: skip
        self.feature = DyndnsFeature(cast(Host, host))
        self.feature._desk._alarm.set = lambda seconds: None  # type: ignore[method-assign]
        self.running: DyndnsPlan | None = None

    def be(self, address: str = "203.0.113.5/24", version: str = "v1", **entry: Any) -> list[Step]:
        """Apply an entry at an address, and look what is due."""
        how = {"server": "https://dyn.example", "user": "anna", "password": {"secret": "dyn"}}
        said = {"id": "home", "hostnames": [NAME], "dyndns2": how, **entry}
        given = {key: value for key, value in said.items() if value is not None}
        self.world.sections = {
            "network/dyndns": Dyndns.model_validate({"names": [given]}),
            "network/interfaces": Interfaces.model_validate(
                {"interfaces": [{"id": "wan", "match": {"path": "pci-1"}}]}
            ),
        }
        learned = Learned(addresses=(ip_interface(address),), gateway=IPv4Address("203.0.113.1"))
        links = InterfacesPlan(devices={"wan": "eth1"}, learned={"wan": learned})
        secrets = SecretsPlan(handles={"dyn": SecretHandle("dyn", version)})
        plan = self.feature.plan(self.world.config, None, Earlier((links, secrets)))
        steps = list(self.feature.steps(plan, self.running))
        for step in steps:
            step.do()
        self.running = plan
        self.feature._desk.turn()
        return steps

    def later(self, seconds: float) -> None:
        self.world.now += seconds
        self.feature._desk.turn()

    def ends(self, verdict: Any, **given: Any) -> None:
        self.world.come(verdict, **given)
        self.feature._desk.turn()

    @property
    def info(self) -> Any:
        (found,) = self.feature.status(ANNA, Nothing()).names
        return found

    @property
    def words(self) -> Sequence[str]:
        return [one.found for one in self.feature.observe(DyndnsPlan())]


@pytest.fixture
def world(tmp_path: Path) -> World:
    for name in ("patronus-dyndns", "patronus-dyndns-told"):
        (tmp_path / name).mkdir()
    return World(tmp_path)


@pytest.fixture
def router(world: World) -> Router:
    return Router(world)


def test_an_address_is_told_once_and_another_at_once(world: World, router: Router) -> None:
    router.be()
    (one,) = world.task.tellings
    assert (one.hostnames, str(one.ipv4), one.way.device) == ((NAME,), "203.0.113.5", "eth1")
    assert one.dyndns2 is not None
    assert one.dyndns2.password == "geheim"
    assert router.info.state == "awaited"
    router.feature._desk.turn()
    assert world.said == [], "nothing has come yet"
    router.ends("told", answer="good 203.0.113.5")
    assert not (world.run / "patronus-dyndns/task.json").exists(), "a task has a password in it"
    assert world.said == [OutsideNameTold("home", (NAME,), ("203.0.113.5",))]
    assert (router.info.state, router.info.told, router.info.answer) == (
        "current", ["203.0.113.5"], "good 203.0.113.5",
    )  # fmt: skip
    assert router.be() == []
    router.later(3600)
    assert not world.alive, "it is told once"
    router.be("203.0.113.6/24")
    assert world.alive
    assert (router.info.state, router.info.told) == ("awaited", ["203.0.113.5"])
    router.ends("told")
    assert world.said[-1] == OutsideNameTold("home", (NAME,), ("203.0.113.6",))
    assert "geheim" not in str((world.kept, world.said, router.info))


def test_an_address_that_flaps_is_told_once_a_minute(world: World, router: Router) -> None:
    router.be()
    router.ends("told")
    router.be("203.0.113.6/24")
    assert not world.alive
    router.later(60)
    assert world.alive


def test_a_restart_tells_nothing_anew_but_what_is_old(world: World, router: Router) -> None:
    router.be()
    router.ends("told")
    again = Router(world)
    world.now += 100
    again.be()
    assert (world.alive, again.info.state) == (False, "current")
    world.now += 28 * 86400
    again.feature._desk.turn()
    assert world.alive, "the provider would let it expire"
    again.ends("told")
    assert len(world.said) == 1, "that is no news"


def test_a_run_that_another_daemon_began_is_waited_for(world: World, router: Router) -> None:
    router.be()
    again = Router(world)
    again.be()
    assert again.info.state == "awaited"
    with pytest.raises(Conflict):
        again.feature.update(ANNA, UpdateNames())
    number = world.task.number
    world.come("told")
    again.later(1)
    assert world.task.number > number, "what came of it was another's, so it is told once more"
    again.ends("told")
    assert again.info.state == "current"


def test_a_refusal_holds_until_the_log_in_is_another(world: World, router: Router) -> None:
    router.be()
    router.ends("stop", answer="badauth", words="no such password")
    assert world.said == [OutsideNameFailed("home", (NAME,), "no such password (badauth)", stopped=True)]
    assert (router.info.state, router.info.due_in_s, router.words) == (
        "stopped", None, ["no such password"],
    )  # fmt: skip
    assert NAME in str(router.feature.notice())
    again = Router(world)
    again.be("203.0.113.9/24")
    again.later(1e6)
    assert not world.alive, "neither another address nor a restart nor time"
    again.be("203.0.113.9/24", version="v2")
    assert world.alive, "the password was written anew"
    again.ends("told")
    assert (again.feature.notice(), again.words) == (None, [])
    assert isinstance(world.said[-1], OutsideNameTold)


def test_a_provider_at_work_is_left_alone_for_half_an_hour(world: World, router: Router) -> None:
    router.be()
    router.ends("wait", answer="911")
    router.later(1799)
    assert not world.alive
    router.later(1)
    assert world.alive


def test_a_failure_is_said_once_and_tried_again(world: World, router: Router) -> None:
    router.be()
    router.ends("failed", words="no route")
    assert router.info.due_in_s == 30
    for pause in (30, 60, 120):
        router.later(pause)
        assert world.alive
        router.ends("failed", words="no route")
    assert world.said == [OutsideNameFailed("home", (NAME,), "no route", stopped=False)]


def test_without_its_password_it_is_not_tried(world: World, router: Router) -> None:
    for secret, said in (
        (None, "there is no secret dyn"),
        (b"\xff\xfe", "the secret dyn is not text"),
        (b"two\nlines", "the secret dyn is not one line of printable text"),
    ):
        world.secrets = {"dyn": secret} if secret is not None else {}
        router.be(version=said)
        assert (world.alive, router.words) == (False, [said])
    world.secrets = {"dyn": PASSWORD}
    router.be(version="now")
    assert world.alive


def test_a_key_is_handed_over_where_it_is_one(world: World, router: Router) -> None:
    server = {"server": "192.0.2.53", "zone": "example.net", "key": "router", "secret": {"secret": "dyn"}}
    world.secrets = {"dyn": b"not base64!"}
    router.be(dyndns2=None, rfc2136=server)
    assert (world.alive, router.words) == (False, ["the secret dyn is not a key in base64"])
    world.secrets = {"dyn": b"c2VjcmV0LWtleQ==\n"}
    router.be(version="v2", dyndns2=None, rfc2136=server)
    (one,) = world.task.tellings
    assert one.rfc2136 is not None
    assert (one.rfc2136.secret, one.rfc2136.zone, one.rfc2136.port) == ("c2VjcmV0LWtleQ==", "example.net", 53)
    router.ends("told", answer="NOERROR")
    assert (router.info.protocol, router.info.provider) == ("rfc2136", "192.0.2.53")


def test_a_process_that_cannot_start_or_says_nothing_is_a_failure(world: World, router: Router) -> None:
    world.fault = KernelError("the units helper is away")
    router.be()
    assert router.words == ["the units helper is away"]
    assert not (world.run / "patronus-dyndns/task.json").exists()
    world.fault = None
    router.later(30)
    world.alive = False  # killed
    router.feature._desk.turn()
    assert "patronus-dyndns.service" in router.words[0]
    assert not (world.run / "patronus-dyndns/task.json").exists()


def test_behind_another_router_the_outside_is_asked_and_the_disk_left_alone(
    world: World, router: Router
) -> None:
    router.be("10.0.0.2/8", address_from="https://ip.example/")
    (one,) = world.task.tellings
    assert (one.ask, one.ipv4, one.known) == ("https://ip.example/", None, None)
    router.ends("told", ipv4=IPv4Address("198.51.100.9"))
    assert router.info.told == ["198.51.100.9"]
    for _ in range(3):
        router.later(600)
        (one,) = world.task.tellings
        assert one.known == (IPv4Address("198.51.100.9"), None)
        writes = world.writes
        router.ends("same", ipv4=IPv4Address("198.51.100.9"), words="the same")
    assert world.writes == writes
    assert len(world.said) == 1
    router.be("10.0.0.2/8")
    assert (router.info.state, world.alive) == ("idle", False)
    assert "10.0.0.2 of wan leads nowhere outside" in router.info.reason


def test_a_person_can_have_it_told_now(world: World, router: Router) -> None:
    router.be()
    router.ends("stop", answer="abuse", words="blocked")
    status = router.feature.update(ANNA, UpdateNames(id="home"))
    assert (status.running, world.alive) == (True, True)
    with pytest.raises(Conflict):
        router.feature.update(ANNA, UpdateNames())
    router.ends("told")
    assert router.info.state == "current"
    with pytest.raises(NotFound):
        router.feature.update(ANNA, UpdateNames(id="nobody"))
    router.be("10.0.0.2/8")
    with pytest.raises(Conflict, match="leads nowhere outside"):
        router.feature.update(ANNA, UpdateNames())


def test_what_is_gone_is_forgotten_and_what_is_off_is_left_alone(world: World, router: Router) -> None:
    router.be()
    router.ends("told")
    router.be(id="other", hostnames=["other.example.net"])
    router.ends("told")
    assert list(world.kept[STATE]) == ["other"]
    router.be(id="other", hostnames=["other.example.net"], enabled=False)
    assert (router.info.state, world.alive) == ("off", False)
    with pytest.raises(NotFound):
        router.feature.update(ANNA, UpdateNames())


def test_a_change_that_goes_wrong_is_undone(world: World, router: Router) -> None:
    router.be()
    router.ends("told")
    (step,) = router.be("203.0.113.6/24")
    world.alive = False
    step.undo()
    assert router.info.ipv4 == "203.0.113.5"
