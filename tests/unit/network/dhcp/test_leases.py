# SPDX-License-Identifier: GPL-2.0-or-later
"""A lease is on disk when ``write`` returns, and a clock that is wrong never gives an address twice."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from patronus.core.errors import StorageError
from patronus.network.dhcp import leases as store
from patronus.network.dhcp.lease import Lease, State
from patronus.network.dhcp.leases import Leases, boottime_s
from patronus.network.dhcp.server import open_leases

CHECKOUT = Path(__file__).parents[4]
NETWORK = "192.168.1.0/24"
NOW_S = boottime_s()
LEASE = Lease(
    NETWORK, "hw:01:020000000001", 0xC0A80164, "02:00:00:00:00:01", "laptop", "lan", NOW_S, NOW_S + 600
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "leases.db"


@pytest.fixture
def opened(path: Path) -> Iterator[Leases]:
    database = Leases(path, "boot-1")
    yield database
    database.close()


def reopened(path: Path, boot_id: str) -> Leases:
    store.database.close()
    return Leases(path, boot_id)


def test_what_is_written_is_there_after_a_restart(opened: Leases, path: Path) -> None:
    opened.write([LEASE])
    found = reopened(path, "boot-1").load().of_client(NETWORK, LEASE.client)
    assert found is not None
    assert found._replace(start_s=LEASE.start_s) == LEASE
    assert abs(found.start_s - LEASE.start_s) <= 1.0


def test_an_index_of_earlier_versions_goes_and_the_leases_stay(opened: Leases, path: Path) -> None:
    opened.write([LEASE])
    for table, name in (("leases", "row_lease_end"), ("leases6", "row6_lease_end")):
        store.database.connection().execute(f"CREATE INDEX {name} ON {table} (lease_end)")
    assert len(reopened(path, "boot-1").load()) == 1
    names = "SELECT name FROM sqlite_master WHERE type = 'index' AND name LIKE '%lease_end%'"
    assert store.database.connection().execute(names).fetchall() == []


SIX = Lease("lan", "duid:0004aa/00000001", 0x1000, "", "laptop", "lan", NOW_S, NOW_S + 600, six=True)


def test_a_lease_of_ipv6_is_kept_beside_those_of_ipv4(opened: Leases, path: Path) -> None:
    """In a table of its own: a version that knows none of it reads the others as ever."""
    opened.write([LEASE, SIX])
    again = reopened(path, "boot-1")
    (found,), (four,) = again.load(six=True), again.load()
    assert (found.client, found.text, found.six) == (SIX.client, "::1000", True)
    assert (four.client, four.six) == (LEASE.client, False)
    again.remove(found)
    assert (len(again.load(six=True)), len(again.load())) == (0, 1)


def test_the_file_is_in_wal_mode_with_full_synchronisation(opened: Leases) -> None:
    connection = store.database.connection()
    assert connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
    assert connection.execute("PRAGMA synchronous").fetchone()[0] == 2


def test_an_address_that_changes_hands_leaves_one_row(opened: Leases) -> None:
    heir = LEASE._replace(client="hw:01:020000000002")
    opened.write([LEASE, heir])
    table = opened.load()
    assert [lease.client for lease in table] == [heir.client]


def test_one_client_on_two_networks_has_two_rows(opened: Leases) -> None:
    opened.write([LEASE, LEASE._replace(network="10.0.0.0/24", address=0x0A000005)])
    assert len(opened.load()) == 2


def test_a_released_lease_is_remembered_as_such(opened: Leases) -> None:
    opened.write([LEASE._replace(state=State.RELEASED)])
    assert [lease.state for lease in opened.load()] == [State.RELEASED]


def test_a_removed_lease_is_gone(opened: Leases) -> None:
    opened.write([LEASE])
    opened.remove(LEASE)
    assert len(opened.load()) == 0


def set_clock(monkeypatch: pytest.MonkeyPatch, shift_s: float) -> None:
    real = time.time
    monkeypatch.setattr(store, "clock_offset_s", lambda: real() - boottime_s() + shift_s)


@pytest.mark.parametrize(
    ("shift_s", "least_s", "most_s"),
    [(0.0, 590, 601), (-50 * 365 * 86400.0, 590, 601), (300.0, 290, 301), (86400.0, -90000, 0)],
)
def test_after_another_boot_the_wall_clock_counts_but_never_prolongs(
    opened: Leases, path: Path, monkeypatch: pytest.MonkeyPatch, shift_s: float, least_s: int, most_s: int
) -> None:
    opened.write([LEASE])
    set_clock(monkeypatch, shift_s)
    (found,) = reopened(path, "boot-2").load()
    assert least_s <= found.end_s - LEASE.end_s + 600
    assert found.end_s - boottime_s() <= most_s


@pytest.mark.parametrize("shift_s", [-86400.0, 86400.0])
def test_within_a_boot_the_wall_clock_has_no_say(
    opened: Leases, path: Path, monkeypatch: pytest.MonkeyPatch, shift_s: float
) -> None:
    opened.write([LEASE])
    set_clock(monkeypatch, shift_s)
    (found,) = reopened(path, "boot-1").load()
    assert found.end_s == LEASE.end_s


def test_a_clock_that_is_set_takes_the_ends_on_disk_along(
    opened: Leases, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without that, leases given before the clock was right would seem to have ended at the next boot."""
    opened.write([LEASE])
    assert opened.follow_clock([LEASE]) is False
    set_clock(monkeypatch, 86400.0)
    assert opened.follow_clock([LEASE]) is True
    (found,) = reopened(path, "boot-2").load()
    assert abs(found.end_s - LEASE.end_s) <= 10


def test_a_database_of_a_newer_version_is_refused(opened: Leases, path: Path) -> None:
    store.database.connection().execute("PRAGMA user_version = 99")
    with pytest.raises(StorageError, match="newer"):
        reopened(path, "boot-1")


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    store.database.close()
    bad = tmp_path / "bad.db"
    bad.write_bytes(b"no database" * 1000)
    with pytest.raises(StorageError):
        Leases(bad, "boot-1")


@pytest.mark.parametrize("damage", ["no database", "newer", "a lease that is none"])
def test_leases_that_will_never_be_read_again_make_way_loudly(
    opened: Leases, path: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    opened.write([LEASE])
    if damage == "newer":
        store.database.connection().execute("PRAGMA user_version = 99")
    elif damage == "a lease that is none":
        store.database.connection().execute("UPDATE leases SET ip_address = 'here'")
    store.database.close()
    if damage == "no database":
        path.write_bytes(b"no database" * 1000)
    assert len(open_leases(path, "boot-2").load()) == 0
    assert "set aside" in caplog.text and path.with_name(f"{path.name}.unread").exists()
    store.database.close()
    caplog.clear()
    assert len(open_leases(path, "boot-2").load()) == 0 and not caplog.text


def test_a_disk_that_refuses_leaves_the_leases_where_they_are(
    opened: Leases, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened.write([LEASE])
    store.database.close()
    with monkeypatch.context() as patch:
        full = sqlite3.OperationalError("disk I/O error")
        patch.setattr(Leases, "_migrate", lambda self: (_ for _ in ()).throw(full))
        with pytest.raises(StorageError, match="disk I/O"):
            open_leases(path, "boot-2")
    store.database.close()
    assert len(open_leases(path, "boot-2").load()) == 1


def test_a_write_that_fails_leaves_nothing_behind(opened: Leases) -> None:
    store.database.connection().execute("PRAGMA query_only = 1")
    with pytest.raises(StorageError):
        opened.write([LEASE])
    store.database.connection().execute("PRAGMA query_only = 0")
    assert len(opened.load()) == 0


WRITER = """
import sys
import time
from pathlib import Path
from patronus.network.dhcp.lease import Lease
from patronus.network.dhcp.leases import Leases
store = Leases(Path(sys.argv[1]), "boot-1")
lease = Lease("10.0.0.0/8", "", 0, "", "", "lan", 0.0, 1e9)
for number in range(10**6):
    store.write([lease._replace(client=f"c{number}", address=0x0A000000 + number)])
    print(number, flush=True)
"""


def test_a_process_killed_at_once_has_lost_no_lease_that_it_reported(tmp_path: Path) -> None:
    path = tmp_path / "killed.db"
    environment = {**os.environ, "PYTHONPATH": str(CHECKOUT)}
    command = [sys.executable, "-c", WRITER, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as writer:
        assert writer.stdout is not None
        for _ in range(200):
            reported = int(writer.stdout.readline())
        writer.send_signal(signal.SIGKILL)
        reported = max([reported, *(int(line) for line in writer.stdout if line.endswith("\n"))])
    with sqlite3.connect(path) as connection:
        (count,) = connection.execute("SELECT count(*) FROM leases WHERE ip_address != ''").fetchone()
    assert count >= reported + 1
