# SPDX-License-Identifier: GPL-2.0-or-later
"""A lab for each test, and the firewall on its router."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from patronus.kernel.bpf_codec import Settings
from patronus.kernel.bpf_load import load
from tests.netns.lab import Lab

OBJECT = Path(os.environ.get("PATRONUS_BPF_OUT", "build/bpf")) / "xdp_firewall.bpf.o"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """These tests make namespaces: without root and Python 3.12 there is nothing to run."""
    if os.geteuid() != 0 or not hasattr(os, "unshare"):
        for item in items:
            if "tests/netns" in str(item.path):
                item.add_marker(pytest.mark.skip(reason="needs root and Python 3.12: make test-netns"))


@pytest.fixture
def lab() -> Iterator[Lab]:
    found = Lab()
    yield found
    found.close()


@pytest.fixture
def pins(tmp_path: Path) -> Iterator[Path]:
    """XDP, loaded and pinned as the unit does it."""
    assert OBJECT.is_file(), f"{OBJECT} is missing: make bpf"
    folder = tmp_path / "pins"
    folder.mkdir()
    subprocess.run(["mount", "-t", "bpf", "-o", "mode=0700", "bpf", str(folder)], check=True)
    load(OBJECT, folder, Settings(sample_every=1))
    yield folder
    subprocess.run(["umount", str(folder)], check=True)
