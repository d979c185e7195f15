# SPDX-License-Identifier: GPL-2.0-or-later
"""An index to nftables: for each verdict a map from what a packet is to its rule's counter, and what asks it.

A packet that a map finds no counter for goes on; one that is counted meets the verdict behind. So an element
costs what a key and a name cost, and counters are the ones that the rules would name.
"""

from __future__ import annotations

from collections.abc import Iterator

from patronus.firewall.compile.match import decide
from patronus.firewall.optimise.index import Index
from patronus.firewall.optimise.shape import ACTIONS, Shape
from patronus.firewall.table import statements as say
from patronus.firewall.table.ruleset import Expression, Keyed, NftRule

BY = "by"
"""What a rule that asks an index is called in its comment: by what, and what it does to who is found."""
_ADDRESSES = {4: "ipv4_addr", 6: "ipv6_addr"}
SMALLEST, GROWTH = 256, 4
"""Keys that the smallest hash table takes, and how many times as many the next one.

A table's size is fixed: one that grows by itself may tell a key twice, or not at all, while it is read back.
"""


def _name(shape: Shape) -> str:
    """Return the name of an index of a chain, by what it is about: it is the same whatever comes and goes."""
    said = (
        f"from{shape.source}" if shape.source is not None else "",
        f"to{shape.destination}" if shape.destination is not None else "",
        "protocol" if shape.protocol else "",
        "sport" if shape.source_port else "",
        "dport" if shape.destination_port else "",
        "ranges" if shape.ranged else "",
    )
    return f"{BY}/{shape.version or 'any'}-{'-'.join(filter(None, said))}"


def action_of(origin: str) -> str | None:
    """Return what a rule does to a packet that it finds in an index, None for one that asks none."""
    return origin.rpartition("/")[2] if origin.startswith(f"{BY}/") else None


def index_parts(chain: str, index: Index) -> Iterator[tuple[NftRule, str, Keyed]]:
    """Yield for each verdict what asks the index, and the name and content of the map that it asks.

    Who is found is counted and decided. A map of another size is another map.
    """
    kinds = _kinds(index.shape)
    for action in ACTIONS:
        found = {key: rule.origin for key, rule in index.rules.items() if rule.action == action}
        if found:
            size = 0 if index.shape.ranged else _size(len(found))
            name = f"{_name(index.shape)}{f'-{size}' if size else ''}/{action}"
            asked = say.count_by(_key(index.shape), f"{chain}/{name}")
            yield NftRule(name, (asked, decide(action))), f"{chain}/{name}", Keyed(kinds, size, found)


def _size(number: int) -> int:
    size = SMALLEST
    while size < number:
        size *= GROWTH
    return size


def _key(shape: Shape) -> Expression:
    fields = list(_fields(shape))
    return fields[0] if len(fields) == 1 else {"concat": fields}


def _fields(shape: Shape) -> Iterator[Expression]:
    for name, bits in (("saddr", shape.source), ("daddr", shape.destination)):
        if bits is not None:
            assert shape.version, "an address is of a family"
            yield say.prefix_of(shape.version, name, bits)
    if shape.protocol:
        yield say.meta("l4proto")
    for name, there in (("sport", shape.source_port), ("dport", shape.destination_port)):
        if there:
            yield say.payload("th", name)


def _kinds(shape: Shape) -> tuple[str, ...]:
    addresses = [_ADDRESSES[shape.version] for bits in shape[1:3] if bits is not None]
    ports = ["inet_service"] * (shape.source_port + shape.destination_port)
    return (*addresses, *(["inet_proto"] if shape.protocol else []), *ports)
