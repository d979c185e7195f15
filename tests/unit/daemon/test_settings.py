# SPDX-License-Identifier: GPL-2.0-or-later
"""The host name is set where it differs, and never keeps the router from routing."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pytest

from patronus.core.errors import KernelError, PatronusError, Unavailable
from patronus.core.walk import Walk
from patronus.daemon.settings import SystemFeature, SystemPlan
from patronus.kernel.host import Host


@dataclass
class Units:
    name: str = "localhost"
    fault: PatronusError | None = None

    def hostname(self) -> str:
        return self.name

    def set_hostname(self, name: str) -> None:
        if self.fault is not None:
            raise self.fault
        self.name = name


@dataclass
class Machine:
    units: Units


def walk(units: Units) -> Walk:
    return Walk([SystemFeature(cast(Host, cast(Any, Machine(units))))])


PLANS = {"system": SystemPlan(hostname="gate")}
UNIT = Path(__file__).parents[3] / "rootfs/usr/lib/systemd/system/patronusd.service"


def test_the_daemon_lives_where_the_name_is_changed() -> None:
    """systemd.exec(5): behind ProtectHostname=yes a service sees none of the changes after its start."""
    assert "ProtectHostname=no" in UNIT.read_text().splitlines()


def test_the_name_is_set_and_read_back_and_set_again_where_somebody_changed_it() -> None:
    units = Units()
    router = walk(units)
    router.apply(PLANS, {})
    assert units.name == "gate" and router.observe(PLANS) == []
    units.name = "other"
    assert router.observe(PLANS) != []
    router.apply(PLANS, PLANS)
    assert units.name == "gate" and router.observe(PLANS) == []


@pytest.mark.parametrize("fault", [Unavailable("nobody answers"), KernelError("no")])
def test_a_name_that_cannot_be_set_is_said_and_fails_nothing(
    fault: PatronusError, caplog: pytest.LogCaptureFixture
) -> None:
    units = Units(fault=fault)
    router = walk(units)
    router.apply(PLANS, {})
    assert units.name == "localhost" and router.observe(PLANS) == []
    assert "cannot be set to gate" in caplog.text
    units.fault = None
    router.apply(PLANS, PLANS)
    assert units.name == "gate"
