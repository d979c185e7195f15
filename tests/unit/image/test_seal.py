# SPDX-License-Identifier: GPL-2.0-or-later
"""Sealing makes a tree independent of when and by whom it was built, and keeps its bytecode valid."""

from __future__ import annotations

import os
import py_compile
import subprocess
import sys
from pathlib import Path

import pytest

from image.seal import freeze_bytecode, set_kernel_aside, set_times, start_as_root_alone

EPOCH = 1_700_000_000
IMPORT = "import sys; sys.path.insert(0, sys.argv[1]); import room; print(room.WORD)"


@pytest.fixture
def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A module with bytecode beside it that goes by its source's time, as Debian's packages have it."""
    monkeypatch.setattr(sys, "pycache_prefix", None)
    source = tmp_path / "usr/lib/python3/dist-packages/room.py"
    source.parent.mkdir(parents=True)
    source.write_text("WORD = 'first'\n")
    py_compile.compile(str(source), invalidation_mode=py_compile.PycInvalidationMode.TIMESTAMP)
    return source


def imported(source: Path) -> str:
    words = [sys.executable, "-B", "-c", IMPORT, str(source.parent)]
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    return subprocess.run(words, check=True, capture_output=True, text=True, env=clean).stdout.strip()


def test_sealed_bytecode_is_used_whatever_time_its_source_has(tmp_path: Path, room: Path) -> None:
    freeze_bytecode(tmp_path)
    room.write_text("WORD = 'second'\n")  # only to see which of the two is read
    set_times(tmp_path, EPOCH)
    assert imported(room) == "first"


def test_without_sealing_a_new_time_throws_the_bytecode_away(tmp_path: Path, room: Path) -> None:
    room.write_text("WORD = 'second'\n")
    set_times(tmp_path, EPOCH)
    assert imported(room) == "second"


def test_everything_gets_the_one_time_links_and_the_root_too(tmp_path: Path, room: Path) -> None:
    (tmp_path / "link").symlink_to("nowhere")
    set_times(tmp_path, EPOCH)
    assert {int(path.lstat().st_mtime) for path in (tmp_path, *tmp_path.rglob("*"))} == {EPOCH}


def test_the_kernel_is_still_found_by_its_link(tmp_path: Path) -> None:
    kernel = tmp_path / "usr/lib/modules/6.12/vmlinuz"
    kernel.parent.mkdir(parents=True)
    kernel.write_bytes(b"kernel")
    set_kernel_aside(tmp_path)
    assert kernel.is_symlink()
    assert kernel.read_bytes() == b"kernel"
    assert (tmp_path / "uki/vmlinuz-6.12").is_file()


def test_nobody_becomes_root_by_pppd(tmp_path: Path) -> None:
    pppd = tmp_path / "usr/sbin/pppd"
    pppd.parent.mkdir(parents=True)
    pppd.touch()
    pppd.chmod(0o4754)
    start_as_root_alone(tmp_path)
    assert pppd.stat().st_mode & 0o7777 == 0o755
