# SPDX-License-Identifier: GPL-2.0-or-later
"""A clock that the test moves, and a doorkeeper on a folder of its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import argon2
import pytest

from patronus.core.errors import NotFound, Unavailable
from patronus.kernel.host import Places
from patronus.secrets import service
from patronus.secrets.password import hash as argon2id
from patronus.secrets.password import service as password
from patronus.secrets.password.server import answer
from patronus.secrets.password.service import PasswordService
from patronus.secrets.service import Doorkeeper

GOOD = "correct horse battery"
_FRUGAL = argon2.PasswordHasher(time_cost=1, memory_cost=8192, parallelism=1)
CHEAP = _FRUGAL.hash(GOOD)
"""A hash of it that costs a test little."""


class Box(dict[str, bytes]):
    """Keeps secrets in memory, as the vault does on disk."""

    locked = False

    def read(self, name: str) -> bytes:
        if self.locked:
            raise Unavailable("the vault is locked")
        if name not in self:
            raise NotFound(f"there is no secret {name}")
        return self[name]

    def write(self, name: str, value: bytes) -> None:
        self[name] = value

    def delete(self, name: str) -> None:
        self.read(name)
        del self[name]


@dataclass
class MovableClock:
    """Stands still unless moved."""

    now: float = 1000.0
    boot_id: str = "boot-1"

    def boottime(self) -> float:
        return self.now

    def wall(self) -> float:
        return 1_800_000_000.0 + self.now


@pytest.fixture(autouse=True)
def frugal(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let hashes cost little and need no child where they are not what is tested (password/)."""
    if request.path.parent.name != "password":
        monkeypatch.setattr(argon2id, "_hasher", _FRUGAL)
        monkeypatch.setattr(password, "_run", answer)


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock()


@pytest.fixture
def places(tmp_path: Path) -> Places:
    """Return places of their own, on a machine whose clock is right."""
    (tmp_path / "synchronized").touch()
    return Places(state=tmp_path / "state", run=tmp_path / "run", timesync=tmp_path / "synchronized")


@pytest.fixture
def box() -> Box:
    return Box()


Start = Callable[..., Doorkeeper]


@pytest.fixture
def start(places: Places, clock: MovableClock, box: Box) -> Start:
    """Return a function that starts the doorkeeper, as a new daemon would, on the same folders."""

    def begin(password: str | None = None, reset: str | None = None) -> Doorkeeper:
        passwords = PasswordService()
        return service.create(
            places, clock, box, passwords, password=password, reset=reset, router=lambda: "attic"
        )

    return begin
