# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import pytest

from webui.pages import forms, words
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
