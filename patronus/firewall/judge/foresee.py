# SPDX-License-Identifier: GPL-2.0-or-later
"""What another policy would mean for who uses the router now: the committer, the services, the open flows.

Decided by the model's own verdict on an example packet each. Pure: routes are asked through ``device_of``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from ipaddress import IPv4Address
from typing import Any

from patronus.core.connection import Tracked
from patronus.core.feature import Consequence
from patronus.core.link import Address, RouteQuery
from patronus.firewall.addresses import IpAddress, end_of
from patronus.firewall.judge.verdict import Decision, Packet, decide
from patronus.firewall.plan import FirewallPlan
from patronus.firewall.tracking.flows import Devices, came_in_by, judged, packet_of
from patronus.network.opening import NUMBERS, Opening

TCP = NUMBERS["tcp"]
NAMES = {1: "icmp", 58: "icmpv6", **{number: name for name, number in NUMBERS.items()}}
FLOWS = 1000
"""Flows that are named one by one; more are counted."""
SPOKEN = {"allow": "allowed", "drop": "dropped", "reject": "rejected", "queue": "handed to a program"}
EPHEMERAL = 50000
"""The example packets' source port."""


@dataclass(frozen=True)
class World:
    """What is so now: the tracked connections, the router's addresses on its devices, and the routes."""

    connections: Sequence[Tracked]
    addresses: Sequence[Address]
    device_of: Devices


def foresee(
    plan: FirewallPlan, running: FirewallPlan, world: World, visitor: IpAddress | None
) -> Iterator[Consequence]:
    """Yield what the plan would mean in the place of the running one.

    ``visitor`` is the address of who commits, None where they are on the machine itself.
    """
    own = [] if visitor is None else _own(running, world, visitor)
    yield from (_session(plan, running, world, one) for one in own[:1])
    if visitor is not None and not own:
        yield from _unseen_session(plan, running, world, visitor)
    yield from _services(plan, running, world.addresses)
    yield from _flows(plan, running, world, {one.connection.key for one in own})


def _own(running: FirewallPlan, world: World, visitor: IpAddress) -> list[Tracked]:
    """Return the committer's tracked connections to what the router offers as its page."""
    ports = {port for opening in running.openings if opening.why == "web" for port in opening.ports}
    return [
        one for one in world.connections
        if (way := one.connection.original).source == visitor and way.destination_port in ports
        and way.protocol == TCP
    ]  # fmt: skip


def _session(plan: FirewallPlan, running: FirewallPlan, world: World, one: Tracked) -> Consequence:
    before = judged(running.policy, one, world.device_of)
    after = judged(plan.policy, one, world.device_of)
    works = after is None or after.action == "allow"
    what = f"your session from {one.connection.original.source}"
    packet = _example(running, one, world)
    return Consequence("session", what, works, spoken(before), spoken(after), _shown(packet))


def _unseen_session(
    plan: FirewallPlan, running: FirewallPlan, world: World, visitor: IpAddress
) -> Iterator[Consequence]:
    """Yield the committer's way in where no connection of theirs is tracked: a new one is judged."""
    try:
        device = world.device_of(RouteQuery(visitor))
    except LookupError:
        return
    if device is None:
        return
    zone = running.policy.zone_of.get(device)
    for opening in running.openings:
        if opening.why == "web" and opening.zone == zone:
            local = _local(world.addresses, device, visitor.version)
            packet = Packet(device, visitor, local or visitor, TCP, None, EPHEMERAL, opening.ports[0])
            yield _compared("session", f"your session from {visitor}", packet, plan, running, offered=True)


def _services(
    plan: FirewallPlan, running: FirewallPlan, addresses: Sequence[Address]
) -> Iterator[Consequence]:
    """Yield each service that a zone can reach now, and whether it still could."""
    wanted = {replace(one, ports=()) for one in plan.openings}
    for opening in dict.fromkeys(running.openings):
        offered = replace(opening, ports=()) in wanted
        what = f"{opening.why} for {', '.join(map(str, opening.sources)) or opening.zone}"
        what += f" over {opening.protocol}" if opening.why == "dns" else ""
        devices = running.policy.zones.get(opening.zone, ())
        for device in devices if opening.interface is not None else devices[:1]:
            packet = _asking(opening, device, addresses)
            if decide(running.policy, packet).action == "allow":
                yield _compared("service", what, packet, plan, running, offered=offered)


def _asking(opening: Opening, device: str, addresses: Sequence[Address]) -> Packet:
    """Return a packet of a client in the zone that asks for the service."""
    protocol = NUMBERS[opening.protocol]
    if opening.why == "dhcp":
        nobody, everybody = IPv4Address("0.0.0.0"), IPv4Address("255.255.255.255")  # noqa: S104
        return Packet(device, nobody, everybody, protocol, None, 68, opening.ports[0])
    if opening.sources:
        client = opening.sources[0].network_address
        return Packet(
            device,
            client,
            _local(addresses, device, client.version) or client,
            protocol,
            None,
            EPHEMERAL,
            opening.ports[0],
        )
    local = _local(addresses, device, 4) or _local(addresses, device, 6) or IPv4Address("192.0.2.1")
    client = _neighbour(addresses, device, local)
    if not opening.ports:
        return Packet(device, client, local, protocol)
    return Packet(device, client, local, protocol, None, EPHEMERAL, opening.ports[0])


def _local(addresses: Iterable[Address], device: str, version: int) -> IpAddress | None:
    found = (one.interface.ip for one in addresses if one.device == device)
    return next((ip for ip in found if ip.version == version), None)


def _neighbour(addresses: Iterable[Address], device: str, local: IpAddress) -> IpAddress:
    """Return some other address of the network on the device."""
    for one in addresses:
        network = one.interface.network
        if one.device == device and one.interface.ip == local and network.num_addresses > 3:
            last = network[-2]
            return network[-3] if last == local else last
    return local


def _compared(
    kind: Any, what: str, packet: Packet, plan: FirewallPlan, running: FirewallPlan, *, offered: bool
) -> Consequence:
    before, after = decide(running.policy, packet), decide(plan.policy, packet)
    words = spoken(after) if offered else "not offered any more"
    works = offered and after.action == "allow"
    return Consequence(kind, what, works, spoken(before), words, _shown(packet))


def _flows(
    plan: FirewallPlan, running: FirewallPlan, world: World, said: set[bytes]
) -> Iterator[Consequence]:
    """Yield the open connections that the plan judges otherwise."""
    more = 0
    found = 0
    for one in world.connections:
        before = judged(running.policy, one, world.device_of)
        after = judged(plan.policy, one, world.device_of)
        if before is None or after is None or one.connection.key in said:
            continue
        if before.may_go_on == after.may_go_on:
            continue
        found += 1
        if found > FLOWS:
            more += 1
            continue
        packet = _example(running, one, world)
        works = after.may_go_on
        yield Consequence("flow", words(packet), works, spoken(before), spoken(after), _shown(packet))
    if more:
        what = f"{more} more open connections"
        yield Consequence("flow", what, works=False, before="as they are", after="judged otherwise")


def _example(running: FirewallPlan, one: Tracked, world: World) -> Packet:
    device = came_in_by(running.policy, one, world.device_of)
    return packet_of(one.connection.original, device or "")


def spoken(decision: Decision | None) -> str:
    """Return a verdict in words: ``dropped by rule/r-7f3a``."""
    return "left alone" if decision is None else f"{SPOKEN[decision.action]} by {decision.origin}"


def words(packet: Packet) -> str:
    """Return a packet in words: ``tcp 192.168.1.9:40000 to 198.51.100.9:443``."""
    name = NAMES.get(packet.protocol, f"protocol {packet.protocol}")
    return f"{name} {end_of(packet.source, packet.source_port)} to " + end_of(
        packet.destination, packet.destination_port
    )


def _shown(packet: Packet) -> Mapping[str, Any]:
    """Return the packet as ``firewall.Explain`` takes it."""
    shown = {
        "arrives_on": packet.arrives_on, "source": str(packet.source), "destination": str(packet.destination),
        "protocol": NAMES.get(packet.protocol, packet.protocol), "source_port": packet.source_port or None,
        "destination_port": packet.destination_port or None, "icmp_type": packet.icmp,
    }  # fmt: skip
    return {key: value for key, value in shown.items() if value is not None}
