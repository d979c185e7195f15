# SPDX-License-Identifier: GPL-2.0-or-later
"""A fault of ours ends nobody's service, and what follows it stands on what is on the disk."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from patronus.core.errors import InvalidRequest
from patronus.kernel.loop import Loop
from patronus.network.dhcp.lease import Lease
from patronus.network.dhcp.leases import Leases, boottime_s, clock_offset_s
from patronus.network.dhcp.ledger import SNAPSHOT
from patronus.network.dhcp.server import Server
from patronus.network.dhcp6.prefixes import Part

NETWORK = "192.168.1.0/24"


def test_after_a_fault_the_server_knows_what_is_on_the_disk(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    loop, leases, now_s = Loop(), Leases(tmp_path / "leases.db", "boot-1"), boottime_s()
    server = Server(loop, leases, tmp_path / "control.sock", 0)
    written = Lease(
        NETWORK, "hw:01:020000000001", 0xC0A80164, "02:00:00:00:00:01", "laptop", "lan", now_s, now_s + 600
    )
    leases.write([written])
    assert loop.failed is not None
    loop.failed(ValueError("a fault of ours"))
    assert [lease.address for lease in server._machine.table] == [written.address]
    assert server._status({}, ())["counters"] == {"failed": 1}
    assert "ValueError: a fault of ours" in caplog.text
    leases.close()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    leases = Leases(tmp_path / "leases.db", "boot-1")
    yield Server(Loop(), leases, tmp_path / "control.sock", 0)
    leases.close()


def lease(network: str, client: str, address: int, mac: str = "", *, six: bool = True) -> Lease:
    now_s = boottime_s()
    return Lease(network, client, address, mac, "", "lan", now_s, now_s + 600, six=six)


HOST = lease(NETWORK, "hw:01:020000000001", 0xC0A80164, six=False)
HOST6 = lease("lan", "duid:00030001020000000001/00000001", 0x1005)
ROUTER = lease("lan/pd", "duid:00030001020000000002/00000001", Part(16, 60).number, "fe80::5")


def exported(server: Server) -> list[tuple[str, str, str]]:
    found = server.ledger.export_leases({}, ())["leases"]
    return sorted((item["network"], item["client"], item["address"]) for item in found)


def test_leases_of_both_families_and_of_routers_come_back_from_a_backup(server: Server) -> None:
    """Once: they are not taken again where they are there already."""
    now_s = boottime_s()
    saved = [one.as_data(now_s, now_s + clock_offset_s()) for one in (HOST, HOST6, ROUTER)]
    assert server.ledger.import_leases({"leases": saved}, ()) == {"imported": 3}
    assert exported(server) == sorted((item["network"], item["client"], item["address"]) for item in saved)
    assert server.ledger.import_leases({"leases": saved}, ()) == {"imported": 0}
    server._failed(ValueError("read again"))
    assert len(exported(server)) == 3


@pytest.mark.parametrize(
    "given",
    [
        HOST6._replace(client="duid:00/1"),
        HOST6._replace(address=0x1006),
        HOST._replace(client="hw:01:020000000009"),
        ROUTER._replace(client="duid:00/1", address=Part(18, 62).number),
    ],
)
def test_who_has_something_here_keeps_it(server: Server, given: Lease) -> None:
    now_s = boottime_s()
    data = [one.as_data(now_s, now_s + clock_offset_s()) for one in (HOST, HOST6, ROUTER)]
    server.ledger.import_leases({"leases": data}, ())
    before = exported(server)
    theirs = given.as_data(now_s, now_s + clock_offset_s())
    assert server.ledger.import_leases({"leases": [theirs]}, ()) == {"imported": 0}
    assert exported(server) == before


@pytest.mark.parametrize(
    "wrong",
    [{"address": "2001:db8::5"}, {"address": "::10c8"}, {"mac": "a router"}, {"address": 5}, {"start": "x"}],
)
def test_what_is_no_lease_is_refused_and_nothing_of_the_backup_is_taken(
    server: Server, wrong: dict[str, object]
) -> None:
    now_s = boottime_s()
    good, bad = (one.as_data(now_s, now_s + clock_offset_s()) for one in (HOST, ROUTER))
    with pytest.raises(InvalidRequest, match="not leases"):
        server.ledger.import_leases({"leases": [good, {**bad, **wrong}]}, ())
    assert exported(server) == []


def test_what_cannot_be_written_is_counted_and_forgotten(tmp_path: Path) -> None:
    leases, counters, told = Leases(tmp_path / "leases.db", "boot-1"), Counter[str](), []
    assert leases.keep([HOST], counters, "not stored", lambda: told.append("again"))
    leases._connection.execute("DROP TABLE leases")
    assert not leases.keep([HOST, HOST6], counters, "not stored", lambda: told.append("again"))
    assert (counters, told) == ({"not stored": 2}, ["again"])
    leases.close()


def test_who_watches_is_told_all_leases_however_many_there_are(server: Server) -> None:
    """The first message takes the place of what was known, the others add to it."""
    now_s, count = boottime_s(), SNAPSHOT + 10
    held = [lease("10.0.0.0/8", f"hw:{number}", 0x0A000001 + number, six=False) for number in range(count)]
    data = [one.as_data(now_s, now_s + clock_offset_s()) for one in (*held, HOST6)]
    server.ledger.import_leases({"leases": data}, ())
    first, more = server.ledger.snapshot()
    assert (first["kind"], len(first["leases"])) == ("leases", SNAPSHOT)
    assert [item["action"] for item in more["changes"]] == ["granted"] * 11
    told = {item["client"] for item in first["leases"]} | {
        item["lease"]["client"] for item in more["changes"]
    }
    assert told == {item["client"] for item in data}
