# SPDX-License-Identifier: GPL-2.0-or-later
"""A rule may name the states of which what it says is true; of the others it is told who decides them."""

from __future__ import annotations

import pytest

from patronus.firewall.check.configuration import check_rules
from patronus.firewall.compile.nft import compile_nft
from tests.golden.case import load, plan_for

ZONES = "zones:\n  - {id: wan}\n  - {id: lan}\n"


def said(state: str, action: str) -> list[str]:
    rules = f"rules:\n  - {{id: r-1, from: lan, to: wan, state: {state}, action: {action}}}\n"
    loaded = load({"firewall/zones.yaml": ZONES, "firewall/rules.yaml": rules})
    assert not loaded.problems, loaded.problems
    return [problem.render() for problem in check_rules(loaded.config)]


@pytest.mark.parametrize(
    ("state", "action"),
    [("new", "allow"), ("new", "drop"), ("new", "log"), ("[new, established]", "allow"),
     ("[established, related, new]", "allow")],
)  # fmt: skip
def test_what_is_so_anyway_may_be_said_and_changes_nothing(state: str, action: str) -> None:
    assert said(state, action) == []
    rulesets = []
    for given in ("", f"state: {state}, "):
        rules = f"rules:\n  - {{id: r-1, from: lan, to: wan, {given}action: {action}}}\n"
        config = load({"firewall/zones.yaml": ZONES, "firewall/rules.yaml": rules}).config
        rulesets.append(compile_nft(plan_for(config, {}).policy))
    assert rulesets[0] == rulesets[1]


@pytest.mark.parametrize(
    ("state", "action", "why"),
    [
        ("established", "allow", "passes before any rule, so this one never decides"),
        ("[established, related]", "drop", "passes before any rule, so this one never decides"),
        ("invalid", "drop", "dropped before any rule, and counted as `invalid`"),
        ("[new, invalid]", "allow", "dropped before any rule, and counted as `invalid`"),
        ("[new, established]", "drop", "drop reaches the first packet of a connection alone"),
        ("[new, related]", "log", "log reaches the first packet of a connection alone"),
    ],
)
def test_what_no_rule_sees_is_refused_in_its_place_with_the_reason(state: str, action: str, why: str) -> None:
    (problem,) = said(state, action)
    assert why in problem
    assert problem.startswith("firewall/rules.yaml:2 rules[0].state: ")
