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
from patronus.network.dns.wire import wire_name

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
        ]
    )  # fmt: skip
    for name in ("ads", "tracker", "plain", "a.b.wild", "wild", "rule", "x.rule", "third"):
        assert blocked(wire_name(f"{name}.example"), names), name
    for name in ("example", "localhost", "not.example", "ads.example.net", "xads.example"):
        assert not blocked(wire_name(name), names), name
    assert (len(names), names.odd) == (6, 1)


@given(st.sets(st.binary(min_size=1, max_size=20), max_size=200), st.sets(st.binary(min_size=1, max_size=20)))
def test_what_is_in_is_found_and_nothing_else(inside: set[bytes], others: set[bytes]) -> None:
    names = Names(inside)
    assert all(name in names for name in inside)
    assert not any(name in names for name in others - inside)
    assert len(names) == len(inside)


def test_a_hundred_thousand_names_take_less_than_fifteen_bytes_each() -> None:
    """Of a million that is a tenth of what the process may have."""
    names = Names()
    tracemalloc.start()
    for _ in read_lines((f"0.0.0.0 host-{number}.ads.example\n" for number in range(100_000)), names):
        pass
    for _ in names.sort():
        pass
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(names) == 100_000
    assert held < 1_500_000
    assert wire_name("host-77777.ads.example") in names


class Reading:
    """A reader in its loop, and what it has given so far."""

    def __init__(self, folder: Path) -> None:
        self.loop, self.taken = Loop(), [Names()][:0]
        self.reader = ListReader(self.loop, self.taken.append)
        self._folder = folder

    def open(self, name: str, *lines: str) -> int:
        (self._folder / name).write_text("\n".join(lines))
        return os.open(self._folder / name, os.O_RDONLY)

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
    reading.reader.read([["a", 1, 1]], (file,))
    assert [len(names) for names in reading.taken] == [1] and not reading.reader.busy
    with pytest.raises(OSError, match="descriptor"):
        os.fstat(file)


def test_a_long_one_is_read_between_answers(reading: Reading) -> None:
    lines = [f"host-{number}.example" for number in range(STEP * 15)]
    reading.reader.read([["a", 1, 1]], (reading.open("a", *lines),))
    assert reading.taken == [] and reading.reader.busy
    reading.run(lambda: not reading.reader.busy)
    assert [len(names) for names in reading.taken] == [STEP * 15]


def test_the_same_lists_are_not_read_again_and_others_are(reading: Reading) -> None:
    for version in (1, 1, 2):
        reading.reader.read([["a", 1, version]], (reading.open("a", "ads.example"),))
    assert len(reading.taken) == 2


def test_a_file_that_somebody_has_read_before_is_read_from_its_start(reading: Reading) -> None:
    """A descriptor that is passed on shares its place with the one that was kept."""
    file = reading.open("a", "ads.example")
    os.read(file, 100)
    reading.reader.read([["a", 1, 1]], (file,))
    assert [len(names) for names in reading.taken] == [1]


def test_other_lists_in_the_midst_of_reading_take_the_place_of_the_first(reading: Reading) -> None:
    long = [f"host-{number}.example" for number in range(STEP * 15)]
    reading.reader.read([["a", 1, 1]], (reading.open("a", *long),))
    reading.reader.read([["b", 1, 1]], (reading.open("b", "ads.example"),))
    reading.loop.call_later(0.05, reading.loop.stop)
    reading.run(lambda: False)
    assert [len(names) for names in reading.taken] == [1]
