# SPDX-License-Identifier: GPL-2.0-or-later
"""What the machine says of itself is read, and a machine that is no image of ours is told as such."""

from __future__ import annotations

from pathlib import Path

from patronus.daemon.machine import Release, image_release, memory, root_hash


def test_the_image_names_its_version_and_profile(tmp_path: Path) -> None:
    for folder in ("lib", "share/patronus"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "lib/os-release").write_text('NAME="Debian"\nIMAGE_VERSION="0.2.0"\n')
    (tmp_path / "share/patronus/profile").write_text("standard\n")
    assert image_release(tmp_path) == Release("0.2.0", "standard")


def test_another_machine_is_unknown(tmp_path: Path) -> None:
    assert image_release(tmp_path) == Release("unknown", "unknown")


def test_memory_is_read_in_bytes(tmp_path: Path) -> None:
    table = tmp_path / "meminfo"
    table.write_text("MemTotal:  1000 kB\nMemFree: 1 kB\nMemAvailable:  400 kB\n")
    assert memory(table) == (1_024_000, 409_600)


def test_the_root_hash_is_the_kernels(tmp_path: Path) -> None:
    line = tmp_path / "cmdline"
    line.write_text(f"quiet roothash={'0f' * 32} console=tty0\n")
    assert root_hash(line) == "0f" * 32
    line.write_text(f"usrroothash={'0f' * 32} roothash=short\n")
    assert root_hash(line) is None
    assert root_hash(tmp_path / "missing") is None
