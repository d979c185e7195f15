# SPDX-License-Identifier: GPL-2.0-or-later
"""Who asked what: written to ``dns-cache.db`` where the owner wants it, for as long as they say, then gone.

Questions wait in memory for the next ``write``; a power cut costs the last seconds of them.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import Any

import peewee

from patronus.core.errors import StorageError
from patronus.network.dns.cache import database
from patronus.network.dns.names import name_text
from patronus.network.dns.wire import Query, Rcode, Type, rcode_text

WAITING = 10_000
"""Questions that wait to be written; in a flood the oldest of them go."""
PRUNED = WAITING
"""So many are removed at a time, as many as may have been written."""
NO_POLICY = "-"
"""Asked for in place of a policy: the questions that none judged. No policy can be called so."""

Respond = Callable[[bytes], None]
IsBlocked = Callable[[Query], bool]


class Entry(peewee.Model):  # type: ignore[misc]
    """One question and what came of it; ``at`` is in whole seconds since the epoch.

    ``policy`` is the one that judged it, under the name that it had then; empty where none did.
    """

    id = peewee.AutoField()
    at = peewee.IntegerField(index=True)
    client = peewee.TextField()
    name = peewee.TextField()
    type = peewee.TextField()
    outcome = peewee.TextField()
    policy = peewee.TextField(constraints=[peewee.SQL("DEFAULT ''")])

    class Meta:
        """The table, beside the answers'."""

        database = database
        table_name = "queries"


def pruning(before_s: int, up_to: int) -> peewee.Delete:
    """Return what removes older entries and those up to that id, ``PRUNED`` at most.

    Which of them go first is not said: to find that out, all that stay would be gone through each time.
    """
    doomed = Entry.select(Entry.id).where((Entry.at < before_s) | (Entry.id <= up_to)).limit(PRUNED)
    return Entry.delete().where(Entry.id.in_(doomed))


class QueryLog:
    """Off until ``keep`` says for how long; turned off, it forgets what it had."""

    def __init__(self, is_blocked: IsBlocked) -> None:
        self._is_blocked = is_blocked
        self._keep_s, self._most = 0, 0
        self._waiting: deque[dict[str, Any]] = deque(maxlen=WAITING)

    @property
    def on(self) -> bool:
        """Return whether questions are written down."""
        return self._keep_s > 0

    def keep(self, keep_s: int, most: int) -> None:
        """Keep each question for ``keep_s`` seconds, and ``most`` of all; 0 s: none. Raises StorageError."""
        self._keep_s, self._most = keep_s, most
        try:
            _prepare()
            if not self.on:
                self._waiting.clear()
                Entry.delete().execute()
        except peewee.PeeweeException as error:
            raise StorageError(f"the query log cannot be kept: {error}") from error

    def heard(self, client: str, policy: str, query: Query, respond: Respond) -> Respond:
        """Return what answers the question and writes it down, or ``respond`` where nothing is written."""
        if not self.on:
            return respond

        def answered(reply: bytes) -> None:
            respond(reply)
            self._note(client, policy, query, reply[3] & 15)

        return answered

    def _note(self, client: str, policy: str, query: Query, code: int) -> None:
        outcome = rcode_text(code)
        if code == Rcode.NXDOMAIN and self._is_blocked(query):
            outcome = "blocked"
        qtype = Type(query.qtype).name if query.qtype in Type.__members__.values() else f"TYPE{query.qtype}"
        self._waiting.append(
            {
                "at": int(time.time()),
                "client": client,
                "name": name_text(query.name),
                "type": qtype,
                "outcome": outcome,
                "policy": policy,
            }
        )

    def write(self) -> None:
        """Write what waits, and remove what is too old or too much. Raises StorageError."""
        if not self.on:
            return
        rows = list(self._waiting)
        self._waiting.clear()
        try:
            with database.atomic():
                for start in range(0, len(rows), 100):
                    Entry.insert_many(rows[start : start + 100]).execute()
            last = Entry.select(peewee.fn.MAX(Entry.id)).scalar() or 0
            pruning(int(time.time()) - self._keep_s, last - self._most).execute()
        except peewee.PeeweeException as error:
            raise StorageError(f"the query log cannot be written: {error}") from error

    def newest(
        self, limit: int, client: str = "", name: str = "", policy: str = "", before: int | None = None
    ) -> list[dict[str, Any]]:
        """Return the newest questions; or those before a number.

        They can be those of one client, for a name and those below, or those that a policy judged, or none
        (``NO_POLICY``). Raises StorageError.
        """
        self.write()
        found = Entry.select().order_by(Entry.id.desc()).limit(limit)
        if before is not None:
            found = found.where(Entry.id < before)
        if client:
            found = found.where(Entry.client == client)
        if name:
            text = name.lower().rstrip(".")
            found = found.where((Entry.name == text) | Entry.name.endswith(f".{text}"))
        if policy:
            found = found.where(Entry.policy == ("" if policy == NO_POLICY else policy))
        if not self.on:
            return []
        fields = ("at", "client", "name", "type", "outcome", "policy")
        try:
            return [
                {"number": entry.id, **{field: getattr(entry, field) for field in fields}} for entry in found
            ]
        except peewee.PeeweeException as error:
            raise StorageError(f"the query log cannot be read: {error}") from error


def _prepare() -> None:
    """Make the table; one that knows no policies yet learns them, and keeps what it has."""
    database.create_tables([Entry])
    if all(column.name != "policy" for column in database.get_columns(Entry._meta.table_name)):
        database.execute_sql("ALTER TABLE queries ADD COLUMN policy TEXT NOT NULL DEFAULT ''")
