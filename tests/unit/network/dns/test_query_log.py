# SPDX-License-Identifier: GPL-2.0-or-later
"""Questions are written down where the owner wants it, for as long as they say, and forgotten with it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import dnslib
import pytest

from patronus.network.dns.cache import Store, database
from patronus.network.dns.names import name_text, wire_name
from patronus.network.dns.query_log import NO_POLICY, WAITING, Entry, QueryLog, pruning
from patronus.network.dns.wire import parse_query

NOERROR, NXDOMAIN = b"\0\0\x81\x80", b"\0\0\x81\x83"


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[QueryLog]:
    store = Store(tmp_path / "dns-cache.db")
    log = QueryLog(lambda query: query.name == wire_name("ads.example"))
    log.keep(3600, 1000)
    yield log
    store.close()


def ask(
    log: QueryLog, client: str, name: str, qtype: str = "A", reply: bytes = NOERROR, policy: str = ""
) -> None:
    query = parse_query(bytes(dnslib.DNSRecord.question(name, qtype).pack()))
    sent: list[bytes] = []
    log.heard(client, policy, query, sent.append)(reply)
    assert sent == [reply]


def listed(log: QueryLog, **given: str) -> list[tuple[str, str, str, str]]:
    found = log.newest(100, given.get("client", ""), given.get("name", ""), given.get("policy", ""))
    return [(item["client"], item["name"], item["type"], item["outcome"]) for item in found]


def test_the_newest_come_first_with_what_came_of_them(kept: QueryLog) -> None:
    ask(kept, "192.168.1.50", "WWW.Example")
    ask(kept, "fd00::5", "ads.example", "HTTPS", NXDOMAIN)
    ask(kept, "192.168.1.50", "nix.example", "SPF", NXDOMAIN)
    assert listed(kept) == [
        ("192.168.1.50", "nix.example", "TYPE99", "NXDOMAIN"),
        ("fd00::5", "ads.example", "HTTPS", "blocked"),
        ("192.168.1.50", "www.example", "A", "NOERROR"),
    ]
    assert abs(kept.newest(1)[0]["at"] - time.time()) < 60


def test_one_client_or_one_name_and_those_below_can_be_picked(kept: QueryLog) -> None:
    for client, name in (("a", "www.example"), ("b", "example"), ("b", "notexample"), ("b", "%.org")):
        ask(kept, client, name)
    assert [name for _, name, _, _ in listed(kept, name="Example.")] == ["example", "www.example"]
    assert [name for _, name, _, _ in listed(kept, client="a")] == ["www.example"]
    assert listed(kept, name="%") == listed(kept, client="' OR 1") == []


def test_those_that_one_policy_judged_can_be_picked_and_those_that_none_did(kept: QueryLog) -> None:
    for name, policy in (("a.example", "kids"), ("b.example", ""), ("c.example", "guests")):
        ask(kept, "a", name, policy=policy)
    assert [(item["name"], item["policy"]) for item in kept.newest(9)] == [
        ("c.example", "guests"),
        ("b.example", ""),
        ("a.example", "kids"),
    ]
    assert [name for _, name, _, _ in listed(kept, policy="kids")] == ["a.example"]
    assert [name for _, name, _, _ in listed(kept, policy=NO_POLICY)] == ["b.example"]
    assert listed(kept, policy="kids", name="c.example") == listed(kept, policy="other") == []


def test_a_log_from_before_policies_were_written_down_is_kept(tmp_path: Path) -> None:
    store = Store(tmp_path / "dns-cache.db")
    database.execute_sql(
        "CREATE TABLE queries (id INTEGER NOT NULL PRIMARY KEY, at INTEGER NOT NULL, client TEXT NOT NULL,"
        " name TEXT NOT NULL, type TEXT NOT NULL, outcome TEXT NOT NULL)"
    )
    values = (int(time.time()), "a", "old.example", "A", "NOERROR")
    database.execute_sql("INSERT INTO queries (at, client, name, type, outcome) VALUES (?,?,?,?,?)", values)
    log = QueryLog(lambda _: False)
    for _ in range(2):
        log.keep(3600, 1000)
    ask(log, "a", "new.example", policy="kids")
    assert [(item["name"], item["policy"]) for item in log.newest(9)] == [
        ("new.example", "kids"),
        ("old.example", ""),
    ]
    store.close()


def test_the_list_goes_on_before_a_number_whatever_is_asked_meanwhile(kept: QueryLog) -> None:
    for number in range(5):
        ask(kept, "a", f"x{number}.example")
    first = kept.newest(2)
    ask(kept, "a", "later.example")
    second = kept.newest(2, before=first[-1]["number"])
    assert [item["name"] for item in (*first, *second)] == [f"x{number}.example" for number in (4, 3, 2, 1)]


def test_what_is_too_old_goes_and_what_is_not_stays(kept: QueryLog) -> None:
    ask(kept, "a", "old.example")
    ask(kept, "a", "new.example")
    kept.write()
    Entry.update(at=int(time.time()) - 3700).where(Entry.name == "old.example").execute()
    kept.write()
    assert [name for _, name, _, _ in listed(kept)] == ["new.example"]


def test_no_more_than_so_many_are_kept_on_disk_or_wait(kept: QueryLog) -> None:
    kept.keep(3600, 100)
    for number in range(250):
        ask(kept, "a", f"x{number}.example")
    kept.write()
    assert Entry.select().count() == 100
    for number in range(WAITING + 5):
        ask(kept, "a", f"y{number % 100}.example")
    assert len(kept._waiting) == WAITING


def test_looking_for_what_is_too_old_or_too_much_does_not_go_through_all_that_stays(kept: QueryLog) -> None:
    assert kept.on
    statement, values = pruning(1000, 5).sql()
    plan = [row[3] for row in database.execute_sql(f"EXPLAIN QUERY PLAN {statement}", values)]
    assert any("at<?" in step for step in plan) and any("rowid<?" in step for step in plan)
    assert not any(step.startswith("SCAN") for step in plan)


def test_what_waits_when_it_is_turned_off_is_never_written(kept: QueryLog) -> None:
    ask(kept, "a", "www.example")
    kept.keep(0, 1000)
    kept.keep(3600, 1000)
    ask(kept, "a", "new.example")
    assert [name for _, name, _, _ in listed(kept)] == ["new.example"]


def test_turned_off_it_writes_nothing_and_forgets_what_it_had(kept: QueryLog) -> None:
    ask(kept, "a", "www.example")
    kept.write()
    kept.keep(0, 1000)
    ask(kept, "a", "www.example")
    assert listed(kept) == [] and Entry.select().count() == 0


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (wire_name("www.example"), "www.example"),
        (b"\0", "."),
        (b"\3a.b\0", "a\\046b"),
        (b"\2\n\xff\0", "\\010\\255"),
    ],
)
def test_a_name_is_written_so_that_it_does_no_harm_where_it_is_read(name: bytes, text: str) -> None:
    assert name_text(name) == text
