# SPDX-License-Identifier: GPL-2.0-or-later
"""The values in what ``nft -j`` lists, libnftables-json(5), as text of iptables."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from patronus.firewall.importing.condition import Unsaid


def targets(rule: Mapping[str, Any]) -> list[str]:
    """Return the chains to which a rule leads, wherever in it that is said."""
    found: list[str] = []
    waiting: list[Any] = [rule.get("expr")]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            jumps = (one.get(key) for key in ("jump", "goto"))
            found += [str(jump["target"]) for jump in jumps if isinstance(jump, dict) and "target" in jump]
            waiting += one.values()
        elif isinstance(one, list):
            waiting += one
    return found


def only(statement: Mapping[str, Any]) -> tuple[str, Any]:
    """Return the one key of a statement and what stands under it."""
    ((name, value),) = statement.items()
    return name, value


def element_value(element: Any) -> Any:
    """Return an element of a set without its time and its counter."""
    return element["elem"]["val"] if isinstance(element, dict) and "elem" in element else element


def parts(element: Any) -> list[Any]:
    """Return the values of a concatenation."""
    return list(element["concat"])


def flag_names(value: Any) -> str:
    """Return TCP flags: one, or several in any of the ways in which they are listed."""
    several = value.get("|") if isinstance(value, dict) else value
    return ",".join(several) if isinstance(several, list) else str(several) if several else "none"


def value_text(value: Any, span: str) -> str:
    """Return a value; ``span`` stands between the ends of a range. Raises Unsaid."""
    if isinstance(value, dict) and "range" in value:
        first, last = value["range"]
        return f"{first}{span}{last}"
    if isinstance(value, dict) and "prefix" in value:
        return f"{value['prefix']['addr']}/{value['prefix']['len']}"
    if isinstance(value, dict | list) or value is None:
        raise Unsaid(f"{json.dumps(value)[:60]} is no value that can be kept")
    return str(value)
