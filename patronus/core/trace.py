# SPDX-License-Identifier: GPL-2.0-or-later
"""What the kernel tells of a packet on its way through the ruleset, step by step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from patronus.core.values import Address

Passage = Literal["rule", "return", "policy"]
"""A rule that fitted, the end of a chain that is called, or what a base chain does with the rest."""


@dataclass(frozen=True)
class Seen:
    """A packet as one chain found it; ports are 0 where its protocol has none."""

    arrives_on: str | None
    leaves_by: str | None
    protocol: int
    source: Address
    destination: Address
    source_port: int = 0
    destination_port: int = 0


@dataclass(frozen=True)
class TraceStep:
    """One step. ``packet`` numbers the packet; ``handle`` is the rule's; ``seen`` is told once for each hook.

    ``verdict`` is ``accept``, ``drop``, ``continue``, ``return``, or ``jump`` or ``goto`` with a chain.
    """

    packet: int
    table: str
    chain: str
    passage: Passage
    verdict: str
    handle: int | None = None
    seen: Seen | None = None
