# SPDX-License-Identifier: GPL-2.0-or-later
"""The boot entry Install at its console, with the real systemd-repart, on a disk that is a file."""

from __future__ import annotations

import fcntl
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from patronus.core.errors import StorageError
from patronus.daemon.install_dialog import ASK_DISK, ASK_WORD, RESTART, SWITCH_OFF, Dialog
from patronus.update import disk_install
from patronus.update.disk import Disk
from tests.netns.update.test_disk_install import DISK_BYTES, MIB, ROOT, ROOT_ID, Machine, machine

__all__ = ["machine"]


@dataclass
class Console:
    """A person who types these lines, and what was shown to them."""

    lines: list[str]
    said: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def prompt(self, question: str) -> str:
        self.asked.append(question)
        if not self.lines:
            raise EOFError
        return self.lines.pop(0)


class Bench:
    """A router that runs from files, an empty disk beside it, and the stick."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.name = machine.device.name
        target = Disk(name=self.name, model="QEMU", bytes=DISK_BYTES, removable=False, problems=[])
        stick = Disk(name="sdb", model="Stick", bytes=8 << 30, removable=True, problems=["it is ours"])
        self.disks = [target, stick]

    def talk(self, *lines: str) -> tuple[tuple[str, ...] | None, Console]:
        """Return what comes after the talk, None where nobody typed any more."""
        console = Console(list(lines))
        there = disk_install.Machine(
            lambda: list(self.disks), lambda: self.machine.source, Path("/dev"), self.machine.programs
        )
        dialog = Dialog("0.1.0", there, self.machine.work, console.prompt, console.said.append)
        try:
            return dialog.go(), console
        except EOFError:
            return None, console

    def is_untouched(self) -> bool:
        return not any(self.machine.device.open("rb").read(MIB))


@pytest.fixture
def bench(machine: Machine) -> Bench:
    return Bench(machine)


def in_order(texts: Sequence[str], said: Sequence[str]) -> bool:
    """Return whether each text stands in a line behind the one of the text before."""
    rest = iter(said)
    return all(any(text in line for line in rest) for text in texts)


def test_a_disk_is_named_a_word_typed_and_the_machine_switches_off(bench: Bench) -> None:
    command, console = bench.talk("", f" /dev/{bench.name} ", "overwrite", "")
    assert command == SWITCH_OFF
    assert bench.machine.content("patronus_0.1.0", len(ROOT)) == ROOT
    assert bench.machine.table()["patronus_0.1.0"].id == ROOT_ID
    assert console.asked == [ASK_DISK, ASK_DISK, ASK_WORD, ""]
    progress = [
        "partitioning",
        "writing",
        ": 100 %",
        "back: 100 %",
        "the boot partition",
        "read back and equal",
    ]
    listed = [f"{bench.name} (QEMU, 1.2 GB): can be taken", "sdb (Stick, 8.6 GB): not taken: it is ours"]
    assert in_order(["ALL THAT IS ON THAT DISK", *listed, *listed, *progress], console.said)
    assert f"All that is on {bench.name} (QEMU, 1.2 GB) is lost." in console.said, "it held nothing"

    command, console = bench.talk(bench.name, "no", "restart")
    assert command == RESTART
    held = "is lost; it holds esp, patronus_0.1.0_verity, patronus_0.1.0."
    assert in_order([held, "Nothing was touched"], console.said)
    assert bench.machine.content("patronus_0.1.0", len(ROOT)) == ROOT


@pytest.mark.parametrize("word", ["", "yes", "OVERWRITE", "restart"])
def test_any_other_word_goes_back(bench: Bench, word: str) -> None:
    command, console = bench.talk(bench.name, word)
    assert command is None
    assert "Nothing was touched." in console.said
    assert bench.is_untouched()


def test_disks_that_are_not_there_or_not_taken_are_refused_before_the_word(bench: Bench) -> None:
    command, console = bench.talk("sdb", "overwrite", "../sdz", "restart")
    assert command == RESTART
    assert ASK_WORD not in console.asked
    assert in_order(["sdb is not taken: it is ours", "no disk overwrite", "no disk ../sdz"], console.said)


def test_a_disk_that_is_another_one_when_the_word_is_typed_is_not_touched(bench: Bench) -> None:
    console = Console([bench.name])
    target = bench.disks[0]

    def prompt(question: str) -> str:
        if question == ASK_WORD:
            bench.disks[0] = target.model_copy(update={"model": "Archive"})
            return "overwrite"
        return console.prompt(question)

    there = disk_install.Machine(
        lambda: list(bench.disks), lambda: bench.machine.source, Path("/dev"), bench.machine.programs
    )
    with pytest.raises(EOFError):
        Dialog("0.1.0", there, bench.machine.work, prompt, console.said.append).go()
    assert any("is another disk now" in line for line in console.said)
    assert bench.is_untouched()


def test_one_console_installs_at_a_time(bench: Bench) -> None:
    with (bench.machine.work / "lock").open("w") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        command, console = bench.talk(bench.name, "overwrite")
    assert command is None
    assert any("goes on at another console" in line for line in console.said)
    assert bench.is_untouched()


def test_a_failure_is_said_and_the_disk_asked_for_again(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def faulty(*_: object) -> str:
        raise StorageError("the disk is faulty")

    monkeypatch.setattr(disk_install, "read_back", faulty)
    command, console = bench.talk(bench.name, "overwrite", "restart")
    assert command == RESTART
    assert in_order(["writing", "FAILED: the disk is faulty", "can be taken"], console.said)
    assert not any(bench.machine.content("esp", MIB)), "it does not start"
