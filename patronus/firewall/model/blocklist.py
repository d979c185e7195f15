# SPDX-License-Identifier: GPL-2.0-or-later
"""The section ``firewall/blocklist``: what people block for good, and what can never be blocked."""

from __future__ import annotations

from pydantic import Field

from patronus.core.model import Strict
from patronus.core.values import Id, Name, Prefix


class BlockedPrefix(Strict):
    """One blocked prefix and, for people, why."""

    id: Id = Field(description="stable name of the entry")
    prefix: Prefix = Field(description="what is blocked, in both directions")
    reason: Name | None = Field(default=None, description="why, for people")


class Blocklist(Strict):
    """Prefixes with which nothing is exchanged, in either direction, in any zone."""

    prefixes: tuple[BlockedPrefix, ...] = Field(default=(), description="prefixes that are blocked for good")
    never: tuple[Prefix, ...] = Field(
        default=(),
        description="prefixes that can never be blocked; the router's own addresses, its gateways and its "
        "DNS servers belong to them without being named",
    )
