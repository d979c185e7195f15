# SPDX-License-Identifier: GPL-2.0-or-later
"""The daemon hands out one update task at a time, and tells truly how it goes."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from types import SimpleNamespace
from typing import Any, cast

import pytest
from pydantic import ValidationError

from patronus.core.errors import (
    Conflict,
    InvalidConfiguration,
    InvalidRequest,
    KernelError,
    PatronusError,
    Unavailable,
)
from patronus.core.feature import Earlier
from patronus.core.head_start import System
from patronus.core.model import Configuration
from patronus.core.state import StateFile
from patronus.core.verb import Caller, Nothing, Role
from patronus.daemon.machine import image_release
from patronus.daemon.settings import PatronusFile
from patronus.daemon.updates.desk import FETCH, INSTALL, Desk
from patronus.daemon.updates.service import UpdateFeature, UpdatePlan
from patronus.daemon.updates.settings import UpdateSettings
from patronus.daemon.updates.verbs import Apply, Check, UpdateVerbs
from patronus.kernel.host import Host
from patronus.kernel.host import Places as HostPlaces
from patronus.kernel.units import Units, UnitState
from patronus.update.health import Finding, Unproved
from patronus.update.machine import Entry, Facts, Slot
from patronus.update.task import Offer, Places, Report, Task, read, write

ANNA = Caller("anna", Role.ADMIN)
SOURCE = "https://updates.example/patronus"
GOOD = Entry(version="0.1.0", name="patronus_0.1.0.efi", left=None, bytes=1)
NEW = Entry(version="0.1.0", name="patronus_0.1.0+2-1.efi", left=2, bytes=1)
BAD = Entry(version="0.2.0", name="patronus_0.2.0+0-3.efi", left=0, tried=3, bytes=1)


def facts(*entries: Entry) -> Facts:
    return Facts(running="0.1.0", schema_version=1, esp_free=1, entries=list(entries), slots=[])


@dataclass
class Systemd:
    """systemd, as far as two units go: what starting each writes, and whether the download runs."""

    places: Places
    stands: Facts | None
    asked: list[str] = field(default_factory=list)
    runs: bool = False
    ends: Callable[[Task], Report] | None = None
    fault: PatronusError | None = None

    def start(self, unit: str) -> None:
        if self.fault:
            raise self.fault
        if self.runs and unit == FETCH:
            return  # it is there, and reads no other task
        self.asked.append(unit)
        task = read(Task, self.places.task)
        if unit == FETCH:
            self.runs = True
        elif self.stands:
            write(self.places.facts, self.stands)
            number = task.number if task else 0
            report = Report(number=number, state="done", step="looked")
            write(self.places.install, self.ends(task) if self.ends and task else report)

    def status(self, unit: str) -> UnitState:
        return UnitState("active" if self.runs and unit == FETCH else "inactive", "", "")


class Clock:
    boot_id = "boot"
    now = 1000.0

    def boottime(self) -> float:
        return self.now

    def wall(self) -> float:
        return 1000.0


@dataclass
class Office:
    systemd: Systemd
    desk: Desk
    verbs: UpdateVerbs
    places: Places
    settings: UpdateSettings
    clock: Clock
    due: bool = True
    reboots: int = 0
    found: list[Finding] = field(default_factory=list)

    def reboot(self) -> None:
        self.reboots += 1

    def report(self, **given: Any) -> None:
        """Have the download tell how far it is."""
        write(self.places.fetch, Report(**given))

    def end(self, **given: Any) -> None:
        """Have the download tell its last, and go."""
        self.report(**given)
        self.systemd.runs = False

    def install(self, **given: Any) -> None:
        """Have the installation tell its last, and go."""
        write(self.places.install, Report(**given))
        self.systemd.runs = False


@pytest.fixture
def office(tmp_path: Path) -> Office:
    for name in ("task", "fetch", "install"):
        (tmp_path / name).mkdir()
    places = Places(
        task=tmp_path / "task/t.json", fetch=tmp_path / "fetch/r.json", install=tmp_path / "install/r.json",
        facts=tmp_path / "install/f.json", state=tmp_path, unproved=tmp_path / "unproved.json",
    )  # fmt: skip
    systemd = Systemd(places, facts(GOOD))
    clock = Clock()
    desk = Desk(cast(Units, systemd), StateFile(tmp_path / "state.json"), clock, places)
    verbs = UpdateVerbs(
        desk, lambda: made.settings, lambda: made.due, lambda: made.reboot(), lambda: made.found
    )
    settings = UpdateSettings(source=SOURCE, automatic=True)
    made = Office(systemd, desk, verbs, places, settings, clock)
    assert made.reboots == 0
    return made


def test_a_check_goes_from_the_slots_to_the_source_to_what_it_has(office: Office) -> None:
    assert office.verbs.status(ANNA, Nothing()).state == "idle"
    office.systemd.asked.clear()
    assert office.verbs.check(ANNA, Check()).state == "running"
    assert office.systemd.asked == [INSTALL, FETCH]
    task = read(Task, office.places.task)
    assert task is not None
    assert (task.action, task.source, task.number) == ("check", SOURCE, 1)
    office.report(number=1, state="running", step="downloading", done=5, total=10)
    status = office.verbs.status(ANNA, Nothing())
    assert (status.state, status.step, status.done, status.total) == ("running", "downloading", 5, 10)
    offer = Offer(version="0.2.0", download_bytes=9, problems=["none"])
    office.end(number=1, state="done", step="looked", offers=[offer])
    status = office.verbs.status(ANNA, Nothing())
    assert (status.state, status.offers[0].version, status.installed) == ("done", "0.2.0", None)


def test_an_update_ends_when_it_is_installed_and_not_when_it_is_downloaded(office: Office) -> None:
    office.verbs.apply(ANNA, Apply(version="0.2.0"))
    office.report(number=1, state="done", step="downloaded", version="0.2.0")
    status = office.verbs.status(ANNA, Nothing())
    assert (status.state, status.installed) == ("running", None)
    office.install(number=1, state="done", step="installed", version="0.2.0")
    status = office.verbs.status(ANNA, Nothing())
    assert (status.state, status.installed) == ("done", "0.2.0")


def test_a_source_with_nothing_newer_ends_an_update_well(office: Office) -> None:
    office.verbs.apply(ANNA, Apply())
    office.end(number=1, state="done", step="up to date")
    status = office.verbs.status(ANNA, Nothing())
    assert (status.state, status.installed) == ("done", None)


def test_one_task_at_a_time(office: Office) -> None:
    office.verbs.check(ANNA, Check())
    with pytest.raises(Conflict, match="under way"):
        office.verbs.apply(ANNA, Apply())
    office.end(number=1, state="failed", error="the server is away")
    assert office.verbs.status(ANNA, Nothing()).error == "the server is away"
    office.verbs.apply(ANNA, Apply())
    task = read(Task, office.places.task)
    assert task is not None
    assert task.number == 2


@pytest.mark.parametrize(
    ("last", "state"),
    [
        ({"state": "failed", "error": "the server is away"}, "failed"),
        ({"state": "done", "step": "looked"}, "done"),
    ],
)
def test_a_program_that_has_said_all_and_is_not_gone_is_waited_for(
    office: Office, last: dict[str, Any], state: str
) -> None:
    """Started again just then it would not start: systemd takes it for running."""
    office.verbs.check(ANNA, Check())
    office.report(number=1, **last)
    assert office.verbs.status(ANNA, Nothing()).state == "running"
    with pytest.raises(Conflict, match="under way"):
        office.verbs.apply(ANNA, Apply())
    office.systemd.runs = False
    assert office.verbs.status(ANNA, Nothing()).state == state
    office.systemd.asked.clear()
    assert office.verbs.apply(ANNA, Apply()).state == "running"
    assert office.systemd.asked == [INSTALL, FETCH], "it began"


def test_a_task_waits_for_the_look_that_somebody_else_began(office: Office) -> None:
    """A task for the program that looks already would be lost on it, a way back for one."""
    began, may_end = Event(), Event()
    looks = office.systemd.start

    def slowly(unit: str) -> None:
        began.set()
        assert may_end.wait(60)
        looks(unit)

    office.systemd.ends = lambda task: Report(number=task.number, state="done", step="rolled back")
    with ThreadPoolExecutor(2) as pool:
        office.systemd.start = slowly  # type: ignore[method-assign]
        looking = pool.submit(office.desk.facts)
        assert began.wait(60)
        office.systemd.start = looks  # type: ignore[method-assign]
        going_back = pool.submit(office.verbs.roll_back, ANNA, Nothing())
        handed_out = wait([going_back], timeout=0.2).done or read(Task, office.places.task)
        may_end.set()
        assert not handed_out
        assert looking.result(60) is not None
        assert going_back.result(60).state == "done"
    assert office.systemd.asked == [INSTALL, INSTALL]


def test_a_program_that_ends_without_a_word_is_no_success(office: Office) -> None:
    office.verbs.check(ANNA, Check())
    office.systemd.runs = False
    status = office.verbs.status(ANNA, Nothing())
    assert (status.state, "without a word" in str(status.error)) == ("failed", True)


def test_the_moment_between_the_two_programs_is_no_end(office: Office) -> None:
    """The download is gone, and systemd is about to start the installation."""
    office.verbs.apply(ANNA, Apply())
    office.end(number=1, state="done", step="downloaded", version="0.2.0")
    looks = office.systemd.status
    asked: list[str] = []

    def hands_over(unit: str) -> UnitState:
        asked.append(unit)
        return UnitState("activating", "start", "") if len(asked) > len((FETCH, INSTALL)) else looks(unit)

    office.systemd.status = hands_over  # type: ignore[method-assign]
    assert office.verbs.status(ANNA, Nothing()).state == "running"
    assert asked[:2] == [FETCH, INSTALL], "neither ran at the first look"


def test_a_task_that_is_just_handed_out_is_under_way(office: Office) -> None:
    """The look at the slots has ended, and the download has not begun."""
    starts = office.systemd.start
    seen: list[str] = []

    def watched(unit: str) -> None:
        if unit == FETCH:
            seen.append(office.verbs.status(ANNA, Nothing()).state)
        starts(unit)

    office.systemd.start = watched  # type: ignore[method-assign]
    office.desk.facts()
    office.verbs.check(ANNA, Check())
    assert seen == ["running"]


def test_a_router_that_has_not_proved_itself_takes_no_update_and_may_look(office: Office) -> None:
    office.systemd.stands = facts(NEW)
    with pytest.raises(InvalidConfiguration, match="update slot: the running version 0.1.0 has not proved"):
        office.verbs.apply(ANNA, Apply())
    assert FETCH not in office.systemd.asked
    status = office.verbs.status(ANNA, Nothing())
    assert (status.good, status.state, status.task) == (False, "idle", None), "nothing was begun"
    office.verbs.check(ANNA, Check())
    assert FETCH in office.systemd.asked


def test_a_router_that_has_not_proved_itself_is_looked_at_again_and_one_that_has_is_not(
    office: Office,
) -> None:
    office.systemd.stands = facts(NEW)
    looks = []
    for now in (1000.0, 1029.0, 1031.0, 1032.0):
        office.clock.now = now
        office.desk.facts()
        looks.append(len(office.systemd.asked))
    assert looks == [1, 1, 2, 2]
    office.systemd.stands = facts(GOOD)
    office.clock.now = 1100.0
    found = office.desk.facts()
    assert found is not None and found.running_entry == GOOD
    office.clock.now = 9999.0
    office.desk.facts()
    assert len(office.systemd.asked) == 3


def test_slots_that_cannot_be_looked_at_any_more_are_the_end_of_a_task(office: Office) -> None:
    office.desk.facts()
    reason = "no access to the slots: Input/output error"
    office.systemd.ends = lambda task: Report(number=task.number, state="failed", step="looked", error=reason)
    office.verbs.check(ANNA, Check())
    office.end(number=1, state="done", step="looked")
    status = office.verbs.status(ANNA, Nothing())
    assert (status.state, status.error) == ("failed", reason)


def test_what_failed_to_start_is_handed_on_as_refused(office: Office) -> None:
    office.systemd.stands = facts(GOOD, BAD)
    status = office.verbs.status(ANNA, Nothing())
    assert status.refused == {"0.2.0": "it failed to start too often"}
    assert [(one.version, one.running, one.failed) for one in status.systems] == [
        ("0.1.0", True, False), ("0.2.0", False, True),
    ]  # fmt: skip
    office.verbs.apply(ANNA, Apply())
    task = read(Task, office.places.task)
    assert task is not None
    assert task.refused == status.refused


def test_going_back_refuses_the_version_that_ran_until_it_is_asked_for_again(office: Office) -> None:
    office.systemd.ends = lambda task: Report(
        number=task.number, state="done", step="rolled back", version="0.0.9"
    )
    status = office.verbs.roll_back(ANNA, Nothing())
    running = image_release().version
    assert (status.installed, status.refused) == ("0.0.9", {running: "anna went back from it"})
    assert FETCH not in office.systemd.asked
    office.systemd.ends = None
    office.desk.accept(running)
    assert office.desk.refused() == {}


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ({"name": "patronus_0.2.0+0.efi", "left": 0}, "anna went back from it"),
        ({"name": "patronus_0.2.0+0-3.efi", "left": 0, "tried": 3}, "it was not healthy: dhcp: silent"),
        ({"name": "patronus_0.2.0+3-0.efi", "left": 3, "tried": 0}, None),
        ({"name": "patronus_0.2.0.efi", "left": None}, None),
    ],
)
def test_the_last_that_befell_a_version_is_why_it_is_refused_and_an_installation_ends_it(
    office: Office, entry: dict[str, Any], reason: str | None
) -> None:
    office.desk.refuse("0.2.0", "anna went back from it")
    write(office.places.unproved, Unproved(reasons={"0.2.0": ["dhcp: silent"]}))
    write(office.places.facts, facts(GOOD, Entry(version="0.2.0", bytes=1, **entry)))
    assert office.desk.refused().get("0.2.0") == reason
    write(office.places.facts, facts(GOOD))
    later = reason if reason == "anna went back from it" else None
    assert office.desk.refused().get("0.2.0") == later, "what is over stays over"


def test_the_last_look_at_the_health_is_part_of_the_status(office: Office) -> None:
    assert not office.verbs.health(ANNA, Nothing()).healthy, "nothing was looked at"
    assert office.verbs.status(ANNA, Nothing()).health == []
    office.found = [Finding(name="dhcp", well=True, said="it answers")]
    assert office.verbs.health(ANNA, Nothing()).healthy
    office.found += [Finding(name="dns", well=False, said="nobody answers")]
    assert not office.verbs.health(ANNA, Nothing()).healthy
    assert [(one.name, one.well) for one in office.verbs.status(ANNA, Nothing()).health] == [
        ("dhcp", True), ("dns", False),
    ]  # fmt: skip


def test_a_way_back_that_is_not_there_refuses_nothing(office: Office) -> None:
    office.systemd.ends = lambda task: Report(number=task.number, state="failed", error="no other version")
    with pytest.raises(Conflict, match="no other version"):
        office.verbs.roll_back(ANNA, Nothing())
    assert office.desk.refused() == {}


def test_a_machine_without_slots_says_so(office: Office) -> None:
    office.systemd.stands = None
    assert office.verbs.status(ANNA, Nothing()).good is None
    with pytest.raises(Conflict, match="not known how the slots stand"):
        office.verbs.apply(ANNA, Apply())
    office.systemd.fault = Unavailable("nobody answers")
    assert office.verbs.status(ANNA, Nothing()).systems == []


def test_without_a_source_there_is_nowhere_to_look(office: Office) -> None:
    office.settings = UpdateSettings()
    with pytest.raises(InvalidRequest, match=r"\[update\] source"):
        office.verbs.check(ANNA, Check())
    assert office.verbs.check(ANNA, Check(source="file:///run/media/stick")).state == "running"


@pytest.mark.parametrize(
    "source",
    [
        "http://a.example",
        "https://a:b@c.example/x",
        "https://c.example/?a=1",
        "file:///a/../b",
        "/a",
        "file://h/a",
    ],
)
def test_a_source_that_is_neither_https_nor_a_folder_is_refused(source: str) -> None:
    with pytest.raises(ValidationError):
        UpdateSettings(source=source)
    with pytest.raises(ValidationError):
        Apply(source=source)


def test_a_turn_installs_and_the_next_one_restarts_and_only_in_its_hour(office: Office) -> None:
    office.due = False
    assert office.verbs.automatic(ANNA, Nothing()).done == "it is not the hour"
    assert office.systemd.asked == []
    office.due = True
    assert office.verbs.automatic(ANNA, Nothing()).done == "a new version is looked for"
    assert "under way" in office.verbs.automatic(ANNA, Nothing()).done
    office.install(number=1, state="done", step="installed", version="0.2.0")
    office.due = False
    office.verbs.automatic(ANNA, Nothing())
    assert office.reboots == 0
    office.due = True
    assert office.verbs.automatic(ANNA, Nothing()).done == "the router restarts into version 0.2.0"
    assert office.reboots == 1


def test_a_turn_does_nothing_where_it_is_not_wanted_or_not_possible(office: Office) -> None:
    office.systemd.stands = facts(NEW)
    assert "no update now: update slot: the running version" in office.verbs.automatic(ANNA, Nothing()).done
    office.settings = UpdateSettings(source=SOURCE)
    assert office.verbs.automatic(ANNA, Nothing()).done == "automatic updates are off"
    assert FETCH not in office.systemd.asked


def test_the_timer_follows_the_configuration_and_its_fault_is_told(tmp_path: Path) -> None:
    asked: list[str] = []

    class Timer:
        fault: PatronusError | None = None

        def start(self, unit: str) -> None:
            if self.fault:
                raise self.fault
            asked.append(f"start {unit}")

        def stop(self, unit: str) -> None:
            asked.append(f"stop {unit}")

    units = Timer()
    host = SimpleNamespace(units=units, state=None, clock=Clock(), places=HostPlaces.below(tmp_path))
    feature = UpdateFeature(cast(Host, host))
    on, off = UpdatePlan(automatic=True), UpdatePlan()
    assert list(feature.steps(off, None)) == list(feature.steps(on, on)) == []
    (step,) = feature.steps(on, None)
    step.do()
    step.undo()
    assert asked == ["start patronus-update.timer", "stop patronus-update.timer"]
    assert feature.notice() is None
    units.fault = KernelError("no such unit")
    step.do()
    assert "no update comes by itself: no such unit" in str(feature.notice())


def test_a_person_is_told_that_a_version_waits_for_a_restart(tmp_path: Path) -> None:
    units = SimpleNamespace(status=lambda _: UnitState("inactive", "dead", "success"))
    places = HostPlaces.below(tmp_path)
    feature = UpdateFeature(
        cast(Host, SimpleNamespace(units=units, state=None, clock=Clock(), places=places))
    )
    for name in ("patronus-update", "patronus-update-install"):
        places.run.with_name(name).mkdir(parents=True)
    assert feature.notice() is None
    write(places.run.with_name("patronus-update") / "task.json", Task(number=4, action="install"))
    report = places.run.with_name("patronus-update-install") / "report.json"
    write(report, Report(number=4, state="done", step="installed", version="0.2.0"))
    assert feature.notice() == "version 0.2.0 is installed and runs after a restart"
    write(report, Report(number=3, state="done", step="installed", version="0.2.0"))
    assert feature.notice() is None, "it speaks of another task"


def test_the_head_start_is_kept_for_a_system_that_was_installed_and_not_started(tmp_path: Path) -> None:
    places = HostPlaces.below(tmp_path)
    feature = UpdateFeature(cast(Host, SimpleNamespace(units=None, state=None, clock=Clock(), places=places)))
    told = places.run.with_name("patronus-update-install") / "facts.json"
    told.parent.mkdir(parents=True)
    assert feature.waiting() == ()
    slots = [
        Slot(
            device="vda4", id=f"{'0' * 8}-0000-0000-0000-{'1' * 12}", version="0.2.0", kind="verity", bytes=1
        ),
        Slot(device="vda5", id=f"{'2' * 8}-2222-2222-2222-{'3' * 12}", version="0.2.0", kind="root", bytes=1),
    ]
    fresh = Entry(version="0.2.0", name="patronus_0.2.0+3-0.efi", left=3, tried=0, bytes=1)
    stands = facts(GOOD, fresh)
    write(told, stands)
    assert feature.waiting() == (), "its slot is not there"
    write(told, stands.model_copy(update={"slots": slots}))
    assert feature.waiting() == (System("0.2.0", "2" * 20 + "3" * 12 + "0" * 20 + "1" * 12),)
    write(told, facts(GOOD, BAD).model_copy(update={"slots": slots}))
    assert feature.waiting() == (), "it is not started any more"


@pytest.mark.parametrize(
    ("settings", "automatic"),
    [
        ({}, False),
        ({"automatic": True}, False),
        ({"automatic": True, "source": SOURCE}, True),
        ({"source": SOURCE}, False),
    ],
)
def test_nothing_comes_by_itself_without_a_source(
    tmp_path: Path, settings: dict[str, Any], automatic: bool
) -> None:
    host = SimpleNamespace(units=None, state=None, clock=Clock(), places=HostPlaces.below(tmp_path))
    file = PatronusFile(update=UpdateSettings(**settings))
    plan = UpdateFeature(cast(Host, host)).plan(Configuration({"patronus": file}, {}), None, Earlier())
    assert plan.automatic is automatic
