# SPDX-License-Identifier: GPL-2.0-or-later
"""Steps run one by one and lazily; a failure undoes those before it, in reverse, and all of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, cast

import pytest

from patronus.core.errors import KernelError
from patronus.core.feature import Difference, Earlier, Feature, Plan, Step
from patronus.core.model import Configuration
from patronus.core.running import Runner, Running
from patronus.core.walk import Walk

if TYPE_CHECKING:
    from patronus.core.schema import Loaded


class Recorder(Feature[Plan, None]):
    def __init__(
        self, name: str, log: list[str], fails: set[str], fault: type[Exception] = KernelError
    ) -> None:
        self.name = name  # type: ignore[misc]
        self.log = log
        self.fails = fails
        self.fault = fault
        self.works: dict[str, int] = {}

    def facts(self) -> None:
        return None

    def plan(self, config: Configuration, facts: None, earlier: Earlier) -> Plan:
        return Plan(contributions=(f"from {self.name} after {len(earlier.plans)}",))

    def steps(self, plan: Plan, running: Plan | None) -> Iterator[Step]:
        for number in range(2):
            self.log.append(f"make {self.name}{number}")
            yield Step(
                f"{self.name}{number}",
                self.act("do", f"{self.name}{number}"),
                self.act("undo", f"{self.name}{number}"),
            )

    def act(self, kind: str, name: str):  # type: ignore[no-untyped-def]
        def run() -> None:
            self.log.append(f"{kind} {name}")
            if f"{kind} {name}" in self.fails or self.works.get(f"{kind} {name}", 1) == 0:
                raise self.fault(f"{kind} {name} failed")
            if f"{kind} {name}" in self.works:
                self.works[f"{kind} {name}"] -= 1

        return run

    def observe(self, plan: Plan) -> Iterator[Difference]:
        yield from ()


def applied(fails: set[str]) -> tuple[list[str], KernelError | None]:
    log: list[str] = []
    walk = Walk([Recorder("a", log, fails), Recorder("b", log, fails)])
    plans = walk.prepare(Configuration({})).plans
    try:
        walk.apply(plans, {})
    except KernelError as error:
        return log, error
    return log, None


def test_steps_are_made_one_at_a_time_in_the_order_of_the_features() -> None:
    log, error = applied(set())
    assert error is None
    assert log == ["make a0", "do a0", "make a1", "do a1", "make b0", "do b0", "make b1", "do b1"]


@pytest.mark.parametrize(
    ("failing", "undone"), [("a0", []), ("a1", ["a0"]), ("b0", ["a1", "a0"]), ("b1", ["b0", "a1", "a0"])]
)
def test_a_failure_undoes_in_reverse(failing: str, undone: list[str]) -> None:
    log, error = applied({f"do {failing}"})
    assert error and f"{failing[0]}: {failing}: do {failing} failed" in str(error)
    assert [line for line in log if line.startswith("undo")] == [f"undo {one}" for one in undone]
    assert not any(line.startswith("make") for line in log[log.index(f"do {failing}") :])


def test_what_cannot_be_undone_is_said_and_the_rest_is_undone() -> None:
    log, error = applied({"do b1", "undo b0"})
    assert error and any("b0 could not be undone" in note for note in error.__notes__)
    assert log[-1] == "undo a0"


@pytest.mark.parametrize("fault", [KernelError, ZeroDivisionError], ids=["refused", "mistake"])
def test_whatever_an_undo_comes_to_the_rest_is_undone_and_the_first_failure_is_told(
    fault: type[Exception],
) -> None:
    log: list[str] = []
    walk = Walk([Recorder("a", log, {"undo a1"}, fault), Recorder("b", log, {"do b0"})])
    with pytest.raises(KernelError, match="do b0 failed") as told:
        walk.apply(walk.prepare(Configuration({})).plans, {})
    assert ["a1 could not be undone" in note for note in told.value.__notes__] == [True]
    assert log[-1] == "undo a0"


@pytest.mark.parametrize("fault", [KernelError, ZeroDivisionError], ids=["refused", "mistake"])
def test_a_way_back_that_fails_is_told_after_what_led_there(fault: type[Exception]) -> None:
    log: list[str] = []
    first, second = Recorder("a", log, set(), fault), Recorder("b", log, set())
    runner, loaded = Runner(Walk([first, second])), cast("Loaded", None)
    plans = {"a": Plan(), "b": Plan()}
    runner.start(Running(1, loaded, plans))
    second.fails.add("do b0")
    first.works["do a0"] = 1  # by the change, and no more by the way back
    with pytest.raises(KernelError, match="do b0 failed") as told:
        runner.change_to(Running(2, loaded, plans))
    assert "generation 1 could not be applied again" in str(told.value)
    assert (runner.restored, runner.running.number) == (False, 1)


def test_each_plan_sees_the_earlier_ones() -> None:
    walk = Walk([Recorder("a", [], set()), Recorder("b", [], set())])
    plans = walk.prepare(Configuration({})).plans
    assert plans["b"].contributions == ("from b after 1",)
