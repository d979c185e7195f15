# SPDX-License-Identifier: GPL-2.0-or-later
"""The daemon has one installation done at a time, on a disk whose name was typed, and says how it goes."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import pytest

from patronus.core.errors import Conflict, InvalidRequest, NotFound, Unavailable
from patronus.core.verb import Caller, Grant, Nothing, Role
from patronus.daemon.console import first_login_text
from patronus.daemon.updates.installer import UNIT, InstallerStatus, InstallerVerbs, InstallOn, installable
from patronus.kernel.units import Units, UnitState
from patronus.update.disk import Disk, World
from patronus.update.task import DiskTask, Places, Report, read, write

ANNA = Caller("anna", Role.ADMIN)
FREE = Disk(name="sda", model="SSD", bytes=32 << 30, removable=False, problems=[])
OURS = Disk(name="sdb", model="Stick", bytes=8 << 30, removable=True, problems=["this router runs from it"])


@dataclass
class Machine:
    """systemd as far as one unit goes, and two disks."""

    places: Places
    asked: list[str] = field(default_factory=list)
    active: str = "inactive"
    broken: bool = False

    def start(self, unit: str) -> None:
        if self.broken:
            raise Unavailable("the units helper does not answer")
        if self.active == "active":
            return  # it is there, and reads no other task
        self.asked.append(unit)
        self.active = "active"

    def status(self, unit: str) -> UnitState:
        assert unit == UNIT
        return UnitState(self.active, "", "")

    def report(self, **given: object) -> None:
        write(self.places.disk, Report.model_validate(given))

    @property
    def verbs(self) -> InstallerVerbs:
        return InstallerVerbs(cast(Units, self), self.places, lambda: [FREE, OURS])

    def install(self, disk: str, typed: str | None = None) -> InstallerStatus:
        return self.verbs.install(ANNA, InstallOn(disk=disk, typed=disk if typed is None else typed))

    def status_now(self) -> InstallerStatus:
        return self.verbs.status(ANNA, Nothing())


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(Places(disk_task=tmp_path / "task.json", disk=tmp_path / "report.json"))


def test_an_installation_goes_from_the_asking_to_the_disk_that_holds_it(machine: Machine) -> None:
    before = machine.status_now()
    assert (before.state, before.disk, [disk.name for disk in before.disks]) == ("idle", None, ["sda", "sdb"])
    assert machine.install("sda", "/dev/sda").state == "running"
    assert machine.asked == [UNIT]
    assert read(DiskTask, machine.places.disk_task) == DiskTask(number=1, disk="sda")
    machine.report(number=1, state="running", step="writing sda3", done=5, total=10)
    now = machine.status_now()
    assert (now.disk, now.step, now.done, now.total) == ("sda", "writing sda3", 5, 10)
    machine.report(number=1, state="done", step="installed", version="0.1.0")
    assert (machine.status_now().state, machine.status_now().installed) == ("running", None)
    machine.active = "inactive"
    assert (machine.status_now().state, machine.status_now().installed) == ("done", "0.1.0")


def test_another_name_a_disk_in_use_and_one_that_is_not_there_are_refused_and_nothing_starts(
    machine: Machine,
) -> None:
    with pytest.raises(InvalidRequest, match="this is not sda; nothing was done"):
        machine.install("sda", "sdb")
    with pytest.raises(Conflict, match="this router runs from it"):
        machine.install("sdb")
    with pytest.raises(NotFound):
        machine.install("sdc")
    assert machine.asked == [] and machine.status_now().state == "idle"


def test_there_is_one_at_a_time_and_the_next_one_does_not_inherit_a_report(machine: Machine) -> None:
    machine.install("sda")
    with pytest.raises(Conflict, match="an installation on sda is under way"):
        machine.install("sda")
    machine.active = "inactive"
    machine.report(number=1, state="failed", error="the disk is faulty")
    assert (machine.status_now().state, machine.status_now().error) == ("failed", "the disk is faulty")
    machine.install("sda")
    assert (machine.status_now().state, machine.status_now().error) == ("running", None)
    machine.active = "inactive"
    assert "without a word" in str(machine.status_now().error), "the first one's fault is not its own"


def test_one_that_has_said_all_and_is_not_gone_is_waited_for(machine: Machine) -> None:
    """Started again just then it would not start: systemd takes it for running."""
    machine.install("sda")
    machine.report(number=1, state="failed", error="the disk is faulty")
    with pytest.raises(Conflict, match="an installation on sda is under way"):
        machine.install("sda")
    machine.active = "inactive"
    assert machine.status_now().error == "the disk is faulty"
    machine.install("sda")
    assert machine.asked == [UNIT, UNIT], "it began"


def test_a_program_that_ended_without_a_word_has_failed(machine: Machine) -> None:
    machine.install("sda")
    machine.report(number=1, state="running", step="writing sda3", done=5, total=10)
    machine.active = "failed"
    found = machine.status_now()
    assert found.state == "failed"
    assert found.error is not None and found.error.endswith("journalctl -u patronus-disk-install.service")
    machine.broken = True
    with pytest.raises(Unavailable):
        machine.install("sda")


def test_the_console_of_a_new_router_names_the_disks_and_is_silent_where_there_are_none() -> None:
    given = (["192.168.1.1"], "code", "print", "new")
    assert "hold a key while it starts): sda (SSD, 32.0 GB)\n" in first_login_text(
        *given, ["sda (SSD, 32.0 GB)"]
    )
    assert "Installation" not in first_login_text(*given)


def test_only_disks_that_can_be_taken_are_named_and_trouble_keeps_no_router_from_its_code(
    tmp_path: Path,
) -> None:
    for name, size in (("sda", 1 << 26), ("sdb", 1 << 20)):
        block = tmp_path / "class/block" / name
        (block / "device").mkdir(parents=True)
        (block / "dev").write_text("8:1")
        (block / "size").write_text(str(size))
    (tmp_path / "empty").write_text("")
    assert installable(World(tmp_path, tmp_path / "empty", tmp_path / "empty")) == ["sda (no name, 34.4 GB)"]
    assert installable(World(tmp_path / "nothing")) == []


def test_no_role_of_ones_own_can_hold_it(machine: Machine) -> None:
    install = next(verb for verb in machine.verbs.verbs() if verb.name == "installer.Install")
    assert not Grant("own", Role.OPERATOR, ("installer.*",)).allows(install)
    assert Grant("admin", Role.ADMIN).allows(install)
