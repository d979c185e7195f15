# SPDX-License-Identifier: GPL-2.0-or-later
"""The dialler around pppd: a program of ours stands in for that one and ends each session as it is told."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from patronus.network.pppoe import server
from patronus.network.pppoe.report import Report, parse
from patronus.network.pppoe.server import Dialler
from patronus.network.pppoe.task import Task

TASK = Task("wan", "eth1", "me@isp", "s3cret")
UP = "local  IP address 198.51.100.7"


class Place:
    """A folder with a pppd, the dialler that runs it, and what it told and waited for."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.report, self.options = folder / "report.json", folder / "options"
        self.dialler = Dialler(TASK, self.report, self.options)
        self.waits: list[tuple[int, bool]] = []
        self.told: list[Report] = []
        self._folder = folder
        self._most = 0
        monkeypatch.setattr(server, "PATH", f"{folder}:/usr/bin:/bin")
        monkeypatch.setattr(server, "MAILBOX", folder / "nobody.sock")
        monkeypatch.setattr(server, "pause_s", self._pause)

    def _pause(self, failures: int, *, refused: bool) -> float:
        self.waits.append((failures, refused))
        self.told.append(parse(self.report.read_text()))
        if len(self.waits) == self._most:
            self.dialler.stop()
        return 0.0

    def run(self, *sessions: str) -> None:
        """Dial as often as there are sessions, each a piece of a shell's program."""
        self._most = len(sessions)
        cases = "".join(f"{place}) {text} ;;\n" for place, text in enumerate(sessions, start=1))
        program = self._folder / "pppd"
        program.write_text(
            f"#!/bin/sh\necho >> {self._folder}/runs\ncase $(wc -l < {self._folder}/runs) in\n{cases}esac\n"
        )
        program.chmod(0o755)
        self.dialler.run()


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    return Place(tmp_path, monkeypatch)


def test_failures_are_counted_anew_after_a_session_that_stood(place: Place) -> None:
    silent, stood = "echo Timeout waiting for PADO packets; exit 1", f"echo {UP}; echo Modem hangup; exit 16"
    refused = "echo CHAP authentication failed; exit 19"
    place.run(silent, silent, stood, silent, refused)
    assert place.waits == [(1, False), (2, False), (1, False), (2, False), (3, True)]
    assert [one.error for one in place.told[:3]] == [
        "no access concentrator answers on eth1", "no access concentrator answers on eth1",
        "the session was hung up",
    ]  # fmt: skip
    assert all(not one.up and one.address is None for one in place.told)


def test_what_stands_is_told_to_all_and_the_password_to_none(place: Place) -> None:
    seen = place.options.with_name("seen")
    place.run(f"echo {UP}; until grep -q 198.51.100.7 {place.report}; do :; done; cp {place.report} {seen}")
    assert parse(seen.read_text()).up, "while it stood"
    assert stat.S_IMODE(place.options.stat().st_mode) == 0o600
    assert not place.report.exists(), "who dials no more tells nothing"


def test_a_pppd_that_does_not_go_is_ended(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "GOODBYE_S", 0.1)
    place.run("trap '' TERM; exec sleep 600 >&- 2>&-")
    assert [one.error for one in place.told] == ["pppd ended with status -9"]


def test_a_pppd_that_is_not_there_is_said(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "PATH", str(place.options.with_name("nothing")))
    place.run("exit 0")
    assert [one.error for one in place.told] == ["pppd cannot be started: No such file or directory"]
