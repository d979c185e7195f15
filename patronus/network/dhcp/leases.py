# SPDX-License-Identifier: GPL-2.0-or-later
"""The lease database: SQLite, one writer, durable when ``write`` returns (WAL, synchronous=FULL).

On disk a lease ends at a wall-clock time and, for the boot that wrote it, at a time since boot: within
that boot the wall clock has no say. A lease from an earlier boot never lasts longer than it was given for,
and where the clock stands before its start it lasts that long again: given twice is worse than kept long.
"""

from __future__ import annotations

import logging
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from ipaddress import IPv6Address
from pathlib import Path

import peewee

from patronus.core.errors import StorageError
from patronus.network.dhcp.config import read_address
from patronus.network.dhcp.lease import Lease, State, Table

log = logging.getLogger("patronus-dhcp")

SCHEMA_VERSION = 1
CLOCK_STEP_S = 5.0
"""A difference between the clocks that says that somebody set the wall clock."""
UNUSED = ("row_lease_end", "row6_lease_end")
"""Indexes of earlier versions that nobody asked, and that were written with every lease."""
PRAGMAS = {"journal_mode": "wal", "synchronous": "full", "busy_timeout": 2000}

database = peewee.SqliteDatabase(None, pragmas=PRAGMAS)


class Row(peewee.Model):  # type: ignore[misc]
    """One lease of IPv4 as stored; the times are whole seconds since the epoch, rounded towards long."""

    network = peewee.TextField()
    client = peewee.TextField()
    ip_address = peewee.TextField()
    mac_address = peewee.TextField()
    hostname = peewee.TextField()
    interface = peewee.TextField()
    state = peewee.TextField()
    lease_start = peewee.IntegerField()
    lease_end = peewee.IntegerField()
    boot_id = peewee.TextField()
    boot_end = peewee.FloatField()

    class Meta:
        """Two clients never share an address, and a client has one address, on a network."""

        database = database
        table_name = "leases"
        primary_key = peewee.CompositeKey("network", "client")
        indexes = ((("network", "ip_address"), True),)


class Row6(Row):
    """One lease of IPv6; its address is the lower half. A version that knows none of it reads the rest."""

    class Meta:
        """As for IPv4."""

        table_name = "leases6"
        primary_key = peewee.CompositeKey("network", "client")


COLUMNS = tuple(Row._meta.columns)


def _writing(rows: type[Row]) -> str:
    names, values = ", ".join(COLUMNS), ", ".join("?" * len(COLUMNS))
    return f"INSERT OR REPLACE INTO {rows._meta.table_name} ({names}) VALUES ({values})"  # noqa: S608


WRITE, WRITE6 = _writing(Row), _writing(Row6)


class Leases:
    """The database of one server process."""

    def __init__(self, path: Path, boot_id: str) -> None:
        """Open or create the file. Raises StorageError."""
        self._boot_id = boot_id
        self._offset_s = clock_offset_s()
        try:
            database.init(str(path))
            database.connect()
            self._connection: sqlite3.Connection = database.connection()
            self._migrate()
        except (peewee.PeeweeException, sqlite3.Error) as error:
            raise StorageError(f"{path}: {error}") from error

    def _migrate(self) -> None:
        found = self._connection.execute("PRAGMA user_version").fetchone()[0]
        if found > SCHEMA_VERSION:
            raise StorageError(f"the lease database has version {found}, newer than {SCHEMA_VERSION}")
        database.create_tables([Row, Row6])
        for unused in UNUSED:
            self._connection.execute(f"DROP INDEX IF EXISTS {unused}")
        self._connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")

    def load(self, *, six: bool = False) -> Table:
        """Return all leases of a family, their times in seconds since this boot. Raises StorageError."""
        try:
            return Table([self._lease(row) for row in (Row6 if six else Row).select()])
        except (peewee.PeeweeException, ValueError) as error:
            raise StorageError(f"the lease database cannot be read: {error}") from error

    def _lease(self, row: Row) -> Lease:
        now_s, six = boottime_s(), isinstance(row, Row6)
        if row.boot_id == self._boot_id:
            end_s = float(row.boot_end)
        else:
            length_s = row.lease_end - row.lease_start
            wall_s = now_s + self._offset_s
            end_s = now_s + (length_s if wall_s < row.lease_start else min(row.lease_end - wall_s, length_s))
        return Lease(
            network=row.network,
            client=row.client,
            address=int(IPv6Address(row.ip_address)) if six else read_address(row.ip_address),
            mac=row.mac_address,
            hostname=row.hostname,
            interface=row.interface,
            start_s=row.lease_start - self._offset_s,
            end_s=end_s,
            state=State(row.state),
            six=six,
        )

    def write(self, leases: Sequence[Lease]) -> None:
        """Store the leases in one transaction; on disk when this returns. Raises StorageError."""
        values = [self._values(lease) for lease in leases if not lease.six]
        values6 = [self._values(lease) for lease in leases if lease.six]
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            self._connection.executemany(WRITE, values)
            self._connection.executemany(WRITE6, values6)
            self._connection.execute("COMMIT")
        except sqlite3.Error as error:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise StorageError(f"leases could not be written: {error}") from error

    def keep(
        self, changes: Sequence[Lease], counters: Counter[str], counter: str, reload: Callable[[], None]
    ) -> bool:
        """Make leases durable; where that fails, count them, say so and ``reload``: nobody gets a reply.

        What could not be written must not be remembered.
        """
        try:
            if changes:
                self.write(changes)
        except StorageError as error:
            log.error("%s", error)
            counters[counter] += len(changes)
            reload()
            return False
        return True

    def _values(self, lease: Lease) -> tuple[str | int | float, ...]:
        return (
            lease.network,
            lease.client,
            lease.text,
            lease.mac,
            lease.hostname,
            lease.interface,
            lease.state.value,
            int(lease.start_s + self._offset_s),
            -int(-(lease.end_s + self._offset_s) // 1),
            self._boot_id,
            lease.end_s,
        )

    def remove(self, lease: Lease) -> None:
        """Delete the lease's row. Raises StorageError."""
        try:
            rows = Row6 if lease.six else Row
            rows.delete().where(rows.network == lease.network, rows.client == lease.client).execute()
        except peewee.PeeweeException as error:
            raise StorageError(f"a lease could not be removed: {error}") from error

    def follow_clock(self, leases: Iterable[Lease]) -> bool:
        """Write the leases again if the wall clock has been set since; return whether it had been.

        Raises StorageError.
        """
        offset_s = clock_offset_s()
        if abs(offset_s - self._offset_s) < CLOCK_STEP_S:
            return False
        self._offset_s = offset_s
        self.write(list(leases))
        return True

    def close(self) -> None:
        """Close the file."""
        database.close()


def boottime_s() -> float:
    """Return seconds since boot, suspend included: the clock that nobody sets."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def clock_offset_s() -> float:
    """Return what to add to the time since boot to get seconds since the epoch."""
    return time.time() - boottime_s()
