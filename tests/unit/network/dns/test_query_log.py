# SPDX-License-Identifier: GPL-2.0-or-later
"""Questions are written down where the owner wants it, for as long as they say, and forgotten with it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import dnslib
import pytest

from patronus.network.dns.cache import Store
from patronus.network.dns.query_log import WAITING, Entry, QueryLog
from patronus.network.dns.wire import name_text, parse_query, wire_name

NOERROR, NXDOMAIN = b"\0\0\x81\x80", b"\0\0\x81\x83"


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[QueryLog]:
    store = Store(tmp_path / "dns-cache.db")
    log = QueryLog(lambda name: name == wire_name("ads.example"))
    log.keep(3600, 1000)
    yield log
    store.close()


def ask(log: QueryLog, client: str, name: str, qtype: str = "A", reply: bytes = NOERROR) -> None:
    query = parse_query(bytes(dnslib.DNSRecord.question(name, qtype).pack()))
    sent: list[bytes] = []
    log.heard(client, query, sent.append)(reply)
    assert sent == [reply]


def listed(log: QueryLog, **given: str) -> list[tuple[str, str, str, str]]:
    found = log.newest(100, **given)
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
