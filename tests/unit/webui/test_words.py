# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import pytest

from webui.pages import forms, words
from webui.pages.leases import pool_of
from webui.throughput import KEPT, LONGEST_GAP_S, Throughput


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 B"), (1023, "1023 B"), (1536, "1.5 KiB"), (512 << 20, "512 MiB"), (None, "–")]
)
def test_sizes(count: float | None, text: str) -> None:
    assert words.size(count) == text


@pytest.mark.parametrize(("bps", "text"), [(0, "0 bit/s"), (94_100_000, "94.1 Mbit/s"), (2e9, "2 Gbit/s")])
def test_rates(bps: float, text: str) -> None:
    assert words.rate(bps) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (-5, "0 s"), (61, "1 min 1 s"), (3600, "1 h"), (90061, "1 d 1 h"), (None, "–")],
)
def test_durations(seconds: float | None, text: str) -> None:
    assert words.duration(seconds) == text


def test_what_is_typed_becomes_what_the_files_hold() -> None:
    assert forms.one_or_many(" 192.0.2.1 ") == "192.0.2.1"
    assert forms.one_or_many("192.0.2.1, @nas") == ["192.0.2.1", "@nas"]
    assert forms.one_or_many("  ") is None
    assert forms.ports("22") == 22
    assert forms.ports("80, 1000-2000 @web") == [80, "1000-2000", "@web"]
    assert forms.ports("") is None
    assert forms.ports("9" * 5000) == "9" * 5000


def test_an_edit_keeps_what_the_form_does_not_show() -> None:
    old = {"id": "r-1", "name": "a", "limit": {"rate": "1/s"}, "source": "192.0.2.1"}
    new = forms.changed(old, {"name": "b", "source": None}, ("name", "source"))
    assert new == {"id": "r-1", "limit": {"rate": "1/s"}, "name": "b"}


def test_throughput_is_bits_per_second_between_samples() -> None:
    seen = Throughput()
    seen.add(0.0, {"lan": (0, 0)})
    assert seen.rates("lan").down_bps is None
    seen.add(2.0, {"lan": (1000, 250)})
    rates = seen.rates("lan")
    assert (rates.down_bps, rates.up_bps) == (4000.0, 1000.0)
    assert len(rates.curve("down").split()) == 1


def test_throughput_starts_anew_after_a_gap_or_a_reset_counter() -> None:
    for at, counted in ((3.0, (10, 10)), (2.0 + LONGEST_GAP_S + 1, (9000, 9000))):
        seen = Throughput()
        seen.add(0.0, {"lan": (0, 0)})
        seen.add(2.0, {"lan": (1000, 1000)})
        seen.add(at, {"lan": counted})
        assert seen.rates("lan").down_bps is None


def test_throughput_is_bounded_and_forgets_what_is_gone() -> None:
    seen = Throughput()
    for second in range(KEPT * 2):
        seen.add(float(second), {"lan": (second, second)})
    assert len(seen.rates("lan").down) == KEPT - 1
    seen.add(KEPT * 2.0, {"wan": (0, 0)})
    assert seen.rates("lan").down == ()


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ({"action": "drop", "protocol": "tcp", "destination_port": 22}, []),
        ({"source_port": [53, "1024-2000"], "tcp_flags": "syn"}, ["from port 53, 1024-2000", "flags syn"]),
        ({"from": {"zone": "lan", "mac": "52:54:00:00:00:01"}}, ["MAC 52:54:00:00:00:01"]),
        ({"from": "lan", "limit": {"rate": "1/s", "per": "source"}}, ["at most 1/s per source"]),
        ({"connections": {"most": 7}}, ["open at most 7"]),
        ({"schedule": {"days": ["fri", "mon"], "time": "08:00-18:00"}}, ["mon, fri 08:00-18:00"]),
        ({"dscp": 0, "mark": "0x1"}, ["DSCP 0", "mark 0x1"]),
    ],
)
def test_what_else_a_rule_asks_for_is_said(rule: dict[str, object], said: list[str]) -> None:
    assert words.conditions(rule) == said


@pytest.mark.parametrize(
    ("chosen", "text"),
    [
        (["mon", "tue", "wed", "thu", "fri", "sun"], "mon-fri, sun"),
        ("sat", "sat"),
        (["sun", "sat"], "sat-sun"),
        (["mon-fri", "sun"], "mon-fri, sun"),
        (None, ""),
    ],
)
def test_days_are_said_as_spans(chosen: object, text: str) -> None:
    assert words.days(chosen) == text


def test_a_lease_is_of_the_pool_whose_range_holds_it_or_of_none_that_is_plain() -> None:
    first = {"id": "a", "interface": "lan", "family": 4, "ranges": ["192.168.1.100-192.168.1.199"]}
    second = {"id": "b", "interface": "lan", "family": 4, "ranges": ["10.0.0.5-10.0.0.9"]}
    six = {"id": "c", "interface": "lan", "family": 6, "ranges": ["::1000-::1fff"]}
    lease = {"interface": "lan", "address": "10.0.0.9"}
    assert pool_of(lease, [first, second]) == "b"
    assert pool_of({**lease, "address": "10.0.0.10"}, [first, second]) is None
    assert pool_of({**lease, "address": "192.168.1.7"}, [first]) == "a"
    alone = {**second, "id": "d", "ranges": ["10.0.0.20"]}
    assert pool_of({**lease, "address": "10.0.0.20"}, [first, second, alone]) == "d"
    assert pool_of({**lease, "interface": "guest"}, [first, second]) is None
    assert pool_of({**lease, "address": "fd00:1::1005"}, [first, second, six]) == "c"
    assert pool_of({**lease, "address": "192.168.1.7"}, [first, six]) == "a"
    part = {**lease, "address": "2001:db8:0:10::/60"}
    four, giving = {**first, "delegation": None}, {**six, "delegation": "/60 of wan"}
    assert pool_of(part, [four, giving]) == "c"
    assert pool_of(part, [four, {**six, "delegation": None}]) is None
