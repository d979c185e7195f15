# SPDX-License-Identifier: GPL-2.0-or-later
"""The head start is that of the confirmed generation as it runs, or none: whatever happens on the way."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from patronus.core.confirm import Pending
from patronus.core.errors import KernelError, StorageError
from patronus.core.files import Disk
from patronus.core.generations import Generations, Manifest
from patronus.core.head_start import FORMAT, Card, HeadStart, Line, Occasion, System, render
from patronus.core.kept_start import QUIET_S, Keeping, KeptStart
from patronus.core.model import Configuration
from patronus.core.running import Running
from patronus.core.schema import Loaded
from patronus.core.turn import Turn
from patronus.core.walk import Walk

RUNS, WAITS = System("1.2", "ab12"), System("1.3", "cd34")
OCCASION = Occasion(
    1000.5, (Card("eth0", "02:00:00:00:00:01", "-"),), (RUNS, WAITS), 7, {"files/b": "22", "a": "11"}
)
PROGRAM = Path(__file__).parents[3] / "rootfs/usr/lib/patronus/head-start"
PARTS = (
    HeadStart((Line("set", "link set dev eth0 up"), Line("make", "link add name br type bridge"))),
    HeadStart((Line("nft", "{}"), Line("sysctl", "net/ipv4/ip_forward 1")), for_s=60),
    HeadStart(for_s=90),
)
TEXTS = {"zones.yaml": "zones: []\n"}
MANIFEST = Manifest(0, 1, "1.2", None, "ann", "", {}, 1000.0, "boot")


def test_the_file_says_what_must_hold_and_then_what_is_loaded_in_its_order() -> None:
    digest, _, body = render(OCCASION, PARTS).partition(b"\n")
    assert digest == b"sha256 " + hashlib.sha256(body).hexdigest().encode()
    assert body.decode().splitlines() == [
        "format 1", "generation 7", "system 1.2 ab12", "system 1.3 cd34", "between 1000 1060",
        "card eth0 02:00:00:00:00:01 -",
        "file 11  a", "file 22  files/b", "", "make link add name br type bridge", "nft {}",
        "set link set dev eth0 up", "sysctl net/ipv4/ip_forward 1",
    ]  # fmt: skip


def test_the_program_that_loads_it_knows_its_format() -> None:
    assert f"\nformat={FORMAT}\n" in PROGRAM.read_text()


def test_what_never_ends_is_not_tied_to_the_clock() -> None:
    assert b"between" not in render(OCCASION, PARTS[:1])


class Stuck(Disk):
    """A disk that removes nothing."""

    def remove(self, path: Path) -> None:
        raise OSError(30, "Read-only file system", str(path))


@dataclass
class Foreseen(Walk):
    """Plans the same head start each time, or fails."""

    features: tuple[()] = ()
    error: Exception | None = None
    parts: list[HeadStart] = field(default_factory=lambda: list(PARTS[:1]))

    def head_start(self, config: Configuration) -> list[HeadStart]:
        if self.error is not None:
            raise self.error
        return self.parts


class Desk:
    """A folder of generations, number 1 confirmed, and what keeps its head start."""

    def __init__(self, folder: Path, disk: Disk | None = None) -> None:
        self.path = folder / "head-start"
        self.generations = Generations(folder / "generations")
        self.generations.publish(MANIFEST, TEXTS)
        self.generations.confirm(1)
        self.wakes: list[float | None] = []
        self.systems: tuple[System, ...] = (RUNS,)
        kept = KeptStart(self.path, self.generations, lambda: OCCASION, lambda: self.systems, disk)
        self.keeping = Keeping(kept, self.generations, self.wakes.append, Turn())
        self.walk = Foreseen()
        self.running = Running(1, Loaded({}, Configuration({}), ()), {})

    def keep(self) -> None:
        self.keeping.keep(lambda: self.running, self.walk, fallback="in its place")

    def settle(self) -> None:
        self.keeping.settled()
        self.keep()


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_it_is_kept_a_while_after_the_kernel_was_read_back(desk: Desk) -> None:
    desk.keep()
    assert not desk.path.exists()
    desk.keeping.settled()
    assert desk.wakes == [QUIET_S]
    desk.keep()
    lines = desk.path.read_text().splitlines()
    assert lines[2:4] == ["generation 1", "system 1.2 ab12"]
    manifest = hashlib.sha256((desk.path.parent / "generations/1/manifest.json").read_bytes()).hexdigest()
    zones = hashlib.sha256(TEXTS["zones.yaml"].encode()).hexdigest()
    assert [line for line in lines if line.startswith("file")] == [
        f"file {zones}  files/zones.yaml", f"file {manifest}  manifest.json",
    ]  # fmt: skip


def test_it_is_taken_away_before_anything_changes_and_what_was_owed_is_no_more(desk: Desk) -> None:
    desk.settle()
    desk.keeping.settled()
    desk.keeping.unsettled()
    assert not desk.path.exists()
    desk.keep()
    assert not desk.path.exists()


def test_what_is_kept_is_not_written_again_until_something_changes(desk: Desk) -> None:
    desk.settle()
    desk.path.unlink()
    desk.settle()
    assert not desk.path.exists()
    desk.keeping.unsettled()
    desk.settle()
    assert desk.path.exists()


def test_a_generation_that_is_not_the_next_boots_has_none(desk: Desk) -> None:
    desk.settle()
    desk.keeping.unsettled()
    desk.generations.publish(MANIFEST, TEXTS)
    desk.running = replace(desk.running, number=2)
    desk.settle()
    assert not desk.path.exists()
    desk.generations.confirm(2)
    desk.settle()
    assert desk.path.read_text().splitlines()[2] == "generation 2"


def test_while_a_change_waits_for_confirmation_nothing_is_kept(desk: Desk) -> None:
    desk.generations.set_pending(Pending(2, 99.0, "boot", "ann"))
    desk.settle()
    assert not desk.path.exists()
    desk.generations.set_pending(None)
    desk.settle()
    assert desk.path.exists()


def test_what_runs_in_the_place_of_what_was_given_has_none(desk: Desk) -> None:
    desk.generations.publish(replace(MANIFEST, comment="in its place"), TEXTS)
    desk.generations.confirm(2)
    desk.running = replace(desk.running, number=2)
    desk.settle()
    assert not desk.path.exists()


@pytest.mark.parametrize("error", [KernelError("no cards"), RuntimeError("a mistake")])
def test_one_that_cannot_be_made_takes_the_old_one_along(desk: Desk, error: Exception) -> None:
    desk.settle()
    assert desk.path.exists()
    desk.keeping.unsettled()
    desk.path.write_text("left by somebody")
    desk.walk.error = error
    with pytest.raises(type(error)):
        desk.settle()
    assert not desk.path.exists()


def test_a_disk_that_refuses_stops_no_change_and_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    desk = Desk(tmp_path, Stuck())
    desk.settle()
    desk.keeping.unsettled()
    assert "out of date, and stays" in caplog.text
    with pytest.raises(StorageError):
        KeptStart(desk.path, desk.generations, lambda: OCCASION, lambda: (RUNS,), Stuck()).forget()


def test_a_system_that_was_installed_has_its_head_start_too(desk: Desk) -> None:
    desk.settle()
    desk.keeping.settled()
    assert desk.wakes == [QUIET_S], "nothing has changed"
    desk.systems = (RUNS, WAITS)
    desk.keeping.settled()
    assert desk.wakes == [QUIET_S, QUIET_S]
    desk.keep()
    assert desk.path.read_text().splitlines()[3:5] == ["system 1.2 ab12", "system 1.3 cd34"]


def test_the_daemons_end_keeps_it_for_a_system_that_came_a_moment_ago(desk: Desk) -> None:
    desk.settle()
    desk.systems = (RUNS, WAITS)
    desk.keep()
    assert "system 1.3 cd34" in desk.path.read_text().splitlines()
    desk.keeping.unsettled()
    desk.systems = (RUNS,)
    desk.keep()
    assert not desk.path.exists(), "another system brings back nothing that has changed meanwhile"


def test_what_cannot_be_said_whole_is_not_kept(desk: Desk) -> None:
    desk.walk.parts = [HeadStart(whole=False)]
    desk.settle()
    assert not desk.path.exists()
