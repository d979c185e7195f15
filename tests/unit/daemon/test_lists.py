# SPDX-License-Identifier: GPL-2.0-or-later
"""The daemon has lists brought in when they are due, and tells truly how they stand."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from patronus.core.bus import Event
from patronus.core.errors import Conflict, KernelError, NotFound, PatronusError, Unavailable
from patronus.core.feature import Earlier
from patronus.core.verb import Caller, Nothing, Role
from patronus.daemon.lists.due import Tries, due_in_s
from patronus.daemon.lists.events import ListChanged, ListFailed
from patronus.daemon.lists.service import ListsFeature
from patronus.daemon.lists.verbs import Refresh
from patronus.kernel.host import Host
from patronus.kernel.host import Places as HostPlaces
from patronus.kernel.units import UnitState
from patronus.lists.folder import Download
from patronus.lists.task import Places, Task, finish, handed
from patronus.lists.wanted import Wanted

ANNA = Caller("anna", Role.ADMIN)
BAD = Wanted("https://lists.example/bad", "addresses", 3600, used_by=("alias bad",))
DAY_S = 86400


def good(at: float, **changes: Any) -> Download:
    return Download(url=BAD.url, content="addresses", good=at, changed=at, entries=3).model_copy(
        update=changes
    )


@pytest.mark.parametrize(
    ("state", "tries", "due"),
    [
        (None, None, 0),
        (good(900), None, DAY_S - 100),
        (good(1000 - DAY_S), None, 0),
        (good(5000), None, 0),
        (None, Tries(1, 990), 20),
        (None, Tries(3, 990), 110),
        (None, Tries(90, 990), 3590),
        (good(900), Tries(1, 900), 0),
    ],
    ids=["never had", "fresh", "old", "of a later clock", "failed", "thrice", "often", "to try again"],
)
def test_a_list_is_due_by_its_age_and_after_failures_by_pauses_that_grow(
    state: Download | None, tries: Tries | None, due: float
) -> None:
    assert due_in_s(state, tries, DAY_S, boot_s=1000, wall_s=1000) == due


class Clock:
    boot_id = "boot"
    now = 1000.0

    def boottime(self) -> float:
        return self.now

    def wall(self) -> float:
        return self.now


@dataclass
class World:
    """The units helper and the engine, as far as lists go."""

    places: Places
    clock: Clock = field(default_factory=Clock)
    runs: bool = False
    fault: PatronusError | None = None
    said: list[Event] = field(default_factory=list)
    refreshed: list[str] = field(default_factory=list)
    starting: bool = False

    def start(self, unit: str) -> None:
        assert unit == "patronus-lists.service"
        if self.fault:
            raise self.fault
        self.runs = True

    def status(self, unit: str) -> UnitState:
        return UnitState("active" if self.runs else "inactive", "", "")

    def publish(self, event: Event) -> None:
        self.said.append(event)

    def refresh(self, reason: str) -> None:
        if self.starting:
            raise Unavailable("the engine is starting")
        self.refreshed.append(reason)

    def come(self, state: Download) -> None:
        """End the run: this is how the list stands."""
        task = handed(self.places)
        assert isinstance(task, Task)
        for item in task.lists:
            self.places.folder.keep(item.key, b"x", state)
        finish(self.places, task)
        self.runs = False

    def come_slowly(self, state: Download) -> None:
        """Tell how the list stands, and be still there."""
        self.come(state)
        self.runs = True


@pytest.fixture
def world(tmp_path: Path) -> World:
    for name in ("run/patronus-lists", "state/patronus-lists"):
        (tmp_path / name).mkdir(parents=True)
    return World(Places(tmp_path / "run/patronus-lists/task.json", tmp_path / "state/patronus-lists"))


@pytest.fixture
def feature(world: World, tmp_path: Path) -> ListsFeature:
    host = SimpleNamespace(
        units=world, clock=world.clock, control=world,
        places=HostPlaces(run=tmp_path / "run/patronus", state=tmp_path / "state/patronus"),
    )  # fmt: skip
    made = ListsFeature(cast(Host, host), [lambda _: [BAD]])
    plan = made.plan(cast(Any, None), None, Earlier())
    assert plan.wanted == (BAD,)
    made._desk.want(plan.wanted)  # as its step does, without the alarm
    made._alarm.set = lambda seconds: None  # type: ignore[method-assign]
    return made


def test_a_list_that_is_due_is_brought_in_and_everything_is_planned_with_it(
    world: World, feature: ListsFeature
) -> None:
    feature.turn()
    assert feature.status(ANNA, Nothing()).running
    task = handed(world.places)
    assert isinstance(task, Task)
    assert task.keep == (BAD.key,), "what nobody wants any more is not kept, and this is wanted"
    feature.turn()
    assert world.refreshed == [], "nothing has come yet"
    world.come(good(1000))
    feature.turn()
    assert world.said == [ListChanged(BAD.url, 3, ("alias bad",))]
    assert world.refreshed == ["the list of alias bad has changed"]
    (info,) = feature.status(ANNA, Nothing()).lists
    assert (info.entries, info.due_in_s, info.error) == (3, 3600, None)
    world.clock.now += 3600
    feature.turn()
    world.come(good(1000).model_copy(update={"good": 4600.0}))
    feature.turn()
    assert len(world.refreshed) == 1, "the same list again changes nothing"


def test_a_failure_is_told_once_and_seen_until_it_ends(world: World, feature: ListsFeature) -> None:
    world.places.folder.keep(BAD.key, b"x", good(-DAY_S))
    feature.turn()
    world.come(good(-DAY_S, error="no route"))
    feature.turn()
    assert world.said == [ListFailed(BAD.url, "no route", 3, ("alias bad",))]
    assert "(alias bad): no route" in str(feature.notice())
    assert [one.found for one in feature.observe(cast(Any, None))] == ["no route"]
    world.clock.now += 30
    feature.turn()
    world.come(good(-DAY_S, error="no route"))
    feature.turn()
    assert len(world.said) == 1
    assert world.refreshed == []
    world.clock.now += 60
    feature.turn()
    world.come(good(world.clock.now))
    feature.turn()
    assert (feature.notice(), list(feature.observe(cast(Any, None)))) == (None, [])


def test_a_program_that_ends_without_a_word_is_a_failure(world: World, feature: ListsFeature) -> None:
    feature.turn()
    world.runs = False
    feature.turn()
    assert "ended without a word" in str(feature.notice())
    assert [type(event) for event in world.said] == [ListFailed]


def test_a_unit_that_does_not_start_is_said_and_tried_again(world: World, feature: ListsFeature) -> None:
    world.fault = KernelError("no systemd")
    feature.turn()
    assert feature.notice() == "no list can be brought in: no systemd"
    world.fault = None
    feature.turn()
    assert not world.runs, "not before the pause is over"
    world.clock.now += 30
    feature.turn()
    assert world.runs


def test_a_list_that_fails_after_a_unit_that_did_not_start_is_told(
    world: World, feature: ListsFeature
) -> None:
    world.places.folder.keep(BAD.key, b"x", good(-DAY_S))
    world.fault = KernelError("no systemd")
    feature.turn()
    assert world.said == []
    world.fault = None
    world.clock.now += 30
    feature.turn()
    world.come(good(-DAY_S, error="no route"))
    feature.turn()
    assert world.said == [ListFailed(BAD.url, "no route", 3, ("alias bad",))]


def test_what_came_while_the_engine_was_starting_is_told_later(world: World, feature: ListsFeature) -> None:
    feature.turn()
    world.come(good(1000))
    world.starting = True
    feature.turn()
    assert world.refreshed == []
    world.starting = False
    feature.turn()
    feature.turn()
    assert world.refreshed == ["the list of alias bad has changed"]


def test_a_list_that_failed_and_is_named_in_another_way_is_tried_and_told_at_once(
    world: World, feature: ListsFeature
) -> None:
    world.places.folder.keep(BAD.key, b"x", good(-DAY_S))
    feature.turn()
    world.come(good(-DAY_S, error="no route"))
    feature.turn()
    assert feature._desk.next_s() == 30
    feature._desk.want([BAD])
    assert feature._desk.next_s() == 30, "the same again is no other"
    feature._desk.want([replace(BAD, ca="----")])
    assert feature._desk.next_s() == 0
    feature.turn()
    world.come(good(-DAY_S, error="no route"))
    feature.turn()
    assert len(world.said) == 2


def test_a_person_can_ask_for_a_list_before_it_is_due(world: World, feature: ListsFeature) -> None:
    world.places.folder.keep(BAD.key, b"x", good(1000))
    feature.turn()
    assert not world.runs
    assert feature.refresh(ANNA, Refresh(url=BAD.url)).running
    with pytest.raises(Conflict):
        feature.refresh(ANNA, Refresh())
    with pytest.raises(NotFound):
        feature.refresh(ANNA, Refresh(url="https://other.example/"))


def test_a_program_that_has_said_all_and_is_not_gone_yet_is_waited_for(
    world: World, feature: ListsFeature
) -> None:
    """Started again just then it would not start: systemd takes it for running."""
    feature.turn()
    world.come_slowly(good(1000))
    feature.turn()
    assert feature.status(ANNA, Nothing()).running
    with pytest.raises(Conflict):
        feature.refresh(ANNA, Refresh(url=BAD.url))
    world.runs = False
    feature.turn()
    assert not feature.status(ANNA, Nothing()).running
    assert world.refreshed == ["the list of alias bad has changed"]
