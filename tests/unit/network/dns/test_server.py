# SPDX-License-Identifier: GPL-2.0-or-later
"""A disk that takes no cache, or gives none back, keeps nobody from asking."""

from __future__ import annotations

from pathlib import Path

import pytest

from patronus.core.errors import StorageError
from patronus.kernel.loop import Loop
from patronus.network.dns.cache import Cache, Store
from patronus.network.dns.server import Server, open_store


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
