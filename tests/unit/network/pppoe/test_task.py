# SPDX-License-Identifier: GPL-2.0-or-later
"""What a dialler is told, and what pppd is told of it: words in their places, and no option but ours."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from patronus.core.errors import InvalidRequest
from patronus.network.pppoe.options import render
from patronus.network.pppoe.task import Task, parse

TASK = Task("wan", "eth1", "line 7@provider.example", "s3cret")


def test_a_task_comes_back_as_it_was_written() -> None:
    assert parse(TASK.as_text()) == TASK
    assert parse(replace(TASK, service="gold", ipv6=True).as_text()).service == "gold"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("device", "../wan"),
        ("device", "wan\nconnect /bin/sh"),
        ("parent", "eth1 connect /bin/sh"),
        ("user", "me\nconnect /bin/sh"),
        ("user", ""),
        ("user", None),
        ("password", "x\nplugin /tmp/evil.so"),
        ("password", "x" * 256),
        ("service", "a\tb"),
        ("service", 7),
        ("mtu", "1492\nplugin x"),
        ("mtu", -1),
        ("ipv4", "no"),
    ],
)
def test_a_task_that_could_say_more_to_pppd_is_refused_without_repeating_it(name: str, value: Any) -> None:
    told = json.loads(TASK.as_text()) | {name: value}
    with pytest.raises(InvalidRequest, match=f"^{name} is not one that pppd takes$"):
        parse(json.dumps(told))


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", json.dumps({**json.loads(TASK.as_text()), "connect": "sh"})]
)
def test_what_is_no_task_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest):
        parse(text)


def test_the_password_is_in_the_options_and_shown_nowhere() -> None:
    assert "s3cret" not in repr(TASK)
    assert 'password "s3cret"' in render(TASK).splitlines()


def test_quotes_and_backslashes_stay_inside_their_word() -> None:
    lines = render(replace(TASK, password='a" connect "\\')).splitlines()
    assert 'password "a\\" connect \\"\\\\"' in lines


def test_every_session_asks_for_what_is_configured() -> None:
    plain = render(TASK).splitlines()
    assert {"nic-eth1", "ifname wan", "mtu 1492", "mru 1492", "usepeerdns", "defaultroute", "noipv6"} <= set(
        plain
    )
    assert {"nopersist", "nodetach", "hide-password", "noauth", "noipdefault", "maxfail 1"} <= set(plain)
    assert {"noaccomp", "nopcomp", "novj", "noccp", "nomppe", "plugin pppoe.so"} <= set(plain)
    other = replace(TASK, ipv4=False, ipv6=True, service="gold", concentrator="ac1", metric=102)
    lines = render(other).splitlines()
    assert {"noip", "+ipv6", 'pppoe-service "gold"', 'pppoe-ac "ac1"'} <= set(lines)
    assert not {"usepeerdns", "defaultroute", "noipv6"} & set(lines)
    assert "defaultroute-metric 102" in render(replace(TASK, metric=102)).splitlines()
    assert "usepeerdns" not in render(replace(TASK, dns=False)).splitlines()
