# SPDX-License-Identifier: GPL-2.0-or-later
"""When a provider is told again, and when it is left alone."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address
from typing import Any

import pytest

from patronus.dyndns.task import Outcome, Verdict, Way
from patronus.network.dyndns.model import OutsideName
from patronus.network.dyndns.plan import Standing
from patronus.network.dyndns.record import (
    ASK_S,
    FIRST_S,
    GAP_S,
    LONGEST_S,
    QUIET_S,
    Record,
    after,
    as_data,
    due_in_s,
    from_data,
    is_kept_already,
    is_news,
    must_tell,
)

HOW = {"server": "https://dyn.example", "user": "anna", "password": {"secret": "dyn"}}
ENTRY = OutsideName.model_validate({"id": "home", "hostnames": ["home.example"], "dyndns2": HOW})
ONE, TWO = IPv4Address("203.0.113.1"), IPv4Address("203.0.113.2")
NOW = Standing(ENTRY, "mark", "wan", ipv4=ONE)
MOVED = replace(NOW, ipv4=TWO)
BEHIND = replace(NOW, ipv4=None, asks=True, way=Way(device="eth1", source4=IPv4Address("10.0.0.2")))
DAY_S = 86400.0


def tried(
    verdict: Verdict, at: float, before: Record | None = None, standing: Standing = NOW, **more: Any
) -> Record:
    outcome = Outcome(**{"id": "home", "verdict": verdict, "words": verdict, "ipv4": standing.ipv4, **more})
    return after(before, standing, outcome, at)


TOLD = tried("told", 1000.0)


@pytest.mark.parametrize(
    ("record", "standing", "wall_s", "due"),
    [
        (None, NOW, 1000.0, 0.0),
        (TOLD, NOW, 1001.0, 28 * DAY_S - 1),
        (TOLD, NOW, 1000.0 + 28 * DAY_S, 0.0),
        (TOLD, NOW, 10.0, 28 * DAY_S),
        (TOLD, MOVED, 1001.0, GAP_S - 1),
        (TOLD, MOVED, 1000.0 + GAP_S, 0.0),
        (TOLD, MOVED, 10.0, 0.0),
        (TOLD, replace(NOW, mark="other"), 1001.0, 0.0),
        (TOLD, replace(NOW, reason="no uplink is up"), 1e9, None),
        (tried("stop", 1000.0), NOW, 1e9, None),
        (tried("stop", 1000.0), MOVED, 1e9, None),
        (tried("stop", 1000.0), replace(NOW, mark="other"), 1001.0, 0.0),
        (tried("wait", 1000.0), NOW, 1001.0, QUIET_S - 1),
        (tried("wait", 1000.0), MOVED, 1001.0, QUIET_S - 1),
        (tried("wait", 1000.0), NOW, 1000.0 + QUIET_S, 0.0),
        (tried("failed", 1000.0), NOW, 1001.0, FIRST_S - 1),
        (tried("failed", 1000.0, tried("failed", 900.0)), NOW, 1000.0, 2 * FIRST_S),
        (tried("failed", 1000.0, TOLD), MOVED, 1001.0, GAP_S - 1),
        (tried("failed", 1000.0), NOW, 10.0, 0.0),
        (tried("told", 1000.0, standing=BEHIND, ipv4=TWO), BEHIND, 1000.0, ASK_S),
        (tried("told", 1000.0, standing=BEHIND, ipv4=TWO), BEHIND, 1000.0 + ASK_S, 0.0),
        (tried("told", 1000.0, standing=BEHIND, ipv4=TWO), NOW, 1000.0, GAP_S),
    ],
    ids=[
        "never told", "told", "long ago", "in a time to come", "moved", "moved a minute ago", "clock back",
        "other log-in", "nothing to tell", "refused", "refused, moved", "refused, other log-in", "quiet",
        "quiet, moved", "after the quiet", "failed", "failed twice", "failed, moved", "failed, clock back",
        "behind another router", "asked again", "in front of it again",
    ],
)  # fmt: skip
def test_when_a_provider_is_told(
    record: Record | None, standing: Standing, wall_s: float, due: float | None
) -> None:
    assert due_in_s(standing, record, wall_s) == due


def test_pauses_grow_to_an_hour_and_begin_anew_after_a_success() -> None:
    record = TOLD
    for _ in range(40):
        record = tried("failed", 1000.0, record)
    assert due_in_s(NOW, record, 1000.0) == LONGEST_S
    assert (record.ipv4, record.told) == (ONE, 1000.0), "what it has is known all the while"
    record = tried("failed", 3000.0, tried("told", 2000.0, record))
    assert due_in_s(NOW, record, 3000.0) == FIRST_S


def test_what_came_of_another_log_in_is_forgotten() -> None:
    record = tried("failed", 2000.0, replace_mark(TOLD, "before"))
    assert (record.ipv4, record.told, record.failures) == (None, None, 1)


def replace_mark(record: Record, mark: str) -> Record:
    return record.model_copy(update={"mark": mark})


def test_a_known_address_behind_another_router_is_told_again_only_in_time_or_after_trouble() -> None:
    record = tried("told", 1000.0, standing=BEHIND, ipv4=TWO)
    assert not must_tell(BEHIND, record, 1000.0 + ASK_S)
    same = tried("same", 1000.0 + ASK_S, record, BEHIND, answer="", ipv4=TWO)
    assert (same.told, same.known, same.tried) == (1000.0, (TWO, None), 1000.0 + ASK_S)
    assert must_tell(BEHIND, same, 1000.0 + 28 * DAY_S)
    assert must_tell(BEHIND, tried("failed", 2000.0, same, BEHIND), 2000.0)
    assert must_tell(BEHIND, None, 2000.0)
    assert must_tell(BEHIND, replace_mark(same, "other"), 2000.0)


def test_people_hear_of_what_is_new() -> None:
    failed = tried("failed", 2000.0, TOLD)
    assert is_news(None, TOLD)
    assert not is_news(TOLD, tried("told", 3000.0, TOLD)), "a refresh is none"
    assert is_news(TOLD, tried("told", 3000.0, TOLD, MOVED))
    assert is_news(TOLD, failed)
    assert not is_news(failed, tried("failed", 2100.0, failed))
    assert is_news(failed, tried("failed", 2100.0, failed, words="another trouble"))
    assert is_news(failed, tried("stop", 2100.0, failed))
    assert is_news(failed, tried("told", 2200.0, failed))


def test_what_is_known_outlives_a_restart_and_what_is_damaged_does_not() -> None:
    kept = {"home": TOLD, "other": tried("failed", 2000.0, TOLD)}
    assert from_data(as_data(kept)) == kept
    assert from_data(None) == from_data([1]) == from_data({"home": {"mark": 1}}) == {}
    assert from_data({**as_data(kept), "bad": None}) == kept


def test_looking_again_writes_nothing_down() -> None:
    same = tried("same", 1600.0, TOLD, words="told")
    assert not is_kept_already(None, TOLD)
    first = tried("same", 1700.0, same, words="told")
    assert is_kept_already(same, first)
    assert not is_kept_already(same, tried("failed", 1700.0, same))
