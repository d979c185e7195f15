# SPDX-License-Identifier: GPL-2.0-or-later
"""The slots: what is written is what was signed, read back; what runs is never touched. A disk of folders."""

from __future__ import annotations

from functools import partial

import pytest

from patronus.core.errors import Conflict, KernelError, PatronusError
from patronus.update import install
from patronus.update.machine import Facts
from patronus.update.task import Report, Task, read
from tests.netns.update.conftest import downloaded, hand_out
from tests.netns.update.disk import RUNS, Machine
from tests.netns.update.owner import ROOT, VERITY, Owner, content


def test_the_machine_tells_its_slots_and_none_of_a_stick_that_holds_the_same_version(
    machine: Machine,
) -> None:
    stands = machine.look()
    assert [(slot.device, slot.version, slot.kind) for slot in stands.slots] == [
        ("vda2", RUNS, "verity"), ("vda3", RUNS, "root"), ("vda4", None, None), ("vda5", None, None),
    ]  # fmt: skip
    assert [slot.device for slot in stands.others("root")] == ["vda4", "vda5"]
    assert stands.running_entry is not None
    assert stands.running_entry.left is None


def test_a_release_goes_into_the_other_slot_and_is_read_back(machine: Machine, owner: Owner) -> None:
    assert machine.installer(downloaded(machine, owner)).install() == "0.2.0"
    assert (machine.root / "dev/vda4").read_bytes() == content(VERITY, "0.2.0")
    assert (machine.root / "dev/vda5").read_bytes() == content(ROOT, "0.2.0")
    assert machine.entries() == ["patronus_0.1.0.efi", "patronus_0.2.0+3-0.efi"]
    stands = machine.look()
    assert stands.waiting is not None
    names = [next(machine.places.release.glob(f"*.{kind}.gz")).name for kind in ("root", "verity")]
    assert stands.root_hash("0.2.0") == "".join(name.split("_")[2].partition(".")[0] for name in names)
    assert stands.root_hash("0.3.0") is None
    for device in ("vda2", "vda3"):
        assert (machine.root / "dev" / device).read_bytes() == b"as it was"


@pytest.mark.parametrize("fault", ["packed", "entry"])
def test_a_slot_that_is_not_as_it_was_signed_is_never_started(
    machine: Machine, owner: Owner, fault: str
) -> None:
    task = downloaded(machine, owner)
    with pytest.raises(PatronusError, match="not as it was signed|has no boot entry"):
        machine.installer(task, fault).install()
    assert machine.entries() == ["patronus_0.1.0.efi"]


def test_a_refusal_of_systemd_sysupdate_is_told_in_its_words(machine: Machine, owner: Owner) -> None:
    task = downloaded(machine, owner)
    with pytest.raises(KernelError, match=r"Signature verification failed\."):
        machine.installer(task, "refuses").install()
    assert machine.entries() == ["patronus_0.1.0.efi"]


@pytest.mark.parametrize("what", ["SHA256SUMS", "patronus_0.2.0.release.json"])
def test_a_download_that_was_changed_on_the_disk_is_not_installed(
    machine: Machine, owner: Owner, what: str
) -> None:
    task = downloaded(machine, owner)
    path = machine.places.release / what
    path.write_bytes(path.read_bytes().replace(b"a", b"b"))
    with pytest.raises(PatronusError, match="not of this router's owner|no whole release"):
        machine.installer(task).install()
    assert (machine.root / "dev/vda5").read_bytes() == b"as it was"


def test_a_machine_that_has_not_proved_itself_keeps_its_other_slot(machine: Machine, owner: Owner) -> None:
    task = downloaded(machine, owner)
    (machine.root / "esp/EFI/Linux/patronus_0.1.0.efi").rename(
        machine.root / "esp/EFI/Linux/patronus_0.1.0+2-1.efi"
    )
    with pytest.raises(PatronusError, match="has not proved itself"):
        machine.installer(task).install()
    assert (machine.root / "dev/vda5").read_bytes() == b"as it was"


def test_after_a_way_back_the_other_slot_is_kept_until_the_restart(machine: Machine, owner: Owner) -> None:
    machine.put("patronus_0.0.9.efi")
    task = downloaded(machine, owner)
    machine.installer(Task(number=1, action="roll-back")).roll_back()
    with pytest.raises(PatronusError, match=r"somebody went back from the running version 0\.1\.0"):
        machine.installer(task).install()
    assert machine.entries() == ["patronus_0.0.9.efi", "patronus_0.1.0+0.efi"]


def test_an_older_download_is_not_installed_though_its_fetch_was_talked_into_it(
    machine: Machine, owner: Owner
) -> None:
    downloaded(machine, owner, "0.0.9", allow_downgrade=True)
    task = hand_out(machine.places, "file:///nowhere", machine.look())
    with pytest.raises(PatronusError, match=r"0\.0\.9 is older"):
        machine.installer(task).install()


def test_a_version_that_failed_gets_its_tries_back_when_it_is_installed_again(
    machine: Machine, owner: Owner
) -> None:
    machine.put("patronus_0.2.0+0-3.efi")
    task = downloaded(machine, owner, again=True, refused={"0.2.0": "it failed to start too often"})
    machine.installer(task).install()
    assert machine.entries() == ["patronus_0.1.0.efi", "patronus_0.2.0+3-0.efi"]


@pytest.mark.parametrize(
    "other",
    ["patronus_0.2.0.efi", "patronus_0.2.0+2-1.efi", "patronus_0.2.0+0-3.efi", "patronus_0.0.9+3-0.efi"],
)
def test_what_was_started_already_and_what_is_older_does_not_wait(machine: Machine, other: str) -> None:
    machine.put(other)
    assert machine.look().waiting is None


def test_going_back_leaves_the_other_version_alone_to_be_started(machine: Machine) -> None:
    machine.put("patronus_0.0.9.efi")
    task = Task(number=1, action="roll-back")
    assert machine.installer(task).roll_back() == "0.0.9"
    assert machine.entries() == ["patronus_0.0.9.efi", "patronus_0.1.0+0.efi"]
    assert [(entry.bad, entry.failed) for entry in machine.look().entries] == [(False, False), (True, False)]


@pytest.mark.parametrize("other", [None, "patronus_0.0.9+0-3.efi"])
def test_there_is_no_way_back_to_a_version_that_is_not_there_or_failed(
    machine: Machine, other: str | None
) -> None:
    if other:
        machine.put(other)
    with pytest.raises(Conflict, match="no other version"):
        machine.installer(Task(number=1, action="roll-back")).roll_back()
    assert "patronus_0.1.0.efi" in machine.entries()


def test_without_a_download_for_this_task_a_run_only_looks(machine: Machine, owner: Owner) -> None:
    task = downloaded(machine, owner)
    again = partial(install.run, machine.places, machine.look)
    hand_out(machine.places, task.source, number=8)
    assert again().step == "looked"
    facts = read(Facts, machine.places.facts)
    assert facts is not None
    assert facts.running == RUNS
    machine.places.install.write_text(Report(number=8, state="done", step="installed").model_dump_json())
    machine.places.fetch.write_text(Report(number=8, state="done", step="downloaded").model_dump_json())
    assert again().step == "installed", "what was done is not done twice"
    assert machine.entries() == ["patronus_0.1.0.efi"]
