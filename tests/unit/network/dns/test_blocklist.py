# SPDX-License-Identifier: GPL-2.0-or-later
"""A name of a list does not exist, nor what is below it; a long list is read between answers, and small."""

from __future__ import annotations

import os
import tracemalloc
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patronus.kernel.loop import Loop
from patronus.network.dns.blocklist import STEP, Names, blocked, read_lines
from patronus.network.dns.list_reader import ListReader
from patronus.network.dns.names import wire_name
from patronus.network.dns.view import Lists

LONG_S = 60.0


def read(lines: Iterable[str]) -> Names:
    names = Names()
    for _ in read_lines(lines, names):
        pass
    for _ in names.sort():
        pass
    return names


def test_lists_are_read_in_all_three_forms() -> None:
    names = read(
        [
            "# comment", "! another", "[Adblock Plus]", "@@||not.example^", "", "..",
            "0.0.0.0 ads.example tracker.example # both", "127.0.0.1 localhost", "0.0.0.0 ads.example",
            "Plain.Example", "*.wild.example", "||rule.example^", "||third.example^$third-party",
            "last.example\t#it too", "||all.example^$important,all",
        ]
    )  # fmt: skip
    for name in ("ads", "tracker", "plain", "a.b.wild", "wild", "rule", "x.rule", "third", "last", "all"):
        assert blocked(wire_name(f"{name}.example"), names), name
    for name in ("example", "localhost", "not.example", "ads.example.net", "xads.example"):
        assert not blocked(wire_name(name), names), name
    assert (len(names), names.odd) == (8, 1)


@pytest.mark.parametrize(
    "line",
    [
        "shop.example##.banner", "shop.example,www.shop.example#@#.banner",
        "shop.example#$#body { color: red }",
        "||shop.example^$image", "||shop.example^$domain=news.example", "||shop.example^$third-party,script",
        "||shop.example/banner.js", "||shop.example^banner", "shop.example/banner",
        "|https://shop.example^", "/shop/",
        "shop.example CNAME rpz-passthru.", "shop.example CNAME other.example.",
    ],
)  # fmt: skip
def test_what_a_browser_would_do_takes_no_name_away(line: str) -> None:
    names = read([line])
    assert not blocked(wire_name("shop.example"), names)
    assert (len(names), names.odd) == (0, 1), "it is counted"


def test_a_list_of_policies_is_read_too() -> None:
    """RPZ: an alias to the root, or to any below it, says that the name does not exist or has nothing."""
    names = read(
        [
            "$TTL 60", "@ SOA localhost. root.localhost. 1 3600 600 86400 60", "; a remark",
            "ads.example CNAME .", "*.ads.example 60 IN CNAME . ; both", "nothing.example CNAME *.",
        ]
    )  # fmt: skip
    assert all(blocked(wire_name(f"{name}.example"), names) for name in ("ads", "x.ads", "nothing"))
    assert not any(blocked(wire_name(name), names) for name in ("cname", "in", "ttl", "example"))
    assert (len(names), names.odd) == (2, 0)


@given(st.sets(st.binary(min_size=1, max_size=20), max_size=200), st.sets(st.binary(min_size=1, max_size=20)))
def test_what_is_in_is_found_and_nothing_else(inside: set[bytes], others: set[bytes]) -> None:
    names = Names(inside)
    assert all(name in names for name in inside)
    assert not any(name in names for name in others - inside)
    assert len(names) == len(inside)


def test_names_take_less_than_fifteen_bytes_each() -> None:
    """Of a million that is a tenth of what the process may have; the bench holds a million."""
    names = Names()
    tracemalloc.start()
    for _ in read_lines((f"0.0.0.0 host-{number}.ads.example\n" for number in range(30_000)), names):
        pass
    for _ in names.sort():
        pass
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(names) == 30_000
    assert held < 15 * 30_000
    assert wire_name("host-23456.ads.example") in names


class Reading:
    """A reader in its loop, and what it has given so far."""

    def __init__(self, folder: Path) -> None:
        self.loop = Loop()
        self.taken: list[Lists] = []
        self.reader = ListReader(self.loop, self.taken.append)
        self.folder = folder

    def open(self, name: str, *lines: str) -> int:
        (self.folder / name).write_text("\n".join(lines))
        return os.open(self.folder / name, os.O_RDONLY)

    @property
    def sizes(self) -> list[dict[str, int]]:
        """Return how many names of each list were taken, each time."""
        return [{name: len(names) for name, names in lists.items()} for lists in self.taken]

    def run(self, until: Callable[[], bool]) -> None:
        def look() -> None:
            if until():
                self.loop.stop()
            else:
                self.loop.call_later(0.001, look)

        look()
        with ThreadPoolExecutor(1) as pool:
            pool.submit(self.loop.run).result(timeout=LONG_S)


@pytest.fixture
def reading(tmp_path: Path) -> Reading:
    return Reading(tmp_path)


def test_a_short_list_is_in_force_at_once_and_its_file_is_closed(reading: Reading) -> None:
    file = reading.open("a", "ads.example")
    reading.reader.read([("a", 1, 1)], (file,))
    assert reading.sizes == [{"a": 1}] and not reading.reader.busy
    with pytest.raises(OSError, match="descriptor"):
        os.fstat(file)


def test_a_long_one_is_read_between_answers(reading: Reading) -> None:
    lines = [f"host-{number}.example" for number in range(STEP * 15)]
    reading.reader.read([("a", 1, 1)], (reading.open("a", *lines),))
    assert reading.taken == [] and reading.reader.busy
    reading.run(lambda: not reading.reader.busy)
    assert reading.sizes == [{"a": STEP * 15}]


def test_questions_are_answered_after_each_thousand_lines(reading: Reading) -> None:
    lines = [f"host-{number}.example" for number in range(STEP * 15)]
    reading.reader.read([("a", 1, 1)], (reading.open("a", *lines),))
    turns = 0

    def answer() -> None:
        nonlocal turns
        turns += 1
        if reading.reader.busy:
            reading.loop.call_later(0.0, answer)

    answer()
    reading.run(lambda: not reading.reader.busy)
    assert turns > 15


def test_lists_that_could_not_be_read_may_go(reading: Reading) -> None:
    """That there are none is another thing than that nobody knows."""
    reading.reader.read([("a", 1, 1)], (reading.open("a", "ads.example"),))
    reading.reader.read([("b", 1, 1)], (os.open(reading.folder, os.O_RDONLY),))
    assert reading.sizes == [{"a": 1}] and not reading.reader.busy
    reading.reader.read([], ())
    assert reading.sizes == [{"a": 1}, {}]


def test_each_list_has_its_own_names(reading: Reading) -> None:
    files = reading.open("a", "ads.example", "x.example"), reading.open("b", "games.example")
    reading.reader.read([("a", 1, 1), ("b", 1, 1)], files)
    (lists,) = reading.taken
    assert {name: wire_name("games.example") in names for name, names in lists.items()} == {
        "a": False,
        "b": True,
    }
    assert reading.sizes == [{"a": 2, "b": 1}]


def test_the_same_lists_are_not_read_again_and_others_are(reading: Reading) -> None:
    for version in (1, 1, 2):
        reading.reader.read([("a", 1, version)], (reading.open("a", "ads.example"),))
    assert len(reading.taken) == 2


def test_a_file_that_somebody_has_read_before_is_read_from_its_start(reading: Reading) -> None:
    """A descriptor that is passed on shares its place with the one that was kept."""
    file = reading.open("a", "ads.example")
    os.read(file, 100)
    reading.reader.read([("a", 1, 1)], (file,))
    assert reading.sizes == [{"a": 1}]


def test_other_lists_in_the_midst_of_reading_take_the_place_of_the_first(reading: Reading) -> None:
    long = [f"host-{number}.example" for number in range(STEP * 15)]
    reading.reader.read([("a", 1, 1)], (reading.open("a", *long),))
    reading.reader.read([("b", 1, 1)], (reading.open("b", "ads.example"),))
    reading.loop.call_later(0.05, reading.loop.stop)
    reading.run(lambda: False)
    assert reading.sizes == [{"b": 1}]
