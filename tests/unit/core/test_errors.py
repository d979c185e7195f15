# SPDX-License-Identifier: GPL-2.0-or-later
"""Every error of the tree crosses the wire and comes back as itself."""

from __future__ import annotations

import json

import pytest

from patronus.core.errors import (
    InvalidConfiguration,
    PatronusError,
    SecondFactorNeeded,
    TooManyRequests,
    from_wire,
)
from patronus.core.problem import Location, Problem, Severity

RICH = (InvalidConfiguration, SecondFactorNeeded, TooManyRequests)
PLAIN = [
    kind
    for kind in PatronusError.__subclasses__()
    if kind not in RICH and kind.__module__ == PatronusError.__module__  # the faces have errors of their own
]


@pytest.mark.parametrize("kind", PLAIN, ids=lambda kind: kind.code)
def test_a_plain_error_comes_back_as_its_own_kind(kind: type[PatronusError]) -> None:
    back = from_wire(kind.code, json.loads(json.dumps(kind("no such rule").parameters())))
    assert type(back) is kind
    assert str(back) == "no such rule"


def test_waiting_time_crosses_the_wire() -> None:
    back = from_wire("TooManyRequests", TooManyRequests("slow down", 2.5).parameters())
    assert isinstance(back, TooManyRequests)
    assert back.retry_after_s == 2.5


def test_a_challenge_crosses_the_wire_and_is_not_in_the_message() -> None:
    back = from_wire("SecondFactorNeeded", SecondFactorNeeded("geheim").parameters())
    assert isinstance(back, SecondFactorNeeded)
    assert back.challenge == "geheim"
    assert "geheim" not in str(back)


def test_problems_cross_the_wire_and_keep_their_place_and_order() -> None:
    place = Location("firewall/rules.yaml", 41, 7)
    late = Problem(
        ("firewall/rules", "rules", 3, "port"), "70000 is not a port", 70000, "1–65535", location=place
    )
    early = Problem(
        ("firewall/rules", "aliases"),
        "odd",
        severity=Severity.WARNING,
        location=Location("firewall/rules.yaml", 2),
    )
    error = InvalidConfiguration([late, early])
    assert error.problems == (early, late)
    back = from_wire(error.code, json.loads(json.dumps(error.parameters())))
    assert str(back) == str(error)
    assert "firewall/rules.yaml:41 rules[3].port: 70000 is not a port (1–65535)" in str(back)
    assert "warning: firewall/rules.yaml:2 aliases: odd" in str(back)


def test_an_unknown_code_is_still_an_error() -> None:
    assert str(from_wire("Strange", {"message": "from the future"})) == "from the future"
