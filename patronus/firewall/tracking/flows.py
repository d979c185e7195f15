# SPDX-License-Identifier: GPL-2.0-or-later
"""Which tracked connections a policy no longer allows. Pure: where packets go is asked through ``device_of``.

A connection is judged as if its first packet came now, but on the way that it has: its mark keeps it on its
uplink. Those that a helper announced are left alone, and so is every one of which it is not certain where it
came from. The router's own connections are open.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from patronus.core.connection import Tracked, Way
from patronus.core.link import IpAddress, RouteQuery
from patronus.firewall.judge.verdict import Decision, Packet, blocked, decide, translate
from patronus.firewall.judge.way import mark_before_routing, query_of
from patronus.firewall.policy import Policy

Devices = Callable[[RouteQuery], str | None]
"""The device by which a packet leaves, None for the router's own address. Raises LookupError."""


def forbidden(policy: Policy, one: Tracked, device_of: Devices) -> bool:
    """Return whether the policy refuses this connection, or would send it to another host."""
    decision = judged(policy, one, device_of)
    return decision is not None and not decision.may_go_on


def came_in_by(policy: Policy, one: Tracked, device_of: Devices) -> str | None:
    """Return the device by which a connection's first packet came, None where the router began it.

    It is the one by which the answers leave. Raises LookupError.
    """
    return device_of(way_back(policy, one, device_of))


def device_towards(policy: Policy, device_of: Devices, address: IpAddress) -> str | None:
    """Return the device by which an address is reached, in its own VRF. Raises LookupError."""
    return device_of(RouteQuery(address, within=policy.vrf_of(address)))


def way_back(policy: Policy, one: Tracked, device_of: Devices) -> RouteQuery:
    """Return what the way of a connection's answers is asked by: it is kept on its uplink by the mark.

    They come from the host that gives them. Raises LookupError.
    """
    way, back = one.connection.original, one.connection.reply
    within = policy.vrf_of(way.source, back.source)
    answers_by = device_of(RouteQuery(back.source, within=within))
    answer = Packet(
        arrives_on=answers_by or "",
        source=back.source,
        destination=way.source,
        protocol=way.protocol,
        source_port=back.source_port,
        destination_port=way.source_port,
    )
    if answers_by is None:
        return replace(query_of(answer), arrives_on=None, within=within)
    return query_of(answer, mark_before_routing(policy, answers_by, 0, one.mark))


def judged(policy: Policy, one: Tracked, device_of: Devices) -> Decision | None:
    """Return what the policy does to this connection, None where that is not certain or it is left alone."""
    connection = one.connection
    if connection.expected:
        return None
    way = connection.original
    try:
        arrives_on = came_in_by(policy, one, device_of)
        if arrives_on is None:
            return None
        inner, forward = translate(policy, packet_of(way, arrives_on))
        if connection.translated or forward is not None:
            if not _same_target(inner, connection.reply):
                if forward is not None or policy.zone_of.get(arrives_on) not in policy.mapped:
                    return Decision("drop", "its forward") if connection.translated else None
                inner = _as_it_went(inner, connection.reply)
            inner = replace(inner, translated=True)
        mark = mark_before_routing(policy, arrives_on, 0, one.mark)
        leaves_by = device_of(query_of(inner, mark))
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


def _as_it_went(packet: Packet, reply: Way) -> Packet:
    """Return the packet as another table translated it: to where the answers come from."""
    return replace(packet, destination=reply.source, destination_port=reply.source_port)
