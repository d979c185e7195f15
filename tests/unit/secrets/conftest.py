# SPDX-License-Identifier: GPL-2.0-or-later
"""A clock that the test moves, and a doorkeeper on a folder of its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from patronus.kernel.host import Places
from patronus.secrets import service
from patronus.secrets.service import Doorkeeper

GOOD = "correct horse battery"


@dataclass
class MovableClock:
    """Stands still unless moved."""

    now: float = 1000.0
    boot_id: str = "boot-1"

    def boottime(self) -> float:
        return self.now

    def wall(self) -> float:
        return 1_800_000_000.0 + self.now


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock()


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return Places(state=tmp_path / "state", run=tmp_path / "run")


Start = Callable[..., Doorkeeper]


@pytest.fixture
def start(places: Places, clock: MovableClock) -> Start:
    """Return a function that starts the doorkeeper, as a new daemon would, on the same folders."""

    def begin(password: str | None = None) -> Doorkeeper:
        return service.create(places, clock, password=password)

    return begin
