# SPDX-License-Identifier: GPL-2.0-or-later
"""Marks that take the bits in which a connection's uplink is kept."""

from __future__ import annotations

from collections.abc import Iterator

from patronus.core.model import Configuration
from patronus.core.problem import Problem
from patronus.core.route_table import UPLINK_BITS
from patronus.firewall.classes import CLASS_BITS
from patronus.firewall.model import Rules
from patronus.network.uplinks.model import Uplinks


def check_marks(config: Configuration) -> Iterator[Problem]:
    """Yield the marks that rules set or look for and whose bits are taken: by uplinks, by classes given."""
    rules = config.get(Rules).rules
    taken = []
    if config.get(Uplinks).uplinks:
        taken.append((UPLINK_BITS, "the uplink of a connection"))
    if any(rule.set_dscp is not None for rule in rules):
        taken.append((CLASS_BITS, "the class that a rule gave a connection"))
    for position, rule in enumerate(rules if taken else ()):
        for key, mark in (("mark", rule.mark), ("set_mark", rule.set_mark)):
            for bits, what in taken:
                if mark is not None and mark.value & bits:
                    text = f"the bits {bits:#x} of a mark hold {what}"
                    allowed = f"bits of {~bits & 0xFFFFFFFF:#x}"
                    yield Problem(("firewall/rules", "rules", position, key), text, str(mark), allowed)
