# SPDX-License-Identifier: GPL-2.0-or-later
"""A program that is told and started: that it does not run is said to whoever asks, and refuses no change."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from patronus.core.errors import KernelError, PatronusError, Unavailable
from patronus.core.feature import Difference
from patronus.core.model import Configuration
from patronus.core.verb import Caller, Nothing, Role
from patronus.core.walk import Walk
from patronus.kernel.units import UnitState
from patronus.network.mappings import service as mappings
from patronus.network.mappings.model import SECTION, Mappings
from patronus.network.mappings.plan import MappingsPlan
from patronus.network.mdns import service as mdns
from patronus.network.mdns.plan import MdnsPlan
from tests.unit.network.told.systemd import ENDED, ENDS_AGAIN_AND_AGAIN, UP, Machine

TEXT = "# what it is told\n"


@dataclass
class Router:
    """A feature on its machine, and its plans."""

    feature: mdns.MdnsFeature | mappings.MappingsFeature
    machine: Machine
    off: Any
    on: Any
    what: str

    def apply(self, plan: Any, before: Any) -> None:
        """Walk from one plan to another."""
        name = self.feature.name
        Walk([self.feature]).apply({name: plan}, {name: before})

    def observe(self, plan: Any) -> list[Difference]:
        """Return how the machine differs from a plan."""
        return list(self.feature.observe(plan))


@pytest.fixture(params=["mdns", "mappings"])
def router(request: pytest.FixtureRequest, tmp_path: Path) -> Router:
    if request.param == "mdns":
        machine = Machine.below(tmp_path, mdns.SERVICE)
        on = MdnsPlan(text=TEXT)
        return Router(mdns.create(machine.host), machine, MdnsPlan(), on, "multicast DNS")
    machine = Machine.below(tmp_path, mappings.SERVICE)
    feature = mappings.create(machine.host)
    return Router(feature, machine, MappingsPlan(), MappingsPlan(text=TEXT), "port mappings")


@pytest.mark.parametrize("state", [ENDED, ENDS_AGAIN_AND_AGAIN])
def test_one_that_ended_is_a_difference_that_refuses_nothing(router: Router, state: UnitState) -> None:
    router.apply(router.on, router.off)
    assert router.observe(router.on) == []
    router.machine.units.state = state
    said = f"{router.machine.units.service} does not run: exit-code"
    assert router.observe(router.on) == [Difference(router.what, "running", said, refuses=False)]
    router.machine.units.state = UP
    assert router.observe(router.on) == []


@pytest.mark.parametrize("fault", [KernelError("there is no such unit"), Unavailable("nobody answers")])
def test_one_that_cannot_be_started_or_asked_about_is_too(router: Router, fault: PatronusError) -> None:
    unknown = Difference(router.what, "running", str(fault), refuses=False)
    router.apply(router.on, router.off)
    router.machine.units.fault = fault
    assert router.observe(router.on) == [unknown]
    router.apply(router.off, router.on)
    assert router.observe(router.off) == [Difference(router.what, "none", str(fault), refuses=False)]
    router.apply(router.on, router.off)
    assert router.observe(router.on) == [unknown]
    assert str(fault) in str(router.feature.notice())


def test_one_that_was_told_something_else_is_one_that_refuses(router: Router) -> None:
    router.apply(router.on, router.off)
    getattr(router.machine.places, router.feature.name).write_text("# by hand\n")
    assert router.observe(router.on) == [Difference(router.what, TEXT, "# by hand\n")]


def test_one_that_shall_not_run_is_not_asked_about(router: Router) -> None:
    router.machine.units.fault = Unavailable("nobody answers")
    assert router.observe(router.off) == []


def test_hosts_that_cannot_ask_are_told_why(tmp_path: Path) -> None:
    machine = Machine.below(tmp_path, mappings.SERVICE)
    feature = mappings.MappingsFeature(machine.host)
    machine.control = SimpleNamespace(config=Configuration({SECTION.path: Mappings()}))
    for step in feature.steps(MappingsPlan(text=TEXT), None):
        step.do()
    machine.units.state = ENDED
    listed = feature.list_mappings(Caller("anna", Role.ADMIN), Nothing())
    assert (listed.running, listed.mappings) == (False, [])
    assert listed.reason == f"{mappings.SERVICE} does not run: exit-code"
