# SPDX-License-Identifier: GPL-2.0-or-later
"""The answers of upstream servers, bounded by number; kept across restarts in ``dns-cache.db`` (SQLite).

Times in memory are monotonic. On disk stand the seconds that were left (below 0, of an answer that has
ended and may still serve) and the wall-clock time of the end; the shorter of the two counts, so that a clock
set wrong never makes an answer live longer.
"""

from __future__ import annotations

import sqlite3
import struct
import time
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path

import peewee

from patronus.core.errors import StorageError
from patronus.network.dns.answer import Answer

BYTES_EACH = 512
"""Bytes that an answer may have on the average: as many as that for each place, and no more."""
CHANCES = 100
"""Answers in use that are passed over for one new one: past that the oldest goes, used or not."""
KEPT = 20_000
"""Answers that are written to disk: those that end last matter most after a restart."""
BATCH = 500
PRAGMAS = {"journal_mode": "wal", "synchronous": "normal", "busy_timeout": 2000}

database = peewee.SqliteDatabase(None, pragmas=PRAGMAS)


class Row(peewee.Model):  # type: ignore[misc]
    """One answer as it is stored."""

    key = peewee.BlobField(primary_key=True)
    flags = peewee.IntegerField()
    answers = peewee.IntegerField()
    authorities = peewee.IntegerField()
    extras = peewee.IntegerField()
    body = peewee.BlobField()
    ttl_offsets = peewee.BlobField()
    ttl_s = peewee.IntegerField()
    left_s = peewee.IntegerField()
    end_wall_s = peewee.IntegerField()

    class Meta:
        """The table."""

        database = database
        table_name = "answers"


class Cache:
    """Answers by key. ``size`` bounds their number, and with it their bytes.

    ``stale_s`` says how long past its end one may serve. The dict is an ordered one for its first entry: in a
    plain one the places of those that went stay, and are gone through at each look.
    """

    def __init__(self, size: int, stale_s: int) -> None:
        self.size = size
        self.stale_s = stale_s
        self._answers: OrderedDict[bytes, Answer] = OrderedDict()
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._answers)

    def get(self, key: bytes, now_s: float) -> Answer | None:
        """Return the answer while it lives."""
        answer = self._answers.get(key)
        if answer is None or answer.end_s <= now_s:
            return None
        answer.used = True
        return answer

    def stale(self, key: bytes, now_s: float) -> Answer | None:
        """Return an answer that has ended and may still serve where no upstream answers (RFC 8767)."""
        answer = self._answers.get(key)
        return answer if answer is not None and answer.end_s + self.stale_s > now_s else None

    def put(self, key: bytes, answer: Answer) -> None:
        """Keep the answer; the oldest that nobody asked for again goes where there is no room."""
        self.forget(key)
        if len(answer.body) > self._room:
            return
        chances = CHANCES
        while len(self._answers) >= self.size or self._bytes + len(answer.body) > self._room:
            oldest = next(iter(self._answers))
            if chances and self._answers[oldest].used:
                self._answers[oldest].used = False
                self._answers.move_to_end(oldest)
                chances -= 1
            else:
                self.forget(oldest)
        self._answers[key] = answer
        self._bytes += len(answer.body)

    @property
    def _room(self) -> int:
        """Return how many bytes all answers may have."""
        return self.size * BYTES_EACH

    def forget(self, key: bytes) -> None:
        """Forget the answer, if there is one."""
        answer = self._answers.pop(key, None)
        if answer is not None:
            self._bytes -= len(answer.body)

    def resize(self, size: int, stale_s: int) -> None:
        """Take other bounds; what is too many goes, oldest first."""
        self.size, self.stale_s = size, stale_s
        while len(self._answers) > size or self._bytes > self._room:
            self.forget(next(iter(self._answers)))

    def flush(self) -> int:
        """Forget all answers; return how many they were."""
        count = len(self._answers)
        self._answers.clear()
        self._bytes = 0
        return count

    def items(self) -> list[tuple[bytes, Answer]]:
        """Return all answers with their keys, those that end last first."""
        return sorted(self._answers.items(), key=lambda item: -item[1].end_s)


class Store:
    """The file that a cache is kept in; losing it costs a few questions and nothing else."""

    def __init__(self, path: Path) -> None:
        """Open or create the file; one that is damaged is begun again. Raises StorageError."""
        try:
            self._open(path)
        except (peewee.DatabaseError, sqlite3.Error):
            try:
                database.close()
                path.unlink(missing_ok=True)
                self._open(path)
            except (peewee.PeeweeException, sqlite3.Error, OSError) as error:
                raise StorageError(f"{path}: {error}") from error

    def _open(self, path: Path) -> None:
        database.init(str(path))
        database.connect(reuse_if_open=True)
        database.create_tables([Row])

    def load(self, cache: Cache) -> int:
        """Put what is stored and may still serve into the cache; return how many. Raises StorageError."""
        now_s, wall_s = time.monotonic(), time.time()
        count = 0
        try:
            for row in Row.select().order_by(Row.end_wall_s).iterator():
                left_s = min(row.left_s, row.end_wall_s - wall_s)
                if left_s + cache.stale_s > 0:
                    cache.put(bytes(row.key), _answer(row, now_s - row.ttl_s + left_s))
                    count += 1
        except (peewee.PeeweeException, struct.error) as error:
            raise StorageError(f"the DNS cache cannot be read: {error}") from error
        return count

    def save(self, cache: Cache) -> Iterator[int]:
        """Write the cache, a batch at each turn of the iterator; yields how many. Raises StorageError."""
        now_s, wall_s = time.monotonic(), time.time()
        kept = [(key, answer) for key, answer in cache.items() if answer.end_s + cache.stale_s > now_s][:KEPT]
        try:
            Row.delete().execute()
            for start in range(0, len(kept), BATCH):
                rows = [_row(key, answer, now_s, wall_s) for key, answer in kept[start : start + BATCH]]
                with database.atomic():
                    for row in rows:
                        Row.insert(row).on_conflict_replace().execute()
                yield len(rows)
        except peewee.PeeweeException as error:
            raise StorageError(f"the DNS cache cannot be written: {error}") from error

    def close(self) -> None:
        """Close the file."""
        database.close()


def _row(key: bytes, answer: Answer, now_s: float, wall_s: float) -> dict[str, object]:
    left_s = int(answer.end_s - now_s)
    return {
        "key": key,
        "flags": answer.flags,
        "answers": answer.counts[0],
        "authorities": answer.counts[1],
        "extras": answer.counts[2],
        "body": answer.body,
        "ttl_offsets": struct.pack(f"!{len(answer.ttl_offsets)}H", *answer.ttl_offsets),
        "ttl_s": answer.ttl_s,
        "left_s": left_s,
        "end_wall_s": int(wall_s + left_s),
    }


def _answer(row: Row, stored_s: float) -> Answer:
    offsets = struct.unpack(f"!{len(row.ttl_offsets) // 2}H", row.ttl_offsets)
    counts = (row.answers, row.authorities, row.extras)
    return Answer(row.flags, counts, bytes(row.body), offsets, row.ttl_s, stored_s)
