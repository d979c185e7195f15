# SPDX-License-Identifier: GPL-2.0-or-later
"""An uplink goes down after rounds without an answer, and comes back after enough with one."""

from __future__ import annotations

from typing import Any

import pytest

from patronus.network.uplinks.health import Health
from patronus.network.uplinks.model import Check, Uplink
from patronus.network.uplinks.questions import dns_failure, dns_question, http_failure, http_question


def uplink(**given: Any) -> Uplink:
    return Uplink.model_validate({"id": "wan", "down_after": 2, "up_after": 2, "fail_back": "0s", **given})


def walk(rounds: str, item: Uplink) -> str:
    """Return the state after each round of a second: ``.`` is an answer, ``x`` none; changes in capitals."""
    health, states = Health(0.0), ""
    for second, outcome in enumerate(rounds, 1):
        changed = health.saw("gone" if outcome == "x" else None, float(second), item)
        state = "u" if health.up else "d"
        states += state.upper() if changed else state
    return states


@pytest.mark.parametrize(
    ("rounds", "states", "given"),
    [
        ("..", "uu", {}),
        ("x.x.", "uuuu", {}),
        ("xx", "uD", {}),
        ("xx.x.x", "uDdddd", {}),
        ("xx..", "uDdU", {}),
        ("xx....", "uDdddU", {"fail_back": "3s"}),
        ("xx..x....", "uDddddddU", {"fail_back": "3s"}),
        ("x", "D", {"down_after": 1}),
    ],
)
def test_states(rounds: str, states: str, given: dict[str, Any]) -> None:
    assert walk(rounds, uplink(**given)) == states


def test_the_reason_is_kept_while_it_is_down_and_goes_when_it_is_up() -> None:
    health, item = Health(0.0), uplink()
    seen = []
    for second, failure in enumerate(["late", "gone", None, None], 1):
        health.saw(failure, float(second), item)
        seen.append((health.up, health.reason))
    assert seen == [(True, "late"), (False, "gone"), (False, "gone"), (True, None)]
    assert (health.rounds, health.lost, health.since_s) == (4, 2, 4.0)


def test_a_question_of_dns_is_answered_by_whoever_knows_that_there_is_no_such_name() -> None:
    question = dns_question(Check(kind="dns", name="example.com"), 0x1234)
    assert question == (
        b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x07example\x03com\x00\x00\x01\x00\x01"
    )
    assert dns_failure(b"\x12\x34\x81\x83" + bytes(8), question) is None
    assert dns_failure(b"\x12\x34\x81\x82" + bytes(8), question) == "the server failed with code 2"
    for other in (b"\x12\x35\x81\x80" + bytes(8), b"\x12\x34\x01\x00" + bytes(8), b"\x12\x34"):
        assert dns_failure(other, question) == "an answer to something else"


def test_a_web_server_is_well_unless_it_says_that_it_failed() -> None:
    assert http_question(Check(kind="http"), "192.0.2.1") == b"HEAD / HTTP/1.0\r\nHost: 192.0.2.1\r\n\r\n"
    assert b"Host: www.example\r\n" in http_question(Check(kind="http", name="www.example"), "192.0.2.1")
    assert b"Host: [2001:db8::1]\r\n" in http_question(Check(kind="http"), "2001:db8::1")
    assert http_failure(b"HTTP/1.1 404 Not Found\r\n") is None
    assert http_failure(b"HTTP/1.1 503 Busy\r\n") == "the server failed with 503"
    assert http_failure(b"SSH-2.0-x\r\n") == "that is no web server"
    assert http_failure(b"HTTP/1.1") == "that is no web server"
