# SPDX-License-Identifier: GPL-2.0-or-later
"""Entries of early drops to the table that XDP looks up: for each prefix of a field, the entries that fit it.

What a packet costs does not grow with the entries: one look-up for each field that anybody asks for, and the
sets of entries combined (Lakshman and Stiliadis, "High-speed policy-based packet forwarding", 1998). Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from patronus.core.early import BITS, Arrival, EarlyTable, Field, Ingress, Node
from patronus.core.values import PortRange
from patronus.firewall.addresses import AddressSet, Interval, Version, prefixes
from patronus.firewall.early.drops import Entry

Asked = Callable[[Entry], Sequence[Interval] | None]
"""The intervals of a field that an entry fits; None is any."""


def _addresses(side: str, version: Version) -> Asked:
    def asked(entry: Entry) -> Sequence[Interval] | None:
        found: AddressSet | None = getattr(entry, side)
        return None if found is None else found.intervals(version)

    return asked


def _ports(side: str) -> Asked:
    def asked(entry: Entry) -> Sequence[Interval] | None:
        found: tuple[PortRange, ...] | None = getattr(entry, side)
        return None if found is None else [(port.first, port.last) for port in found]

    return asked


ASKED: Mapping[Field, Asked] = {
    Field.SOURCE_IPV4: _addresses("source", 4),
    Field.DESTINATION_IPV4: _addresses("destination", 4),
    Field.SOURCE_IPV6: _addresses("source", 6),
    Field.DESTINATION_IPV6: _addresses("destination", 6),
    Field.SOURCE_PORT: _ports("source_ports"),
    Field.DESTINATION_PORT: _ports("destination_ports"),
}


def compile_xdp(entries: Sequence[Entry], tagged: frozenset[str] = frozenset()) -> EarlyTable:
    """Return the table of the entries; ``tagged`` are the NICs that carry VLANs."""
    if not entries:
        return EarlyTable()
    nodes: dict[Node, int] = {}
    constrained: dict[Field, int] = {}
    for field, asked in ASKED.items():
        wanted = [asked(entry) for entry in entries]
        constrained[field] = _set(number for number, one in enumerate(wanted) if one is not None)
        if constrained[field]:
            nodes.update(_nodes(field, wanted))
    return EarlyTable(
        arrivals=dict(_arrivals(entries, constrained)),
        nodes=nodes,
        drops={number: entry.origin for number, entry in enumerate(entries) if entry.origin is not None},
        tagged=tagged,
    )


def _set(numbers: Iterable[int]) -> int:
    found = 0
    for number in numbers:
        found |= 1 << number
    return found


def _arrivals(
    entries: Sequence[Entry], constrained: Mapping[Field, int]
) -> Iterator[tuple[Ingress, Arrival]]:
    """Yield the ways in at which something is dropped."""
    drops = _set(number for number, entry in enumerate(entries) if entry.origin is not None)
    ways = sorted({way for entry in entries for way in entry.ingress})
    for way in ways:
        here = _set(number for number, entry in enumerate(entries) if way in entry.ingress)
        if here & drops:
            asked = frozenset(field for field, those in constrained.items() if those & here)
            yield way, Arrival(here, asked)


def _nodes(field: Field, wanted: Sequence[Sequence[Interval] | None]) -> Iterator[tuple[Node, int]]:
    """Yield the prefixes of a field, each with all entries that fit it whole, the whole field first.

    One that no entry fits is left out, like all that are shorter: there the look-up ends at once.
    """
    own: dict[tuple[int, int], int] = {(0, 0): _set(n for n, one in enumerate(wanted) if one is None)}
    for number, intervals in enumerate(wanted):
        for interval in intervals or ():
            for prefix in prefixes(BITS[field], *interval):
                own[prefix] = own.get(prefix, 0) | 1 << number
    full: dict[tuple[int, int], int] = {}
    lengths: list[int] = []
    for length, value in sorted(own):
        above = (known for known in reversed(lengths) if known < length)
        cuts = ((known, value >> length - known) for known in above)
        full[length, value] = own[length, value] | next((full[cut] for cut in cuts if cut in full), 0)
        if not lengths or lengths[-1] != length:
            lengths.append(length)
        if full[length, value]:
            yield Node(field, length, value << BITS[field] - length), full[length, value]
