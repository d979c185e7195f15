# SPDX-License-Identifier: GPL-2.0-or-later
"""What the firewall's tests share beside their lab."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from patronus.kernel.bpf_codec import Settings
from patronus.kernel.bpf_load import load

OBJECT = Path(os.environ.get("PATRONUS_BPF_OUT", "build/bpf")) / "xdp_firewall.bpf.o"


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
