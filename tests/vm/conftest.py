# SPDX-License-Identifier: GPL-2.0-or-later
"""A router that boots once; each test starts from its snapshot."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from image.host import BUILD
from qemu.topology import Topology
from tests.vm.lab import Lab


@pytest.fixture(scope="session")
def booted() -> Iterator[Lab]:
    """The laboratory, its router up and at rest."""
    folder = BUILD / "vm" / f"lab-{os.getpid()}"
    folder.mkdir(parents=True)
    with Topology() as net:
        lab = Lab(net, folder)
        with lab.internet, lab.vm:
            try:
                lab.boot()
                yield lab
            finally:
                _keep_logs(folder)
    shutil.rmtree(folder)


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
