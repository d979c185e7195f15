# SPDX-License-Identifier: GPL-2.0-or-later
"""A router that boots once; each test starts from its snapshot.

Two processes share the tests (``-n 2 --dist worksteal``), each with a laboratory of its own. The first one to
need the router boots it; the other takes a copy of its disks, snapshot and all, and meanwhile does what boots
machines of its own.
"""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from image.host import BUILD
from qemu.topology import Topology
from tests.vm.lab import Lab, image_under_test
from tests.vm.slots import copy

PLACE = BUILD / "vm"
NAME = "PATRONUS_LABORATORY"
"""The environment tells every process of a run which folder is theirs."""


def pytest_configure(config: pytest.Config) -> None:
    """Make a folder for this run, named for its first process; sweep out those of runs that were killed."""
    if _first(config):
        for left in PLACE.glob("lab-*"):
            if not Path("/proc", left.name.removeprefix("lab-")).exists():
                shutil.rmtree(left)
        os.environ[NAME] = f"lab-{os.getpid()}"


def pytest_unconfigure(config: pytest.Config) -> None:
    """Leave nothing of this run but its logs."""
    if _first(config):
        shutil.rmtree(PLACE / os.environ[NAME], ignore_errors=True)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put what needs no laboratory where the second process begins: in the middle."""
    shared = [item for item in items if "booted" in getattr(item, "fixturenames", ())]
    alone = [item for item in items if item not in shared]
    half = min(len(items) // 2, len(shared))
    items[:] = [*shared[:half], *alone, *shared[half:]]


def _first(config: pytest.Config) -> bool:
    return not hasattr(config, "workerinput")


@pytest.fixture(scope="session")
def common() -> Path:
    """The folder that the processes of this run have in common."""
    place = PLACE / os.environ[NAME]
    place.mkdir(parents=True, exist_ok=True)
    return place


@pytest.fixture(scope="session")
def folder(common: Path, worker_id: str) -> Path:
    """A folder for the disks of this process."""
    place = common / worker_id
    place.mkdir()
    return place


@pytest.fixture(scope="session")
def image(common: Path) -> Path:
    """The run's own copy of the image under test; a build may replace the other meanwhile."""
    place = common / "image.raw"
    with _alone(common / "image.lock"):
        return place if place.exists() else copy(image_under_test(), place)


@pytest.fixture(scope="session")
def booted(common: Path, folder: Path, image: Path, worker_id: str) -> Iterator[Lab]:
    """The laboratory, its router up and at rest."""
    with Topology() as net:
        lab = Lab(net, folder, image)
        with lab.internet, lab.vm:
            try:
                with _alone(common / "boot.lock"):
                    lab.take_or_boot(common / "up")
                yield lab
            finally:
                _keep_logs(folder, worker_id)


@pytest.fixture
def lab(booted: Lab) -> Iterator[Lab]:
    """The laboratory as it was when the router had just come up."""
    booted.fresh()
    yield booted
    booted.pause()


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """Let one process at a time do this."""
    with lock.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _keep_logs(folder: Path, worker_id: str) -> None:
    """Keep what the machine said, for whoever looks into a failure."""
    for name in ("serial", "qemu"):
        shutil.copy(folder / f"{name}.log", PLACE / f"{name}-{worker_id}.log")
