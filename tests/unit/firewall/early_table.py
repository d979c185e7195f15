# SPDX-License-Identifier: GPL-2.0-or-later
"""The table of early drops, looked up in plain Python as ``bpf/rules.h`` does it: no line is shared."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address

from patronus.core.early import BITS, EarlyTable, Field, Ingress


def longest(table: EarlyTable, field: Field, value: int) -> int:
    """Return the entries under the longest prefix of a field that fits a value."""
    fitting = [
        (node.length, entries)
        for node, entries in table.nodes.items()
        if node.field is field and (node.value ^ value) >> BITS[field] - node.length == 0
    ]
    return max(fitting)[1] if fitting else 0


def dropped_for(
    table: EarlyTable,
    way: Ingress,
    source: IPv4Address | IPv6Address,
    destination: IPv4Address | IPv6Address,
    ports: tuple[int, int],
) -> str | None:
    """Return the origin of the rule that drops a first packet of TCP, None where nftables decides."""
    arrival = table.arrivals.get(way)
    if arrival is None:
        return None
    four = source.version == 4
    values = {
        Field.SOURCE_IPV4 if four else Field.SOURCE_IPV6: int(source),
        Field.DESTINATION_IPV4 if four else Field.DESTINATION_IPV6: int(destination),
        Field.SOURCE_PORT: ports[0],
        Field.DESTINATION_PORT: ports[1],
    }
    entries = arrival.entries
    for field, value in values.items():
        if field in arrival.fields:
            entries &= longest(table, field, value)
    return table.drops.get((entries & -entries).bit_length() - 1)
