# SPDX-License-Identifier: GPL-2.0-or-later
"""Wherever a plugin breaks, the router boots without it and says so; without the guard it would not."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from patronus.core.edit import PutFile
from patronus.core.engine import Engine
from patronus.core.errors import InvalidConfiguration, KernelError
from patronus.core.feature import Difference, Feature, Plan, Step
from patronus.core.model import Configuration, Section, Strict
from patronus.core.problem import Problem
from patronus.core.values import Port
from patronus.core.verb import Done, Nothing, Verb
from patronus.daemon.guard import Guarded
from patronus.daemon.patience import Patience
from tests.unit.core.router import ADMIN, Router


class Model(Strict):
    port: Port = 9


class Guest(Feature[Plan, None]):
    """A plugin that raises ``error`` in the method that is named."""

    name = "guest"
    sections = (Section("plugins/guest", Model),)

    def __init__(self, where: str = "", error: Exception | None = None) -> None:
        self.where, self.error = where, error or ZeroDivisionError("mine")
        self.done: list[str] = []
        self.offers: list[Verb[Any, Any]] = []

    def _at(self, where: str) -> None:
        if where == self.where:
            raise self.error

    def check(self, config: Configuration) -> Iterable[Problem]:
        self._at("check")
        if config.get(Model).port == 7:
            yield Problem(("plugins/guest", "port"), "not seven")

    def facts(self) -> None:
        self._at("facts")

    def plan(self, config: Configuration, facts: None, earlier: Any) -> Plan:
        self._at("plan")
        return Plan()

    def rehearse(self, plan: Plan) -> Iterable[Problem]:
        self._at("rehearse")
        return ()

    def steps(self, plan: Plan, running: Plan | None) -> Iterator[Step]:
        self._at("steps")
        yield Step("guest's step", lambda: self._do("do"), lambda: self._do("undo"))

    def _do(self, what: str) -> None:
        self._at(what)
        self.done.append(what)

    def observe(self, plan: Plan) -> Iterable[Difference]:
        self._at("observe")
        return ()

    def verbs(self) -> Iterable[Verb[Any, Any]]:
        self._at("verbs")
        return self.offers


class GuestRouter(Router):
    """The small router with a plugin as its last feature."""

    guest: Feature[Any, Any]

    def parts(self) -> Any:
        parts = super().parts()
        return replace(parts, features=[*parts.features, self.guest])


def router(root: Path, guest: Feature[Any, Any]) -> GuestRouter:
    made = GuestRouter(root)
    made.guest = guest
    return made


def guarded(guest: Guest) -> tuple[Guarded, list[str]]:
    said: list[str] = []
    return Guarded(guest, said.append, Patience(Path(tempfile.mkdtemp()))), said


METHODS = ("check", "facts", "plan", "rehearse", "steps", "do", "observe")
ERRORS = (ZeroDivisionError("mine"), KernelError("refused"))


@pytest.mark.parametrize("error", ERRORS)
@pytest.mark.parametrize("where", METHODS)
def test_the_router_boots_without_a_plugin_that_breaks(tmp_path: Path, where: str, error: Exception) -> None:
    guest, said = guarded(Guest(where, error))
    made = router(tmp_path, guest)
    made.start()
    guest.booted()
    assert made.engine.generation == 1
    assert len(said) == 1
    assert "the plugin guest is left out" in said[0]
    commit = made.engine.submit([PutFile("zones.yaml", "zones: [{id: dmz}]\n")], ADMIN)
    assert any("guest is left out" in warning.message for warning in commit.warnings)
    assert len(said) == 1


@pytest.mark.parametrize("where", METHODS)
def test_without_the_guard_it_would_not_boot(tmp_path: Path, where: str) -> None:
    with pytest.raises((KernelError, ZeroDivisionError)):
        router(tmp_path, Guest(where)).start()


def test_a_sound_plugin_is_called_and_may_refuse_once_booted(tmp_path: Path) -> None:
    inner = Guest()
    guest, said = guarded(inner)
    made = router(tmp_path, guest)
    made.start()
    guest.booted()
    assert (inner.done, said) == (["do"], [])
    with pytest.raises(InvalidConfiguration, match="not seven"):
        made.engine.submit([PutFile("plugins/guest.yaml", "port: 7\n")], ADMIN)
    inner.where, inner.error = "do", KernelError("not now")
    with pytest.raises(KernelError, match="not now"):
        made.engine.submit([PutFile("plugins/guest.yaml", "port: 8\n")], ADMIN)
    assert made.engine.generation == 1
    assert said == []


def test_a_plugin_that_became_stricter_does_not_take_the_generation_with_it(tmp_path: Path) -> None:
    """What it refuses at boot ran before: it, not the configuration, is left out."""
    made = router(tmp_path, guarded(Guest())[0])
    made.start()
    made.engine.submit([PutFile("plugins/guest.yaml", "port: 7\n")], ADMIN)
    guest, said = guarded(Guest())
    made.guest = guest
    assert made.start().generation == 2
    assert "not seven" in said[0]


@pytest.mark.parametrize("text", ["prot: 8\n", "port: 70000\n", "port: [\n"])
def test_a_file_that_its_plugin_cannot_read_any_more_is_kept_unread(tmp_path: Path, text: str) -> None:
    made = Router(tmp_path)
    made.start()
    made.engine.submit([PutFile("plugins/guest.yaml", text)], ADMIN)
    later = router(tmp_path, guarded(Guest())[0])
    later.kernels = 1
    engine: Engine = later.start()
    assert engine.generation == 2
    assert "plugins/guest.yaml is left out" in later.report.messages[0]
    assert engine.texts["plugins/guest.yaml"] == text
    assert engine.config.get(Model).port == 9


def test_a_file_whose_plugin_is_gone_is_kept_and_named(tmp_path: Path) -> None:
    made = router(tmp_path, guarded(Guest())[0])
    made.start()
    made.engine.submit([PutFile("plugins/guest.yaml", "port: 8\n")], ADMIN)
    later = Router(tmp_path, kernels=1)
    assert later.start().generation == 2
    assert later.report.messages[0] == "plugins/guest.yaml is kept, but nothing reads it"
    later.engine.submit([PutFile("zones.yaml", "zones: [{id: dmz}]\n")], ADMIN)
    assert later.working()["plugins/guest.yaml"] == "port: 8\n"


def verb(name: str, route: str | None) -> Verb[Any, Any]:
    return Verb(name, Nothing, Done, lambda caller, given: Done(), route=route)


@pytest.mark.parametrize(
    ("name", "route"),
    [
        ("firewall.Open", None),
        ("guest.Show", "GET /rules"),
        ("guest.Show", "GET /plugins/guestbook"),
    ],
)
def test_verbs_outside_its_own_name_leave_it_out(name: str, route: str | None) -> None:
    inner = Guest()
    inner.offers = [verb("guest.List", "GET /plugins/guest"), verb(name, route)]
    guest, said = guarded(inner)
    assert list(guest.verbs()) == []
    assert "left out" in said[0]
    inner.offers.pop()
    guest, said = guarded(inner)
    assert [one.name for one in guest.verbs()] == ["guest.List"]
    assert said == []
