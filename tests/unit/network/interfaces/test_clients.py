# SPDX-License-Identifier: GPL-2.0-or-later
"""DHCP clients without the units helper: a change fails and says so, a boot goes on and tries again."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pytest

from patronus.core.errors import KernelError, Unavailable
from patronus.kernel.host import Host, Places
from patronus.network.interfaces.clients import ClientChange
from patronus.network.interfaces.service import InterfacesFeature


@dataclass
class Units:
    away: bool = True
    orders: list[str] = field(default_factory=list)

    def restart(self, unit: str) -> None:
        if self.away:
            raise Unavailable("nobody answers")
        self.orders.append(f"restart {unit}")

    def stop(self, unit: str) -> None:
        if self.away:
            raise Unavailable("nobody answers")
        self.orders.append(f"stop {unit}")


@dataclass
class Machine:
    units: Units
    places: Places


START = ClientChange("eth1", None, "interface eth1\n")


@pytest.fixture
def units() -> Units:
    return Units()


@pytest.fixture
def feature(tmp_path: Path, units: Units) -> InterfacesFeature:
    (tmp_path / "run/patronus-dhcpcd").mkdir(parents=True)
    return InterfacesFeature(cast(Host, cast(Any, Machine(units, Places.below(tmp_path)))))


def test_a_change_without_the_helper_fails(feature: InterfacesFeature) -> None:
    with pytest.raises(KernelError, match="nobody answers"):
        feature._client_step(START, patient=True).do()


def test_a_boot_without_the_helper_goes_on_says_so_and_tries_again(
    feature: InterfacesFeature, units: Units, caplog: pytest.LogCaptureFixture
) -> None:
    feature._client_step(START, patient=False).do()
    assert "start the DHCP client on eth1" in caplog.text and feature._unstarted == {"eth1"}
    assert feature._configured() == {"eth1": START.after}
    units.away = False
    feature._client_step(ClientChange("eth1", START.after, START.after), patient=False).do()
    assert units.orders == ["restart patronus-dhcpcd@eth1.service"] and not feature._unstarted


def test_a_client_that_cannot_be_stopped_keeps_nothing_from_running(feature: InterfacesFeature) -> None:
    feature._client_step(START, patient=False).do()
    feature._client_step(START, patient=False).undo()
    assert feature._configured() == {}
