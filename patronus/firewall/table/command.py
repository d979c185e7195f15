# SPDX-License-Identifier: GPL-2.0-or-later
"""One command of libnftables' JSON, libnftables-json(5): a verb, and what of our table it is about."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from patronus.firewall.table.ruleset import FAMILY, TABLE

Command = dict[str, Any]


def named(verb: str, kind: str, fields: Mapping[str, Any]) -> Command:
    """Return the command."""
    return {verb: {kind: dict(fields)}}


def ours(**fields: Any) -> dict[str, Any]:
    """Return what a part of our table is said by."""
    return {"family": FAMILY, "table": TABLE, **fields}
