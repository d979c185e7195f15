# SPDX-License-Identifier: GPL-2.0-or-later
"""The owner's own check: the program that is run, how it ends, and what is said of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import cast

import pytest

from patronus.core.errors import Unavailable
from patronus.core.values import Refused
from patronus.daemon.updates.own_check import UNIT, OwnCheck
from patronus.daemon.updates.settings import parse_command
from patronus.kernel.units import Units
from patronus.update import check
from patronus.update.task import Places


class Systemd:
    """Starts the program in this process, as the unit does in its own."""

    def __init__(self, program: Callable[[], object]) -> None:
        self._program = program

    def start(self, unit: str) -> None:
        assert unit == UNIT
        self._program()


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return Places(check_task=tmp_path / "check.json", check=tmp_path / "report.json")


def own_check(places: Places, program: Callable[[], object] | None = None) -> OwnCheck:
    return OwnCheck(cast(Units, Systemd(program or (lambda: check.run(places)))), places)


def test_a_program_that_ends_well_is_well_with_its_last_words(places: Places) -> None:
    assert own_check(places).run(["/bin/echo", "first\nlast; $(id)"]) == "last; $(id)", "no shell reads it"
    assert own_check(places).run(["/bin/true"]) == "/bin/true ended well"


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (["/bin/false"], "exit status 1: /bin/false"),
        (["/bin/sh", "-c", "echo no link >&2; exit 3"], "no link"),
        (["/nowhere/alive"], "No such file"),
    ],
)
def test_one_that_fails_or_is_not_there_is_not(places: Places, command: list[str], said: str) -> None:
    with pytest.raises(Unavailable, match=said):
        own_check(places).run(command)


def test_one_that_takes_too_long_is_ended(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check, "LIMIT_S", 0.1)
    with pytest.raises(Unavailable, match="took longer"):
        own_check(places).run(["/bin/sleep", "600"])


def test_a_report_outlives_the_daemon_and_a_silent_program_does_not_inherit_it(places: Places) -> None:
    own_check(places).run(["/bin/true"])
    started_again, silent = own_check(places), own_check(places, lambda: None)
    for _ in range(2):
        with pytest.raises(Unavailable, match="left no report"):
            silent.run(["/bin/true"])
    assert started_again.run(["/bin/echo", "here"]) == "here"


def test_only_the_whole_path_of_a_program_and_words_are_taken() -> None:
    assert parse_command(["/usr/bin/ping", "-c1", "192.168.1.10"]) == ["/usr/bin/ping", "-c1", "192.168.1.10"]
    wrong: tuple[object, ...] = (
        "ping 192.168.1.10",
        [],
        ["ping"],
        ["/usr/bin/"],
        ["/usr/../bin/x"],
        ["/bin/x", 3],
        ["/x\n"],
        ["/x", "a\x1b[2J"],
        ["/x", "a" * 1001],
        ["/x"] * 33,
        None,
    )
    for value in wrong:
        with pytest.raises(Refused):
            parse_command(value)
