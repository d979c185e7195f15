# SPDX-License-Identifier: GPL-2.0-or-later
"""What the router offers a zone now, and whether it still would with another plan. Pure.

Each service is tried by a packet of a client, by one of the network that there will be afterwards.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from ipaddress import IPv4Address

from patronus.core.feature import Consequence
from patronus.core.link import Address, RouteQuery
from patronus.firewall.addresses import IpAddress
from patronus.firewall.judge.verdict import Packet, decide
from patronus.firewall.judge.words import EPHEMERAL, shown, spoken
from patronus.firewall.plan import FirewallPlan
from patronus.network.opening import NUMBERS, Opening
from patronus.network.routing.outlook import Outlook


def foresee_services(
    plan: FirewallPlan, running: FirewallPlan, addresses: Sequence[Address], outlook: Outlook | None
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
            before = decide(running.policy, packet)
            if before.action == "allow":
                works, after = _afterwards(plan, opening, packet, outlook)
                after = after if offered else "not offered any more"
                yield Consequence("service", what, offered and works, spoken(before), after, shown(packet))


def _afterwards(
    plan: FirewallPlan, opening: Opening, packet: Packet, outlook: Outlook | None
) -> tuple[bool, str]:
    """Return whether a service will work, and what becomes of a client's packet."""
    if outlook is not None:
        there = plan.policy.zones.get(opening.zone, ())
        if not there:
            return False, f"{opening.zone} has no device any more"
        device = packet.arrives_on if packet.arrives_on in there else there[0]
        later = _asking(opening, device, outlook.addresses)
        why = _unanswered(opening, packet, later, outlook)
        if why is not None:
            return False, why
        packet = later
    after = decide(plan.policy, packet)
    return after.action == "allow", spoken(after)


def _unanswered(opening: Opening, now: Packet, later: Packet, outlook: Outlook) -> str | None:
    """Return why a client would get no answer. DHCP's needs neither an address nor a route."""
    if opening.why == "dhcp":
        return None
    if outlook.loses(now.destination) and not _has(outlook.addresses, later):
        return f"the router has no address on {later.arrives_on} any more"
    if later.source == later.destination or opening.sources:
        return None
    try:
        hop = outlook.after(RouteQuery(later.source, later.destination))
    except LookupError as error:
        return str(error)
    straight = hop.gateway is None and hop.device == later.arrives_on
    return None if straight else f"what is for {later.source} leaves by {hop.device or 'the router itself'}"


def _has(addresses: Iterable[Address], packet: Packet) -> bool:
    return any((one.device, one.interface.ip) == (packet.arrives_on, packet.destination) for one in addresses)


def _asking(opening: Opening, device: str, addresses: Sequence[Address]) -> Packet:
    """Return a packet of a client in the zone that asks for the service."""
    protocol = NUMBERS[opening.protocol]
    ports = (EPHEMERAL, opening.ports[0]) if opening.ports else (0, 0)
    if opening.why == "dhcp":
        nobody, everybody = IPv4Address("0.0.0.0"), IPv4Address("255.255.255.255")  # noqa: S104
        return Packet(device, nobody, everybody, protocol, None, 68, opening.ports[0])
    if opening.sources:
        client = opening.sources[0].network_address
        local = local_on(addresses, device, client.version) or client
        return Packet(device, client, local, protocol, None, *ports)
    local = local_on(addresses, device, 4) or local_on(addresses, device, 6) or IPv4Address("192.0.2.1")
    client = _neighbour(addresses, device, local)
    return Packet(device, client, local, protocol, None, *ports)


def local_on(addresses: Iterable[Address], device: str, version: int) -> IpAddress | None:
    """Return the router's address on a device."""
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
