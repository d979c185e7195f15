# SPDX-License-Identifier: GPL-2.0-or-later
"""patronusd touches the kernel when the head start is over: systemd then takes its folder away."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from patronus.daemon.head_start import LOADER, await_loader

UNIT = Path(__file__).parents[3] / "rootfs/usr/lib/systemd/system/patronus-head-start.service"


def test_it_waits_as_long_as_the_head_start_works(tmp_path: Path) -> None:
    folder = tmp_path / LOADER
    folder.mkdir()
    waiting = threading.Thread(target=await_loader, args=(folder,))
    waiting.start()
    waiting.join(0.3)
    assert waiting.is_alive()
    folder.rmdir()
    waiting.join(60)
    assert not waiting.is_alive()


def test_where_there_is_none_it_goes_on_at_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    await_loader(tmp_path / LOADER, patience_s=0.0)
    assert caplog.text == ""


def test_one_that_does_not_end_is_not_waited_for_for_ever(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / LOADER).mkdir()
    await_loader(tmp_path / LOADER, patience_s=0.1)
    assert "does not end" in caplog.text


def test_the_unit_has_the_folder_and_counts_as_started_when_it_begins() -> None:
    lines = UNIT.read_text().splitlines()
    assert {"Type=exec", f"RuntimeDirectory={LOADER}", "RuntimeMaxSec=60s"} <= set(lines)
    assert "RemainAfterExit=yes" not in lines
