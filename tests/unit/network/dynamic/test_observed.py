# SPDX-License-Identifier: GPL-2.0-or-later
"""Daemons that could not be started, do not answer or run other lines: each is a difference, told as such."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from patronus.core.errors import Unavailable
from patronus.core.feature import Difference
from patronus.core.problem import Severity
from patronus.kernel.host import Host
from patronus.kernel.vty import Vty
from patronus.network.dynamic import service
from patronus.network.dynamic.lines import written
from patronus.network.dynamic.plan import BGPD, MGMTD, ZEBRA, DynamicPlan
from patronus.network.dynamic.render import render
from patronus.network.dynamic.service import DynamicFeature
from patronus.network.routing.model import Routing
from tests.unit.kernel.frr import Daemon

SECRET = "sesame"
BGP: dict[str, Any] = {
    "as": 65001,
    "neighbors": [{"id": "isp", "address": "192.0.2.2", "remote_as": 65001, "password": {"secret": "isp"}}],
}
PLAN = DynamicPlan(bgp=Routing.model_validate({"bgp": BGP}).bgp, handles={"isp": cast(Any, None)})
LINES = render(PLAN, lambda _: SECRET)[BGPD]


class Units:
    """systemd, which has started the daemons already, or cannot."""

    fault: Unavailable | None = None

    def start(self, unit: str) -> None:
        assert unit.startswith("patronus-frr@")
        if self.fault is not None:
            raise self.fault

    stop = start


@pytest.fixture
def units() -> Units:
    return Units()


@pytest.fixture
def feature(tmp_path: Path, units: Units, monkeypatch: pytest.MonkeyPatch) -> DynamicFeature:
    monkeypatch.setattr(service, "START_S", 0.1)
    host = SimpleNamespace(
        units=units, places=SimpleNamespace(routers=tmp_path),
        secrets=SimpleNamespace(read=lambda _: SECRET.encode()), control=SimpleNamespace(publish=print),
    )  # fmt: skip
    return DynamicFeature(cast(Host, cast(Any, host)), Vty(tmp_path))


def running(folder: Path, *names: str, text: str = written(LINES)) -> ExitStack:
    """Have daemons answer; bgpd says that it runs a configuration."""
    stack = ExitStack()
    for name in names:
        said = {"show running-config": ((text if name == BGPD else "log stdout\n").encode(), 0)}
        stack.enter_context(Daemon(folder, name, said))
    return stack


def test_daemons_that_run_what_is_planned_are_no_difference(feature: DynamicFeature, tmp_path: Path) -> None:
    with running(tmp_path, MGMTD, ZEBRA, BGPD):
        assert list(feature.observe(PLAN)) == []


@pytest.mark.parametrize("dead", [MGMTD, ZEBRA, BGPD])
def test_one_that_does_not_answer_is_named_and_refuses_nothing(
    feature: DynamicFeature, tmp_path: Path, dead: str
) -> None:
    with running(tmp_path, *{MGMTD, ZEBRA, BGPD} - {dead}):
        (found,) = feature.observe(PLAN)
    assert (found.what, found.wanted, found.refuses) == (dead, "running", False)
    assert found.found.startswith(f"{dead} does not answer")


def test_daemons_that_could_not_be_brought_up_are_told_of_and_refuse_nothing(
    feature: DynamicFeature, tmp_path: Path, units: Units
) -> None:
    units.fault = Unavailable("the units helper does not answer")
    for step in feature.steps(PLAN, None):
        step.do()
    said = Difference(
        "routes from other routers", "mgmtd, zebra, bgpd", "the units helper does not answer", refuses=False
    )
    assert list(feature.observe(PLAN)) == [said]
    units.fault = None
    for step in feature.steps(PLAN, PLAN):
        step.do()
    (silent,) = feature.observe(PLAN)
    assert (silent.refuses, silent.found) == (False, "mgmtd does not answer 0.1 s after its start")
    with running(tmp_path, MGMTD, ZEBRA, BGPD):
        for step in feature.steps(PLAN, PLAN):
            step.do()
        assert list(feature.observe(PLAN)) == []
    feature.stop()


def test_those_that_could_not_be_stopped_are_told_of_too(feature: DynamicFeature, units: Units) -> None:
    feature._file(BGPD).write_text("!\n")
    units.fault = Unavailable("nobody answers")
    for step in feature.steps(DynamicPlan(), None):
        step.do()
    assert list(feature.observe(DynamicPlan())) == [
        Difference("routes from other routers", "nothing", "nobody answers", refuses=False)
    ]


def test_other_lines_refuse_and_no_secret_is_shown(feature: DynamicFeature, tmp_path: Path) -> None:
    other = written(LINES).replace(f"password {SECRET}", "password another")
    with running(tmp_path, MGMTD, ZEBRA, BGPD, text=other):
        for step in feature.steps(PLAN, None):
            step.do()
        found = list(feature.observe(PLAN))
    feature.stop()
    assert [(one.wanted, one.found, one.refuses) for one in found] == [
        ("missing", "there", True), ("there", "missing", True),
    ]  # fmt: skip
    assert SECRET not in repr(found)
    assert all("neighbor 192.0.2.2 password" in one.what for one in found)


def test_a_secret_is_read_by_the_daemons_and_by_nobody_else(feature: DynamicFeature, tmp_path: Path) -> None:
    with running(tmp_path, MGMTD, ZEBRA, BGPD):
        for step in feature.steps(PLAN, None):
            step.do()
    feature.stop()
    path = tmp_path / "bgpd.conf"
    assert SECRET in path.read_text()
    assert path.stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize("kept", [b"two words", b"x" * 81, "schl\u00fcssel".encode(), b""])
def test_who_has_a_secret_that_is_no_key_is_warned_of_it_and_stays_silent(
    feature: DynamicFeature, monkeypatch: pytest.MonkeyPatch, kept: bytes
) -> None:
    monkeypatch.setattr(feature._host.secrets, "read", lambda _: kept)
    problems = [one for one in feature.rehearse(PLAN) if one.severity is Severity.ERROR]
    assert [one.message for one in problems] == ["the secret isp is no key for bgp"]
    feature._plan = PLAN
    said = [line.text for line in render(PLAN, feature._secret)[BGPD]]
    assert "neighbor 192.0.2.2 shutdown" in said
    assert not any("password" in one for one in said)


def test_lists_that_change_are_taken_at_once(feature: DynamicFeature, tmp_path: Path) -> None:
    """bgpd asks its neighbours again only where it is told to."""
    listed = Routing.model_validate(
        {
            "bgp": {**BGP, "neighbors": [{**BGP["neighbors"][0], "import": "in"}]},
            "prefix_lists": [{"id": "in", "entries": [{"prefix": "10.0.0.0/8"}]}],
        }
    )
    plan = DynamicPlan(
        bgp=listed.bgp, lists={one.id: one for one in listed.prefix_lists}, handles=PLAN.handles
    )
    with running(tmp_path, MGMTD, ZEBRA), Daemon(tmp_path, BGPD) as bgpd:
        for step in feature.steps(PLAN, None):
            step.do()
        assert "clear bgp * soft" not in bgpd.heard
        for step in feature.steps(plan, PLAN):
            step.do()
        assert "clear bgp * soft" in bgpd.heard
    feature.stop()
