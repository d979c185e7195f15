# SPDX-License-Identifier: GPL-2.0-or-later
"""The rules that XDP drops for, behind the pins: a table that replaces another in one step, and counters.

A table is a trie of its own. It is filled before it is put into the one slot from which the program takes
it, so a packet meets the old table or the new one. The counters are beside it, by the number of the rule:
they live on over every table, as long as somebody asks for them.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

from patronus.core.early import BITS, EarlyTable, Field, Ingress
from patronus.core.errors import KernelError
from patronus.kernel.bpf_attach import ifindex, strips_vlan
from patronus.kernel.bpf_codec import (
    RULE_INGRESS,
    RULE_KEY,
    RULE_NODE,
    RULE_NUMBER,
    Counter,
    counter_of,
    rule_number,
)
from patronus.kernel.bpf_map import Map
from patronus.kernel.bpf_object import Program

ASKS_CONNTRACK = "xdp_asks_conntrack"
NODES_MAX = 1 << 15
ENTRY_BYTES = 128
_SLOT = struct.pack("=I", 0)
_KEY_PREFIX_BITS = 32
_TAG = 0x8000  # TAG_CUSTOMER
_NO_FRAME = bytes(14)
Items = Iterator[tuple[bytes, bytes]]


def key(field: Field, value: bytes, length: int) -> bytes:
    """Return ``struct rule_key``: the first ``length`` bits of ``value`` count."""
    return RULE_KEY.pack(_KEY_PREFIX_BITS + length, field, value.ljust(16, b"\0"))


def node(entries: int, rule: int = 0, fields: Iterable[Field] = ()) -> bytes:
    """Return ``struct rule_node``."""
    asked = sum(1 << field for field in fields)
    return RULE_NODE.pack(entries.to_bytes(ENTRY_BYTES, "little"), rule, asked)


def way_in(ingress: Ingress, number: int) -> bytes:
    """Return ``struct rule_ingress``; ``number`` is that of the NIC."""
    tags = [_TAG | tag for tag in ingress.tags] + [0, 0]
    return RULE_INGRESS.pack(number, struct.pack("=HH", *tags[:2]))


def items(table: EarlyTable, number_of: Callable[[str], int | None]) -> Items:
    """Yield keys and values of the trie; a NIC without a number is left out."""
    for ingress, arrival in table.arrivals.items():
        number = number_of(ingress.device)
        if number is not None:
            raw = way_in(ingress, number)
            yield key(Field.INGRESS, raw, len(raw) * 8), node(arrival.entries, fields=arrival.fields)
    for prefix, entries in table.nodes.items():
        raw = prefix.value.to_bytes(BITS[prefix.field] // 8, "big")
        yield key(prefix.field, raw, prefix.length), node(entries)
    for entry, origin in table.drops.items():
        raw = struct.pack("=I", entry)
        yield key(Field.ENTRY, raw, len(raw) * 8), node(0, rule_number(origin))


class EarlyRules:
    """The slot of the table and the counters; ``opened`` opens a pinned map by its name."""

    def __init__(self, pins: Path, opened: Callable[[str], Map]) -> None:
        self._pins = pins
        self._opened = opened
        self._stands: Map | None = None
        self._wanted: dict[bytes, bytes] = {}

    def asks_conntrack(self) -> bool:
        """Return whether the program can ask conntrack; where it cannot, rules drop nothing early."""
        with Program.pinned(self._pins / ASKS_CONNTRACK) as program:
            return program.run(_NO_FRAME).verdict == 1

    def replace(self, table: EarlyTable, counted: Iterable[str] = ()) -> None:
        """Put ``table`` in the place of the one that stands; an empty one leaves the slot empty.

        ``counted`` are the origins whose counters stay, beside those of the table. Raises KernelError; then
        no rule drops anything.
        """
        try:
            wanted = dict(items(table, lambda device: number_of(device, table.tagged))) if table else {}
            self._put(wanted, set(table.drops.values()))
        except KernelError:
            self._clear()
            raise
        keep = {_origin_key(origin) for origin in (*table.drops.values(), *counted)}
        counters = self._opened("rule_drops")
        for stale in set(counters.keys()) - keep:
            counters.delete(stale)

    def _put(self, wanted: dict[bytes, bytes], origins: set[str]) -> None:
        if not wanted:
            self._clear()
            return
        keep_counting(self._opened("rule_drops"), origins)
        trie = Map.trie("rule_table", RULE_KEY.size, RULE_NODE.size, NODES_MAX)
        try:
            trie.update_many(wanted.items())
            self._opened("rules").update(_SLOT, struct.pack("=I", trie.descriptor))
        except KernelError:
            trie.close()
            raise
        self._let_go(trie, wanted)

    def _clear(self) -> None:
        self._opened("rules").delete(_SLOT)
        self._let_go(None, {})

    def _let_go(self, stands: Map | None, wanted: dict[bytes, bytes]) -> None:
        if self._stands is not None:
            self._stands.close()
        self._stands, self._wanted = stands, wanted

    def differs(self) -> str | None:
        """Return how what the program looks up differs from the last table, None where it does not."""
        raw = self._opened("rules").lookup(_SLOT)
        if self._stands is None:
            return None if raw is None else "a table of someone else"
        if raw != struct.pack("=I", self._stands.id):
            return "no table" if raw is None else "a table of someone else"
        found = {each: self._stands.lookup(each) for each in self._stands.keys()}  # noqa: SIM118
        return None if found == self._wanted else f"{len(found)} nodes that are not those of the table"

    def counters(self, origins: Iterable[str]) -> Mapping[str, Counter]:
        """Return what was dropped for the rules of ``origins``, in bytes from the IP header on."""
        table = self._opened("rule_drops")
        seen = {_origin_key(origin): origin for origin in origins}
        raw = ((seen[number], table.lookup(number)) for number in table.keys() if number in seen)  # noqa: SIM118
        return {origin: counter_of(table.per_cpu(value)) for origin, value in raw if value is not None}


def keep_counting(counters: Map, origins: Iterable[str]) -> None:
    """Give each rule or guard a counter where it has none: what nobody counts is not dropped."""
    for number in map(_origin_key, origins):
        if counters.lookup(number) is None:
            counters.update(number, bytes(counters.slot_size * counters.cpus))


def _origin_key(origin: str) -> bytes:
    return RULE_NUMBER.pack(rule_number(origin))


def number_of(device: str, tagged: frozenset[str]) -> int | None:
    """Return the number of a NIC, None where it is missing, or takes off tags that tell its ways in apart."""
    try:
        number = ifindex(device)
    except KernelError:
        return None
    return None if device in tagged and strips_vlan(device) else number
