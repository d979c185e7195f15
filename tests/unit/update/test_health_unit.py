# SPDX-License-Identifier: GPL-2.0-or-later
"""When the look at a new version's health begins: a version whose daemon never comes is not waited for."""

from __future__ import annotations

from image.host import CHECKOUT

UNITS = CHECKOUT / "rootfs/usr/lib/systemd/system"
DAEMON = "patronusd.service"


def settings(unit: str, name: str) -> list[str]:
    """Return the values of a setting of one of our units."""
    lines = (UNITS / unit).read_text().splitlines()
    return [line.removeprefix(f"{name}=") for line in lines if line.startswith(f"{name}=")]


def test_it_waits_for_no_unit_that_may_wait_for_the_daemon() -> None:
    """Those have a limit of their own, as long as the daemon's: a crash would be seen eight minutes late."""
    waited_for = {unit for line in settings("patronus-health.service", "After") for unit in line.split()}
    assert DAEMON in waited_for
    others = sorted(waited_for - {DAEMON})
    assert others
    assert {unit: settings(unit, "TimeoutStartSec") for unit in others} == {unit: [] for unit in others}
