# SPDX-License-Identifier: GPL-2.0-or-later
"""A machine on which version 0.1.0 runs, with an empty second slot; and two owners, one of them its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from patronus.update import fetch
from patronus.update.machine import Entry, Facts, Slot
from patronus.update.task import Places, Task, write
from tests.netns.update.disk import MIB, Machine, lay_out
from tests.netns.update.owner import Owner, release

PART = "b7a1c2d3-0000-4000-8000-0123456789ab"


@pytest.fixture(scope="session")
def owner(tmp_path_factory: pytest.TempPathFactory) -> Owner:
    """Whose router it is."""
    return Owner.make(tmp_path_factory.mktemp("owner"), "owner")


@pytest.fixture(scope="session")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Owner:
    """Somebody else, with a key as good."""
    return Owner.make(tmp_path_factory.mktemp("stranger"), "stranger")


@pytest.fixture
def places(tmp_path: Path, owner: Owner) -> Places:
    """Where the programs read and write."""
    for name in ("task", "fetch", "install", "state"):
        (tmp_path / name).mkdir()
    return Places(
        task=tmp_path / "task/task.json",
        fetch=tmp_path / "fetch/report.json",
        install=tmp_path / "install/report.json",
        facts=tmp_path / "install/facts.json",
        state=tmp_path / "state",
        keyrings=(owner.keyring,),
    )


@pytest.fixture
def machine(tmp_path: Path, places: Places) -> Machine:
    """A machine whose disk is made of folders and files."""
    return lay_out(tmp_path, places)


def facts(**changes: object) -> Facts:
    """Return how the machine stands."""
    stands = Facts(
        running="0.1.0",
        schema_version=1,
        esp_free=900 * MIB,
        entries=[Entry(version="0.1.0", name="patronus_0.1.0.efi", left=None, bytes=30 * MIB)],
        slots=[
            Slot(device="vda2", id=PART, version="0.1.0", kind="verity", bytes=32 * MIB),
            Slot(device="vda3", id=PART, version="0.1.0", kind="root", bytes=1024 * MIB),
            Slot(device="vda4", id=PART, version=None, kind=None, bytes=32 * MIB),
            Slot(device="vda5", id=PART, version=None, kind=None, bytes=1024 * MIB),
        ],
    )
    return stands.model_copy(update=changes)


def hand_out(places: Places, source: str, stands: Facts | None = None, **given: object) -> Task:
    """Write a task and the facts, as patronusd and a look do."""
    task = Task.model_validate({"number": 7, "action": "install", "source": source, **given})
    write(places.task, task)
    write(places.facts, stands or facts())
    return task


def downloaded(machine: Machine, owner: Owner, version: str = "0.2.0", **given: object) -> Task:
    """Bring a release in, and return the task."""
    source = release(machine.root / "source", owner, version)
    task = hand_out(machine.places, source.as_uri(), machine.look(), **given)
    assert fetch.run(machine.places).state == "done"
    return task
