# SPDX-License-Identifier: GPL-2.0-or-later
"""The table that marks packets to be followed."""

from __future__ import annotations

from typing import Any

from patronus.firewall.compile.trace import MARK, RATE, trace_table
from patronus.firewall.policy import Match


def test_a_busy_router_tells_of_few_packets_in_a_second_whatever_is_asked_for() -> None:
    rules: list[Any] = [
        one["add"]["rule"]["expr"] for one in trace_table(Match()) if "rule" in one.get("add", {})
    ]
    assert rules
    assert all(rule[-2:] == [{"limit": RATE}, MARK] for rule in rules)
