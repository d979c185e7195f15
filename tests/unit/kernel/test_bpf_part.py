# SPDX-License-Identifier: GPL-2.0-or-later
"""What sends open connections on is loaded where it is asked for, and the loader is not run in vain."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pytest

from patronus.core.errors import KernelError, Unavailable
from patronus.kernel import bpf_part
from patronus.kernel.bpf_part import ASKED, LOADER_UNIT, MISSING, ForwardingPart
from patronus.kernel.units import UnitState


@dataclass
class Machine:
    """A loader that works for a few looks; ``able``: with the file there, the program has the part then."""

    file: Path
    able: bool = True
    refuses: Exception | None = None
    present: bool = False
    looks: int = 0
    runs: list[bool] = field(default_factory=list)

    def restart(self, unit: str) -> None:
        assert unit == LOADER_UNIT
        if self.refuses is not None:
            raise self.refuses
        self.runs.append(self.file.exists())
        self.looks = 3

    def status(self, unit: str) -> UnitState:
        assert unit == LOADER_UNIT
        self.looks -= 1
        if self.looks > 0:
            return UnitState("active", "running", "success")
        self.present = self.able and self.file.exists()
        return UnitState("active", "exited", "success")


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    monkeypatch.setattr(bpf_part, "LOOK_EVERY_S", 0.001)
    return Machine(tmp_path / ASKED)


def part_of(machine: Machine) -> ForwardingPart:
    return ForwardingPart(machine.file, cast(Any, machine), lambda: machine.present)


def test_it_is_loaded_once_and_asked_for_at_the_next_boot_as_well(machine: Machine) -> None:
    part = part_of(machine)
    assert part.bring() is None
    assert machine.runs == [True]
    assert part.bring() is None
    assert part_of(machine).bring() is None, "a daemon that starts again"
    assert machine.runs == [True]
    assert machine.file.exists()


def test_left_out_nobody_asks_for_it_any_more(machine: Machine) -> None:
    part = part_of(machine)
    part.leave_out()
    part.bring()
    part.leave_out()
    assert not machine.file.exists()
    machine.present = False  # the next boot
    assert part.bring() is None
    assert machine.runs == [True, True]


def test_a_kernel_without_it_is_tried_once(machine: Machine) -> None:
    machine.able = False
    part = part_of(machine)
    assert (part.bring(), part.bring()) == (MISSING, MISSING)
    assert machine.runs == [True]
    part.leave_out()
    assert part.bring() == MISSING
    assert machine.runs == [True, True], "who turns it off and on has it tried again"


@pytest.mark.parametrize("refusal", [KernelError("systemd refuses"), Unavailable("nobody answers")])
def test_a_loader_that_cannot_be_run_is_told_and_tried_again(machine: Machine, refusal: Exception) -> None:
    machine.refuses = refusal
    part = part_of(machine)
    assert part.bring() == str(refusal)
    machine.refuses = None
    assert part.bring() is None


def test_a_file_that_cannot_be_made_or_taken_away_is_told(machine: Machine) -> None:
    machine.file = machine.file.with_name("missing") / ASKED
    assert "cannot be written" in str(part_of(machine).bring())
    machine.file.parent.mkdir()
    machine.file.mkdir()
    with pytest.raises(KernelError, match="cannot be taken away"):
        part_of(machine).leave_out()
    assert machine.runs == []
