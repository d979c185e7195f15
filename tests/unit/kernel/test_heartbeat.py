# SPDX-License-Identifier: GPL-2.0-or-later
"""A server beats as long as its loop turns: systemd hears it, and hears nothing of one that hangs."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from patronus.kernel.heartbeat import BEATS, keep_beating
from patronus.kernel.loop import Loop

LIMIT_S = 0.2
LONG_S = 60.0
BEAT = b"WATCHDOG=1"


@pytest.fixture
def manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(str(tmp_path / "notify"))
        sock.settimeout(LONG_S)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        monkeypatch.setenv("WATCHDOG_USEC", str(int(LIMIT_S * 1e6)))
        yield sock


def test_it_beats_again_and_again_and_not_while_a_callback_hangs(manager: socket.socket) -> None:
    loop, hangs, goes_on = Loop(), threading.Event(), threading.Event()

    def hang() -> None:
        hangs.set()
        goes_on.wait(LONG_S)

    with ThreadPoolExecutor(1) as pool:
        keep_beating(loop)
        running = pool.submit(loop.run)
        assert [manager.recv(100) for _ in range(2 * BEATS)] == [BEAT] * 2 * BEATS
        loop.call_soon(hang)
        assert hangs.wait(LONG_S)
        manager.settimeout(LIMIT_S)
        with pytest.raises(TimeoutError):
            while manager.recv(100):  # what was sent before it hung
                pass
        goes_on.set()
        manager.settimeout(LONG_S)
        assert manager.recv(100) == BEAT
        loop.call_soon(loop.stop)
        running.result(timeout=LONG_S)


def test_where_nobody_listens_nothing_is_due(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WATCHDOG_USEC", raising=False)
    loop = Loop()
    keep_beating(loop)
    assert loop._timers == []
