# SPDX-License-Identifier: GPL-2.0-or-later
"""What a packet's way is asked by, and what the answer is in words. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from patronus.core.connection import Tracked
from patronus.core.link import Hop, RouteQuery
from patronus.core.route_table import UPLINK_BITS
from patronus.firewall.classes import CLASS_BITS
from patronus.firewall.judge.verdict import Packet
from patronus.firewall.policy import Policy
from patronus.network.routing.steering import Steering


@dataclass(frozen=True)
class Chosen:
    """What chose the way: a policy, an uplink, or nothing but the destination.

    ``ways`` is over how many new connections are shared out: of several, one is named as an example.
    """

    by: str | None = None
    ways: int = 1


def query_of(packet: Packet, mark: int = 0) -> RouteQuery:
    """Return what the way of a packet is asked by; ``mark`` is the one that it has at that moment."""
    return RouteQuery(
        destination=packet.destination,
        source=packet.source,
        arrives_on=packet.arrives_on,
        mark=mark,
        protocol=packet.protocol,
        source_port=packet.source_port,
        destination_port=packet.destination_port,
    )


def mark_before_routing(policy: Policy, arrives_on: str, mark: int, tracked: int = 0) -> int:
    """Return a packet's mark when its way is chosen: its connection's where that has one.

    ``mark`` is what it came with. What comes in by an uplink has only the bits that rules have set.
    """
    kept = tracked & ~CLASS_BITS if policy.classes else tracked
    return kept & ~UPLINK_BITS if arrives_on in policy.uplinks else kept or mark


def chosen(steering: Steering, query: RouteQuery, hop: Hop) -> Chosen:
    """Return what chose the way; of the router's own address nothing did."""
    if hop.device is None:
        return Chosen()
    return Chosen(steering.chosen_by(query, hop), steering.ways(query, hop))


def spoken(how: Chosen) -> str:
    """Return the second half of a sentence on the way, empty where only the destination chose it."""
    kind = (how.by or "").partition("/")[0]
    by = {"policy": f", as {how.by} says", "uplink": f", where {how.by} keeps its connection"}
    by["vrf"] = f", in the table of {how.by}"
    said = by.get(kind, f", by {how.by} of somebody else" if how.by else "")
    shared = (
        f"; new connections are shared out over {how.ways} ways, of which this is one" if how.ways > 1 else ""
    )
    return said + shared


def is_of(one: Tracked, packet: Packet) -> bool:
    """Return whether a packet is one of an open connection's, as they come from who began it."""
    way = one.connection.original
    return (way.source, way.destination, way.protocol, way.source_port, way.destination_port) == (
        packet.source, packet.destination, packet.protocol, packet.source_port, packet.destination_port,
    )  # fmt: skip
