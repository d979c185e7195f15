# SPDX-License-Identifier: GPL-2.0-or-later
"""A version whose boots are counted completes its boot only where the router is healthy, or it is alone."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from patronus.core.errors import KernelError
from patronus.update.health import LIMIT_S, Finding, Unproved
from patronus.update.machine import Entry
from patronus.update.prove import World, ask, prove
from patronus.update.task import Places, read

WELL = [Finding(name="dhcp", well=True, said="it answers")]
ILL = [*WELL, Finding(name="dns", well=False, said="nobody answers")]
NEW = Entry(version="0.2.0", name="patronus_0.2.0+2-1.efi", left=2, tried=1, bytes=1)
LAST = Entry(version="0.2.0", name="patronus_0.2.0+0-3.efi", left=0, tried=3, bytes=1)
PROVED = Entry(version="0.2.0", name="patronus_0.2.0.efi", left=None, bytes=1)
OLD = Entry(version="0.1.0", name="patronus_0.1.0.efi", left=None, bytes=1)
BAD = Entry(version="0.1.0", name="patronus_0.1.0+0-3.efi", left=0, tried=3, bytes=1)


@dataclass
class Stage:
    """A machine whose clock moves when somebody waits; ``answers`` are given in turn, the last for ever."""

    places: Places
    answers: list[list[Finding]]
    clock: float = 0.0
    asked: int = 0
    said: list[str] = field(default_factory=list)
    restarts: int = 0
    dark: bool = False

    def prove(self, *entries: Entry) -> bool:
        world = World(
            lambda: list(entries),
            self.ask,
            self.tell,
            self.restart,
            "{} said: no room".format,
            lambda: self.clock,
            self.sleep,
        )
        return prove("0.2.0", self.places, world)

    def ask(self) -> list[Finding]:
        self.asked += 1
        return self.answers[min(self.asked, len(self.answers)) - 1]

    def tell(self, text: str) -> None:
        if self.dark:
            raise KernelError("no console")
        self.said.append(text)

    def restart(self) -> None:
        self.restarts += 1

    def sleep(self, seconds: float) -> None:
        self.clock += seconds

    def kept(self) -> dict[str, list[str]]:
        found = read(Unproved, self.places.unproved)
        return found.reasons if found else {}


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(Places(unproved=tmp_path / "unproved.json"), [WELL])


def test_a_healthy_version_completes_its_boot_at_once(stage: Stage) -> None:
    assert stage.prove(NEW, OLD)
    assert (stage.asked, stage.clock, stage.restarts, stage.said) == (1, 0.0, 0, [])


def test_one_that_becomes_healthy_in_time_is_waited_for(stage: Stage) -> None:
    stage.answers = [ILL, [], ILL, WELL]
    assert stage.prove(NEW, OLD)
    assert (stage.asked, stage.restarts, stage.kept()) == (4, 0, {})


def test_one_that_stays_ill_restarts_says_why_and_leaves_the_reason_behind(stage: Stage) -> None:
    stage.answers = [ILL]
    assert not stage.prove(NEW, OLD)
    assert (stage.restarts, stage.clock >= LIMIT_S) == (1, True)
    (said,) = stage.said
    why = "dns: patronus-dns.service said: no room (nobody answers)"
    assert f"Patronus 0.2.0 is not healthy:\n  {why}\n" in said
    assert "tries left: 2" in said and "dhcp" not in said
    assert stage.kept() == {"0.2.0": [why]}


def test_what_no_program_is_behind_is_told_as_it_was_found(stage: Stage) -> None:
    stage.answers = [[Finding(name="check", well=False, said="http://192.168.1.10/ answers with 500")]]
    assert not stage.prove(NEW, OLD)
    assert stage.kept() == {"0.2.0": ["check: http://192.168.1.10/ answers with 500"]}


def test_the_last_try_names_the_version_that_runs_next(stage: Stage) -> None:
    stage.answers = [ILL]
    assert not stage.prove(LAST, OLD)
    assert "version 0.1.0 runs next" in stage.said[0]


def test_what_ailed_it_is_forgotten_once_it_is_healthy_and_that_of_others_is_not(stage: Stage) -> None:
    stage.places.unproved.write_text('{"reasons": {"0.2.0": ["old"], "0.3.0": ["dns: silent"]}}')
    assert stage.prove(NEW, OLD)
    assert stage.kept() == {"0.3.0": ["dns: silent"]}


@pytest.mark.parametrize("others", [(), (BAD,)])
def test_one_that_is_ill_and_alone_stays_up_and_says_so(stage: Stage, others: tuple[Entry, ...]) -> None:
    stage.answers = [ILL]
    assert stage.prove(NEW, *others)
    assert stage.restarts == 0
    assert "no other version" in stage.said[0]


@pytest.mark.parametrize("entries", [(PROVED, OLD), (OLD,), ()])
def test_where_nothing_is_counted_nothing_is_asked(stage: Stage, entries: tuple[Entry, ...]) -> None:
    stage.answers = [ILL]
    assert stage.prove(*entries)
    assert stage.asked == 0


def test_dark_consoles_keep_nobody_from_falling_back(stage: Stage) -> None:
    stage.answers, stage.dark = [ILL], True
    assert not stage.prove(NEW, OLD)
    assert stage.restarts == 1


def test_a_daemon_that_does_not_answer_is_not_healthy(tmp_path: Path) -> None:
    (found,) = ask(tmp_path / "nobody.sock")
    assert (found.name, found.well) == ("patronusd", False)
