# SPDX-License-Identifier: GPL-2.0-or-later
"""The cache is bounded, lets go of what nobody asks for, and a restart makes no answer live longer."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from patronus.network.dns import cache as module
from patronus.network.dns.answer import Answer
from patronus.network.dns.cache import BYTES_EACH, CHANCES, Cache, Store
from tests.unit.network.dns.upstreams import any_answer


@pytest.fixture
def path(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "dns-cache.db"
    module.database.close()


def test_no_more_than_its_size_is_kept_and_what_is_used_stays_longer() -> None:
    cache = Cache(3, 0)
    for name in (b"a", b"b", b"c"):
        cache.put(name, any_answer())
    assert cache.get(b"a", 1.0) is not None
    cache.put(b"d", any_answer())
    assert (len(cache), cache.get(b"a", 1.0) is None, cache.get(b"b", 1.0)) == (3, False, None)


def sized(length: int) -> Answer:
    return Answer(0, (1, 0, 0), bytes(length), [], 60, 0.0)


def test_large_answers_have_no_more_room_than_many_small_ones() -> None:
    cache = Cache(100, 0)
    for number in range(100):
        cache.put(bytes((number,)), sized(BYTES_EACH * 10))
    assert len(cache) == 10
    cache.put(b"huge", sized(BYTES_EACH * 101))
    assert (len(cache), cache.get(b"huge", 1.0)) == (10, None)
    cache.put(bytes((99,)), sized(1))
    assert cache.flush() == 10
    for number in range(100):
        cache.put(bytes((number,)), sized(BYTES_EACH))
    assert len(cache) == 100, "what is forgotten or replaced gives its room back"


def test_a_full_cache_of_used_answers_still_takes_new_ones() -> None:
    cache = Cache(3, 0)
    for name in (b"a", b"b", b"c"):
        cache.put(name, any_answer())
        cache.get(name, 1.0)
    cache.put(b"d", any_answer())
    assert cache.get(b"d", 1.0) is not None
    assert len(cache) == 3


def test_a_new_answer_looks_at_few_of_those_in_use() -> None:
    """Who asks for a full cache of names twice must not have the next answer go through all of them."""
    cache = Cache(10 * CHANCES, 0)
    for number in range(10 * CHANCES):
        cache.put(b"%d" % number, any_answer())
        cache.get(b"%d" % number, 1.0)
    cache.put(b"new", any_answer())
    passed_over = [key for key, answer in cache.items() if not answer.used and key != b"new"]
    assert passed_over == [b"%d" % number for number in range(CHANCES)]
    assert (len(cache), cache.get(b"%d" % CHANCES, 1.0)) == (10 * CHANCES, None)


def test_an_answer_that_has_ended_is_stale_for_its_time() -> None:
    cache = Cache(3, 100)
    cache.put(b"a", any_answer(ttl_s=60))
    assert cache.get(b"a", 59.0) is not None
    assert cache.get(b"a", 60.0) is None
    assert cache.stale(b"a", 159.0) is not None
    assert cache.stale(b"a", 160.0) is None


def test_a_smaller_size_takes_effect_at_once() -> None:
    cache = Cache(10, 0)
    for number in range(10):
        cache.put(bytes((number,)), any_answer())
    cache.resize(4, 0)
    assert len(cache) == 4


def saved(path: Path, *, ttl_s: int = 600, count: int = 3, age_s: int = 0, stale_s: int = 0) -> None:
    now_s = time.monotonic()
    cache = Cache(10_000, stale_s)
    for number in range(count):
        cache.put(b"key%d" % number, any_answer(ttl_s, now_s - age_s))
    store = Store(path)
    list(store.save(cache))
    store.close()


def loaded(path: Path, stale_s: int = 0) -> Cache:
    cache = Cache(10_000, stale_s)
    Store(path).load(cache)
    return cache


def test_a_restart_keeps_the_answers_and_the_time_they_have_left(path: Path) -> None:
    saved(path)
    answer = loaded(path).get(b"key0", time.monotonic())
    assert answer is not None
    assert 590 < answer.end_s - time.monotonic() <= 600
    assert (answer.body, answer.counts, answer.ttl_offsets) == (any_answer(600).body, (1, 0, 0), (6,))


@pytest.mark.parametrize(
    ("age_s", "stale_s", "later_s", "kept"),
    [
        (700, 3600, 0.0, 3),
        (700, 3600, 3400.0, 3),
        (700, 3600, 3600.0, 0),
        (700, 50, 0.0, 0),
        (700, 0, 0.0, 0),
    ],
)
def test_an_answer_that_has_ended_and_may_still_serve_outlives_a_restart(
    path: Path, monkeypatch: pytest.MonkeyPatch, age_s: int, stale_s: int, later_s: float, kept: int
) -> None:
    saved(path, age_s=age_s, stale_s=stale_s)
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + later_s)
    cache, now_s = loaded(path, stale_s), time.monotonic()
    assert len(cache) == kept
    assert cache.get(b"key0", now_s) is None
    assert (cache.stale(b"key0", now_s) is not None) == bool(kept)


def test_more_than_one_batch_is_kept(path: Path) -> None:
    saved(path, count=1234)
    assert len(loaded(path)) == 1234


@pytest.mark.parametrize(("shift_s", "kept"), [(0.0, 3), (-(10**9), 3), (500.0, 3), (700.0, 0), (10**9, 0)])
def test_a_clock_that_is_wrong_never_prolongs(
    path: Path, monkeypatch: pytest.MonkeyPatch, shift_s: float, kept: int
) -> None:
    saved(path)
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + shift_s)
    cache = loaded(path)
    assert len(cache) == kept
    now_s = time.monotonic()
    assert all(answer.end_s - now_s <= 600 for _, answer in cache.items())


def test_a_damaged_file_is_begun_again(path: Path) -> None:
    path.write_bytes(b"no database at all" * 500)
    assert len(loaded(path)) == 0
    module.database.close()
    saved(path)
    assert len(loaded(path)) == 3
