# SPDX-License-Identifier: GPL-2.0-or-later
"""Neither a disk that takes no cache, or gives none back, nor a fault of ours keeps anybody from asking."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from patronus.core.errors import StorageError
from patronus.kernel.loop import Loop
from patronus.network.dns.cache import Cache, Store
from patronus.network.dns.keeping import open_store
from patronus.network.dns.server import Server


def test_without_a_place_on_disk_the_cache_lives_in_memory(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = open_store(tmp_path / "missing" / "dns-cache.db")
    assert store.load(Cache(10, 0)) == 0 and "not kept" in caplog.text
    store.close()


def test_a_cache_that_cannot_be_read_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(self: Store, cache: Cache) -> int:
        raise StorageError("the DNS cache cannot be read: malformed")

    monkeypatch.setattr(Store, "load", refuse)
    store = open_store(tmp_path / "dns-cache.db")
    Server(Loop(), store, tmp_path / "control.sock", 0)
    assert "cannot be read" in caplog.text
    store.close()


def test_a_fault_of_ours_is_counted_and_the_server_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> None:
        raise ValueError("a fault of ours")

    loop, store = Loop(), open_store(tmp_path / "dns-cache.db")
    server = Server(loop, store, tmp_path / "control.sock", 0)
    loop.call_soon(fail)
    loop.call_later(0.01, loop.stop)
    with ThreadPoolExecutor(1) as pool:
        pool.submit(loop.run).result(timeout=60)
    assert server._status({}, ())["counters"]["failed"] == 1
    assert "ValueError: a fault of ours" in caplog.text
    store.close()
