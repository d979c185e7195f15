# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import pytest

from patronus.core.errors import TooManyRequests
from patronus.secrets.throttle import FORGET_S, KEYS, Limit, Throttle, source_key

TWO = Limit(free=2, longest_s=8.0)


def tries(throttle: Throttle, count: int, start: float = 0.0) -> float:
    """Make wrong tries as early as allowed; return when the last was made."""
    now = start
    for _ in range(count):
        while True:
            try:
                throttle.begin({"a": TWO}, now)
                break
            except TooManyRequests as error:
                now += error.retry_after_s
    return now


def test_free_tries_cost_nothing_and_the_next_must_wait() -> None:
    throttle = Throttle()
    assert tries(throttle, 2) == 0.0
    with pytest.raises(TooManyRequests) as refused:
        throttle.begin({"a": TWO}, 0.5)
    assert refused.value.retry_after_s == 0.5
    throttle.begin({"a": TWO}, 1.0)


def test_the_wait_doubles_up_to_the_longest() -> None:
    assert [TWO.wait(count) for count in range(8)] == [0, 0, 1, 2, 4, 8, 8, 8]
    assert tries(Throttle(), 7) == 1 + 2 + 4 + 8 + 8


def test_a_refused_try_counts_for_no_key() -> None:
    throttle = Throttle()
    tries(throttle, 3)
    for _ in range(20):
        with pytest.raises(TooManyRequests):
            throttle.begin({"a": TWO, "b": TWO}, 1.5)
    throttle.begin({"a": TWO}, 3.0)
    throttle.begin({"b": TWO}, 3.0)


def test_success_time_and_only_they_make_a_key_fresh() -> None:
    throttle = Throttle()
    last = tries(throttle, 6)
    throttle.succeed("a")
    assert tries(throttle, 2, last) == last
    throttle.begin({"a": TWO}, last + FORGET_S + 1)
    throttle.begin({"a": TWO}, last + FORGET_S + 1)


def test_a_withdrawn_try_was_none() -> None:
    throttle = Throttle()
    for _ in range(50):
        throttle.begin({"a": TWO}, 0.0)
        throttle.withdraw("a")


def test_memory_is_bounded_and_the_oldest_goes() -> None:
    throttle = Throttle()
    for number in range(KEYS + 50):
        throttle.begin({f"k{number}": TWO}, 0.0)
    assert len(throttle._records) == KEYS
    assert "k0" not in throttle._records
    assert f"k{KEYS + 49}" in throttle._records


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("web 192.0.2.1", "web 192.0.2.2", False),
        ("web 2001:db8::1", "web 2001:db8::ffff:2", True),
        ("web 2001:db8::1", "web 2001:db8:0:1::1", False),
        ("local", "web 192.0.2.1", False),
    ],
)
def test_a_source_is_an_ipv4_address_or_an_ipv6_prefix(one: str, other: str, same: bool) -> None:
    assert (source_key(one) == source_key(other)) is same
