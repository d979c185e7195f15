# SPDX-License-Identifier: GPL-2.0-or-later
"""Which states of a connection a rule may name: those of which what it says is true.

Rules see the first packet of a connection. So ``new`` is what every rule is about, and to allow the others
too says what is so anyway; a rule about the others alone would never decide, and is refused with the reason.
"""

from __future__ import annotations

from collections.abc import Iterator

from patronus.core.problem import Path, Problem
from patronus.firewall.model import Rule

OPEN = frozenset({"established", "related"})
"""States that are let through before any rule."""


def check_state(rule: Rule, path: Path) -> Iterator[Problem]:
    """Yield the problem of a rule that names states it does not see."""
    if rule.state is None:
        return
    states, shown, path = set(rule.state), ", ".join(rule.state), (*path, "state")
    if "invalid" in states:
        message = "what conntrack calls invalid is dropped before any rule, and counted as `invalid`"
        yield Problem(
            path, message, shown, hint="leave invalid out; the rule, where it is about nothing else"
        )
    elif "new" not in states:
        message = "what belongs to an open connection passes before any rule, so this one never decides"
        yield Problem(path, message, shown, hint="leave the rule out; a rule decides the first packet")
    elif states & OPEN and rule.action != "allow":
        message = f"{rule.action} reaches the first packet of a connection alone, not those that follow"
        yield Problem(path, message, shown, hint="state: new")
