# SPDX-License-Identifier: GPL-2.0-or-later
"""What is blocked, as sets and the rules that ask them: single addresses apart from what needs an interval.

The kernel goes through the whole of a set of intervals at each transaction that touches it, and to one bucket
of a hash table. Most of what is blocked are single addresses, one after the other. Where nothing is blocked,
no packet is asked.
"""

from __future__ import annotations

from collections.abc import Iterator

from patronus.firewall.addresses import VERSIONS, AddressSet, Version
from patronus.firewall.table import statements as say
from patronus.firewall.table.ruleset import (
    Chain,
    Container,
    Expression,
    Hook,
    Hosts,
    Intervals,
    NftRule,
    set_reference,
)

RAW = Hook("filter", "prerouting", -300, "accept")
SMALLEST, GROWTH = 1024, 4
"""Addresses that the smallest hash table takes, and how many times as many the next one."""


def blocked_sets(blocked: AddressSet) -> dict[str, Container]:
    """Return the sets of what is blocked, none that is empty."""
    return {
        set_reference(name, version): container
        for version in VERSIONS
        for name, container in _sets(blocked, version)
    }


def blocklist_chain(blocked: AddressSet) -> Chain:
    """Drop what comes from or goes to a blocked address, unless it can never be blocked."""
    return Chain((*blocked_rules(blocked, "saddr"), *blocked_rules(blocked, "daddr")), RAW)


def blocked_rules(blocked: AddressSet, name: str, *where: Expression) -> Iterator[NftRule]:
    """Yield what drops packets with a blocked address at one end, ``saddr`` or ``daddr``."""
    for version in VERSIONS:
        for reference, _ in _sets(blocked, version):
            asked = say.in_set(version, name, reference), say.in_set(version, name, "never", "!=")
            yield NftRule("blocked", (*where, *asked, say.counter("blocked"), say.DROP))


def _sets(blocked: AddressSet, version: Version) -> Iterator[tuple[str, Container]]:
    """Yield the sets of a family. A hash table's size is fixed: one of another size is another set."""
    intervals = blocked.intervals(version)
    if hosts := tuple(first for first, last in intervals if first == last):
        size = SMALLEST
        while size < len(hosts):
            size *= GROWTH
        yield f"blocked-{size}", Hosts(version, size, hosts)
    if wide := tuple(interval for interval in intervals if interval[0] != interval[1]):
        yield "blocked", Intervals(version, wide)
