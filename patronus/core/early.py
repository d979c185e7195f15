# SPDX-License-Identifier: GPL-2.0-or-later
"""What XDP may drop before nftables sees it, as a table: words of the firewall and the kernel's adapter.

Entries are numbered in the order in which they are tried. For each field of a packet the table says which
entries fit its value; the first entry that fits all fields decides. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from ipaddress import IPv4Address, IPv6Address
from typing import Literal

XdpMode = Literal["auto", "native", "generic", "off"]
"""In which mode XDP shall run on a card: in the driver, in the stack, wherever it can, or not at all."""


class Field(IntEnum):
    """A field of a packet that entries ask for, as ``enum rule_field`` of ``bpf/shared.h`` numbers them."""

    INGRESS = 0
    SOURCE_IPV4 = 1
    DESTINATION_IPV4 = 2
    SOURCE_IPV6 = 3
    DESTINATION_IPV6 = 4
    SOURCE_PORT = 5
    DESTINATION_PORT = 6
    ENTRY = 7
    """No field of a packet: what becomes of what fits the entry of this number."""


BITS = {
    Field.SOURCE_IPV4: 32, Field.DESTINATION_IPV4: 32, Field.SOURCE_IPV6: 128, Field.DESTINATION_IPV6: 128,
    Field.SOURCE_PORT: 16, Field.DESTINATION_PORT: 16,
}  # fmt: skip
"""How wide the fields are that are looked up by prefix."""


@dataclass(frozen=True, slots=True, order=True)
class Ingress:
    """How packets come in: the NIC, and the ids of the VLAN tags that they carry, the outer one first."""

    device: str
    tags: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Arrival:
    """What is known of what comes in one way: the entries that are about it, and the fields they ask for."""

    entries: int
    fields: frozenset[Field]


@dataclass(frozen=True, slots=True, order=True)
class Node:
    """A prefix of a field, its ``length`` leading bits as in ``value``; the longest that fits counts."""

    field: Field
    length: int
    value: int


@dataclass(frozen=True)
class EarlyTable:
    """Entries as bits of a number: bit n is entry n. ``drops`` has the origins of those that drop.

    ``tagged`` are the NICs that carry VLANs: what comes in there can only be judged where its tag is seen.
    """

    arrivals: Mapping[Ingress, Arrival] = field(default_factory=dict)
    nodes: Mapping[Node, int] = field(default_factory=dict)
    drops: Mapping[int, str] = field(default_factory=dict)
    tagged: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        """Return whether anything is dropped."""
        return bool(self.drops)


class Limited(IntEnum):
    """What a source is limited in, as ``enum limit_kind`` of ``bpf/shared.h`` numbers it."""

    SYN = 0
    UDP = 1
    ICMP = 2


@dataclass(frozen=True, slots=True)
class SourceLimit:
    """How much of a kind a source may send: ``count`` in ``per_s`` seconds, ``burst`` of it at once.

    ``origin`` is the guard, under whose name the drops are counted.
    """

    kind: Limited
    origin: str
    count: int
    per_s: int
    burst: int


@dataclass(frozen=True)
class EarlyLimits:
    """The limits of each way in; ``tagged`` as in the table of rules."""

    limits: Mapping[Ingress, tuple[SourceLimit, ...]] = field(default_factory=dict)
    tagged: frozenset[str] = frozenset()

    @property
    def origins(self) -> frozenset[str]:
        """Return the guards that limit anything."""
        return frozenset(one.origin for here in self.limits.values() for one in here)


@dataclass(frozen=True)
class EarlyDrop:
    """One packet that was dropped, of the sample: ``origin`` is the rule or guard, None with the blocklist.

    ``age_s`` is how long ago it was, ``vlan_id`` 0 where it had no tag.
    """

    age_s: float
    device: str
    vlan_id: int
    reason: str
    origin: str | None
    source: IPv4Address | IPv6Address
    destination: IPv4Address | IPv6Address
    bytes: int
