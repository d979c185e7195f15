# SPDX-License-Identifier: GPL-2.0-or-later
"""A hypervisor's image holds what the raw one does, on a disk with room for the rest."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from image.format import FORMATS, convert
from image.trees import tool, tree

CONTENT = os.urandom(1 << 16)
SIZE = 8 << 20

pytestmark = pytest.mark.skipif(not tree("tools").is_dir(), reason="the tools tree is not built")


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    path = tmp_path / "patronus_0.1.0.raw"
    path.write_bytes(bytes(1 << 16) + CONTENT)
    return path


def asked(*words: str | Path) -> str:
    command = [*tool("qemu-img"), *map(str, words)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


@pytest.mark.parametrize("kind", sorted(FORMATS.keys() - {"raw"}))
def test_the_disk_is_the_same_and_larger(disk: Path, kind: str) -> None:
    made = convert(disk, kind, size=SIZE)
    assert sorted(path.name for path in disk.parent.iterdir()) == sorted((disk.name, made.name))
    told = json.loads(asked("info", "--output=json", made))
    assert (told["format"], told["virtual-size"]) == (kind, SIZE)
    asked("convert", "-O", "raw", made, disk.with_suffix(".back"))
    back = disk.with_suffix(".back").read_bytes()
    assert back[: 2 << 16] == disk.read_bytes()
    assert not any(back[2 << 16 :])


def test_it_is_made_anew_only_where_the_disk_is_newer(disk: Path) -> None:
    assert convert(disk, "raw") == disk
    made = convert(disk, "qcow2", size=SIZE)
    made.write_bytes(b"")
    os.utime(made, (disk.stat().st_mtime + 9,) * 2)
    assert convert(disk, "qcow2", size=SIZE).read_bytes() == b""
    os.utime(disk, (made.stat().st_mtime + 9,) * 2)
    assert convert(disk, "qcow2", size=SIZE).read_bytes() != b""
