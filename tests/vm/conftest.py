# SPDX-License-Identifier: GPL-2.0-or-later
"""A router that boots once; each test starts from its snapshot."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from image.host import BUILD
from qemu.topology import Topology
from tests.vm.lab import Lab, image_under_test


@pytest.fixture(scope="session")
def folder() -> Iterator[Path]:
    """A folder for the disks of this session."""
    folder = BUILD / "vm" / f"lab-{os.getpid()}"
    folder.mkdir(parents=True)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def image(folder: Path) -> Path:
    """The session's own copy of the image under test; a build may replace the other meanwhile."""
    copy = folder / "image.raw"
    subprocess.run(["cp", "--sparse=always", "--reflink=auto", image_under_test(), copy], check=True)
    return copy


@pytest.fixture(scope="session")
def booted(folder: Path, image: Path) -> Iterator[Lab]:
    """The laboratory, its router up and at rest."""
    with Topology() as net:
        lab = Lab(net, folder, image)
        with lab.internet, lab.vm:
            try:
                lab.boot()
                yield lab
            finally:
                _keep_logs(folder)


@pytest.fixture
def lab(booted: Lab) -> Iterator[Lab]:
    """The laboratory as it was when the router had just come up."""
    booted.fresh()
    yield booted
    booted.pause()


def _keep_logs(folder: Path) -> None:
    """Keep what the machine said, for whoever looks into a failure."""
    for name in ("serial.log", "qemu.log"):
        shutil.copy(folder / name, BUILD / "vm" / name)
