# SPDX-License-Identifier: GPL-2.0-or-later
"""patronusd touches the kernel when the head start is over and udev has named the cards.

systemd takes the head start's folder away at its end, and udev its file.
"""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from patronus.daemon.head_start import LOADER, NAMING, await_beginning, await_end

UNIT = Path(__file__).parents[3] / "rootfs/usr/lib/systemd/system/patronus-head-start.service"


SIGNS = (LOADER, NAMING)


@pytest.mark.parametrize("sign", SIGNS)
def test_it_waits_as_long_as_one_of_them_works(tmp_path: Path, sign: str) -> None:
    (tmp_path / sign).mkdir(parents=True)
    waiting = threading.Thread(target=await_beginning, args=(tmp_path,))
    waiting.start()
    waiting.join(0.3)
    assert waiting.is_alive()
    (tmp_path / sign).rmdir()
    waiting.join(60)
    assert not waiting.is_alive()


def test_where_there_is_none_it_goes_on_at_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for sign in SIGNS:
        await_end(tmp_path / sign, "it", patience_s=0.0)
    assert caplog.text == ""


@pytest.mark.parametrize("sign", SIGNS)
def test_one_that_does_not_end_is_not_waited_for_for_ever(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, sign: str
) -> None:
    (tmp_path / sign).mkdir(parents=True)
    await_end(tmp_path / sign, "the work", patience_s=0.1)
    assert "the work does not end" in caplog.text


def test_the_unit_has_the_folder_and_counts_as_started_when_it_begins() -> None:
    lines = UNIT.read_text().splitlines()
    assert {"Type=exec", f"RuntimeDirectory={LOADER}", "RuntimeMaxSec=60s"} <= set(lines)
    assert "RemainAfterExit=yes" not in lines


@pytest.mark.parametrize("name", ["patronusd.service", "patronus-xdp-load.service", "patronus-units.socket"])
def test_what_patronusd_needs_waits_for_file_systems_and_not_for_the_boot_partition(name: str) -> None:
    lines = UNIT.with_name(name).read_text().splitlines()
    assert {"DefaultDependencies=no", "Conflicts=shutdown.target"} <= set(lines)
    ordered = " ".join(line for line in lines if line.startswith(("After=", "Before=")))
    assert "shutdown.target" in ordered
    assert not {"sysinit.target", "basic.target", "dbus.socket"} & set(ordered.split())


def test_udev_is_at_work_before_patronusd_looks_for_its_sign() -> None:
    """Else a queue that is not there yet would be taken for one that is done with."""
    lines = UNIT.with_name("patronusd.service").read_text().splitlines()
    after = " ".join(line.removeprefix("After=") for line in lines if line.startswith("After="))
    assert {"systemd-udevd.service", "systemd-udev-trigger.service"} <= set(after.split())
