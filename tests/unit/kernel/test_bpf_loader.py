# SPDX-License-Identifier: GPL-2.0-or-later
"""Whoever uses XDP waits for its loader as long as that works, and no longer."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from patronus.kernel.bpf import PROGRAM, Bpf

LONG_S = 60.0
A_WHILE_S = 0.3


def waiter(pins: Path, loader: Path) -> threading.Thread:
    """Return a thread that waits for the loader."""
    thread = threading.Thread(target=Bpf(pins, loader).await_loader, daemon=True)
    thread.start()
    return thread


@pytest.mark.parametrize(
    "end",
    [lambda pins, loader: (pins / PROGRAM).touch(), lambda pins, loader: loader.rmdir()],
    ids=["it has pinned the program", "it has failed"],
)
def test_it_waits_until_the_loader_is_done(tmp_path: Path, end: Callable[[Path, Path], None]) -> None:
    pins, loader = tmp_path / "pins", tmp_path / "loader"
    pins.mkdir()
    loader.mkdir()
    waiting = waiter(pins, loader)
    waiting.join(A_WHILE_S)
    assert waiting.is_alive()
    end(pins, loader)
    waiting.join(LONG_S)
    assert not waiting.is_alive()


def test_where_nobody_loads_it_does_not_wait(tmp_path: Path) -> None:
    waiting = waiter(tmp_path, tmp_path / "loader")
    waiting.join(LONG_S)
    assert not waiting.is_alive()
