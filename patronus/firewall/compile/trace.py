# SPDX-License-Identifier: GPL-2.0-or-later
"""A table of its own for the packets that somebody wants to follow: it marks them, and nothing more.

It stands as long as they are followed. The kernel tells of marked packets alone, and of few in a second,
so that a busy router stays one.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from patronus.firewall.compile.match import match_statements, versions_of
from patronus.firewall.policy import Match, PolicyRule
from patronus.firewall.table import statements as say
from patronus.firewall.table.command import Command
from patronus.firewall.table.commands import remove_table
from patronus.firewall.table.ruleset import FAMILY, Expression

TABLE = "patronus_trace"
PRIORITY = -350
"""Before the blocklist, behind the reassembly of fragments."""
RATE: Expression = {"rate": 20, "per": "second", "burst": 20}
MARK: Expression = {"mangle": {"key": say.meta("nftrace"), "value": 1}}


def trace_table(match: Match) -> list[Command]:
    """Return the commands that make the table, whatever an earlier one has left."""
    where: dict[str, Any] = {"family": FAMILY, "table": TABLE}
    made = {"add": {"table": {"family": FAMILY, "name": TABLE}}}
    base = {**where, "name": "marked", "type": "filter", "hook": "prerouting", "prio": PRIORITY}
    rules = [{"add": {"rule": {**where, "chain": "marked", "expr": list(expr)}}} for expr in _rules(match)]
    return [made, remove_table(TABLE), made, {"add": {"chain": {**base, "policy": "accept"}}}, *rules]


def _rules(match: Match) -> Iterator[tuple[Expression, ...]]:
    for version in versions_of(PolicyRule("trace", "count", match)):
        yield (*match_statements(match, version), {"limit": RATE}, MARK)
