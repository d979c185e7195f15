# SPDX-License-Identifier: GPL-2.0-or-later
"""Which tracked connections a policy no longer allows. Pure: where packets go is asked through ``route``.

A connection is judged as if its first packet came now. Those that a helper announced are left alone, and so
is every one of which it is not certain where it came from. The router's own connections are open.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address

from patronus.core.connection import Connection, Way
from patronus.firewall.policy import Policy
from patronus.firewall.verdict import Decision, Packet, blocked, decide, translate

Devices = Callable[[IPv4Address | IPv6Address], str | None]
"""The device by which an address is reached, None for the router's own. Raises LookupError."""


def forbidden(policy: Policy, connection: Connection, device_of: Devices) -> bool:
    """Return whether the policy refuses this connection, or would send it to another host."""
    decision = judged(policy, connection, device_of)
    return decision is not None and decision.action != "allow"


def judged(policy: Policy, connection: Connection, device_of: Devices) -> Decision | None:
    """Return what the policy does to this connection, None where that is not certain or it is left alone."""
    if connection.expected:
        return None
    way = connection.original
    try:
        arrives_on = device_of(way.source)
        if arrives_on is None:
            return None
        inner, forward = translate(policy, packet_of(way, arrives_on))
        if connection.translated or forward is not None:
            if not _same_target(inner, connection.reply):
                return Decision("drop", "its forward") if connection.translated else None
            inner = replace(inner, translated=True)
        leaves_by = device_of(inner.destination)
    except LookupError:
        return None
    if blocked(policy, way.source, way.destination) or blocked(policy, inner.destination, way.source):
        return Decision("drop", "blocked", forward)
    return decide(policy, replace(inner, leaves_by=leaves_by))


def packet_of(way: Way, arrives_on: str) -> Packet:
    """Return the first packet of a connection's direction."""
    return Packet(
        arrives_on=arrives_on,
        source=way.source,
        destination=way.destination,
        protocol=way.protocol,
        source_port=way.source_port,
        destination_port=way.destination_port,
        icmp=way.icmp,
    )


def _same_target(packet: Packet, reply: Way) -> bool:
    """Return whether the answer comes from where the policy would send the packet."""
    return (packet.destination, packet.destination_port) == (reply.source, reply.source_port)
