# SPDX-License-Identifier: GPL-2.0-or-later
"""What the DNS server writes now and then: its cache, and who asked what. Answers go on in between."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

from patronus.core.errors import StorageError
from patronus.kernel.loop import Loop
from patronus.network.dns.cache import Cache, Store
from patronus.network.dns.query_log import QueryLog

log = logging.getLogger("patronus-dns")

SAVE_S = 900.0
LOG_S = 2.0
SAVE_STEP_S = 0.05


class Keeper:
    """Fills the cache from its file, and writes it and the query log in turns of the loop."""

    def __init__(self, loop: Loop, store: Store, cache: Cache, query_log: QueryLog) -> None:
        self._loop = loop
        self._store = store
        self._cache = cache
        self._query_log = query_log
        self._load()
        loop.call_later(SAVE_S, self._save)
        loop.call_later(LOG_S, self._write_queries)

    def _load(self) -> None:
        """Take what was kept; what cannot be read costs a few questions."""
        try:
            log.info("%d answers kept from before", self._store.load(self._cache))
        except StorageError as error:
            log.warning("%s", error)

    def _write_queries(self) -> None:
        try:
            self._query_log.write()
        except StorageError as error:
            log.warning("%s", error)
        self._loop.call_later(LOG_S, self._write_queries)

    def _save(self) -> None:
        self._save_step(self._store.save(self._cache))
        self._loop.call_later(SAVE_S, self._save)

    def _save_step(self, steps: Iterator[int]) -> None:
        """Write one batch and leave the rest for later, so that questions are answered in between."""
        try:
            if next(steps, None) is not None:
                self._loop.call_later(SAVE_STEP_S, lambda: self._save_step(steps))
        except StorageError as error:
            log.warning("%s", error)

    def save_all(self) -> None:
        """Write both at the end."""
        try:
            self._query_log.write()
            for _ in self._store.save(self._cache):
                pass
        except StorageError as error:
            log.warning("%s", error)


def open_store(path: Path) -> Store:
    """Return the file of the cache, or one in memory where the disk takes none: names matter more."""
    try:
        return Store(path)
    except StorageError as error:
        log.error("answers are not kept over a restart: %s", error)
        return Store(Path(":memory:"))
