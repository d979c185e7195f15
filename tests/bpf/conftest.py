# SPDX-License-Identifier: GPL-2.0-or-later
"""Loads the compiled object for each test, into a bpffs of its own. Runs as root in the test tree."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from patronus.kernel.bpf import PROGRAM, Bpf
from patronus.kernel.bpf_codec import Reason, Settings
from patronus.kernel.bpf_load import load
from patronus.kernel.bpf_object import Program, TestRun
from tests.worker import own_machine

OBJECT = Path(os.environ.get("PATRONUS_BPF_OUT", "build/bpf")) / "xdp_firewall.bpf.o"
XDP_DROP, XDP_PASS = 1, 2


@dataclass
class Firewall:
    """The loaded firewall: patronusd's side of it, and the program to send test packets through."""

    bpf: Bpf
    program: Program
    pins: Path

    def judge(self, packet: bytes) -> tuple[Reason, TestRun]:
        """Send one packet through; returns the one reason that it was counted under, and the run."""
        before = self.bpf.counters()
        run = self.program.run(packet)
        after = self.bpf.counters()
        moved = [reason for reason in Reason if after[reason].packets != before[reason].packets]
        assert len(moved) == 1, moved
        reason = moved[0]
        assert after[reason].packets == before[reason].packets + 1
        assert after[reason].bytes == before[reason].bytes + len(packet)
        return reason, run


@contextmanager
def on_cpus(*cpus: int) -> Iterator[None]:
    """Keep this thread, and so the packets that it sends, on some of the processors."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cpus)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def pytest_configure() -> None:
    """Give each worker a machine of its own: these tests share a user and names of devices."""
    own_machine()


@pytest.fixture(scope="session")
def compiled() -> Path:
    """The object under test; `make bpf` compiles it."""
    assert OBJECT.is_file(), f"{OBJECT} is missing: make bpf"
    return OBJECT


@pytest.fixture
def pins(tmp_path: Path) -> Iterator[Path]:
    """A bpffs of the test's own."""
    folder = tmp_path / "pins"
    folder.mkdir()
    subprocess.run(["mount", "-t", "bpf", "-o", "mode=0700", "bpf", str(folder)], check=True)
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


@pytest.fixture
def firewall(compiled: Path, pins: Path) -> Iterator[Firewall]:
    """The firewall, loaded and pinned as the unit does it, every drop sampled, nothing blocked."""
    load(compiled, pins, Settings(sample_every=1))
    bpf = Bpf(pins)
    bpf.blocklist_replace([], [])
    with Program.pinned(pins / PROGRAM) as program:
        yield Firewall(bpf, program, pins)
