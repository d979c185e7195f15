# SPDX-License-Identifier: GPL-2.0-or-later
"""What another plan would mean for who uses the router now: the committer, the services, the open flows.

Decided by the model's own verdict on an example packet each, and by whether it still finds its way. Pure:
routes are asked through ``device_of``, and those that will be through ``outlook``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from patronus.core.connection import Tracked
from patronus.core.feature import Consequence
from patronus.core.link import Address, RouteQuery
from patronus.firewall.addresses import IpAddress
from patronus.firewall.judge.lost import gone, lost, lost_way
from patronus.firewall.judge.services import foresee_services, local_on
from patronus.firewall.judge.verdict import Packet, decide
from patronus.firewall.judge.words import EPHEMERAL, shown, spoken, words
from patronus.firewall.plan import FirewallPlan
from patronus.firewall.tracking.flows import Devices, came_in_by, judged, packet_of
from patronus.network.opening import NUMBERS
from patronus.network.routing.outlook import Outlook

TCP = NUMBERS["tcp"]
FLOWS = 1000
"""Flows that are named one by one; more are counted."""


@dataclass(frozen=True)
class World:
    """What is so now: the tracked connections, the router's addresses on its devices, and the routes.

    ``outlook`` is what will be, None where a change leaves links, addresses and routes as they are.
    """

    connections: Sequence[Tracked]
    addresses: Sequence[Address]
    device_of: Devices
    outlook: Outlook | None = None

    @property
    def device_after(self) -> Devices:
        """Return what says by which device packets will leave."""
        return self.device_of if self.outlook is None else self.outlook.device_after


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
    yield from foresee_services(plan, running, world.addresses, world.outlook)
    yield from _flows(plan, running, world, {one.connection.key for one in own})


def _own(running: FirewallPlan, world: World, visitor: IpAddress) -> list[Tracked]:
    """Return the committer's tracked connections to what the router offers as its page."""
    ports = {port for opening in running.openings if opening.why == "web" for port in opening.ports}
    return [
        one for one in world.connections
        if (way := one.connection.original).source == visitor and way.destination_port in ports
        and way.protocol == TCP and _ends_here(one, world)
    ]  # fmt: skip


def _ends_here(one: Tracked, world: World) -> bool:
    """Return whether it is the router that answers: a host elsewhere may have a page on that port, too."""
    try:
        return world.device_of(RouteQuery(one.connection.reply.source)) is None
    except LookupError:
        return False


def _session(plan: FirewallPlan, running: FirewallPlan, world: World, one: Tracked) -> Consequence:
    before = judged(running.policy, one, world.device_of)
    after = judged(plan.policy, one, world.device_after)
    why = lost(running.policy, one, world.outlook, strict=True) if world.outlook is not None else None
    works = why is None and (after is None or after.action == "allow")
    what = f"your session from {one.connection.original.source}"
    packet = _example(running, one, world)
    return Consequence("session", what, works, spoken(before), why or spoken(after), shown(packet))


def _unseen_session(
    plan: FirewallPlan, running: FirewallPlan, world: World, visitor: IpAddress
) -> Iterator[Consequence]:
    """Yield the committer's way in where no connection of theirs is tracked: a new one is judged."""
    try:
        device = world.device_of(RouteQuery(visitor))
    except LookupError:
        return
    zone = None if device is None else running.policy.zone_of.get(device)
    for opening in running.openings:
        if device is not None and opening.why == "web" and opening.zone == zone:
            local = local_on(world.addresses, device, visitor.version) or visitor
            packet = Packet(device, visitor, local, TCP, None, EPHEMERAL, opening.ports[0])
            before = decide(running.policy, packet)
            works, after = _afterwards(plan, packet, world.outlook)
            yield Consequence(
                "session", f"your session from {visitor}", works, spoken(before), after, shown(packet)
            )


def _afterwards(plan: FirewallPlan, packet: Packet, outlook: Outlook | None) -> tuple[bool, str]:
    """Return whether a packet for the router will be let in and answered, and what becomes of it."""
    if outlook is not None:
        if outlook.loses(packet.destination):
            return False, gone(packet.destination)
        answer = RouteQuery(packet.source, packet.destination)
        with suppress(LookupError):  # where no way leads now, the rules alone can be asked
            why = lost_way(answer, outlook, strict=True)
            if why is not None:
                return False, why
            packet = replace(packet, arrives_on=outlook.device_after(answer) or packet.arrives_on)
    after = decide(plan.policy, packet)
    return after.action == "allow", spoken(after)


def _flows(
    plan: FirewallPlan, running: FirewallPlan, world: World, said: set[bytes]
) -> Iterator[Consequence]:
    """Yield the open connections that the plan judges otherwise, or that lose their way."""
    found = 0
    for one in world.connections:
        before = judged(running.policy, one, world.device_of)
        if before is None or one.connection.key in said:
            continue
        why = lost(running.policy, one, world.outlook) if world.outlook is not None else None
        after = None if why is not None else judged(plan.policy, one, world.device_after)
        works = after is not None and after.may_go_on
        if (after is None and why is None) or before.may_go_on == works:
            continue
        found += 1
        if found <= FLOWS:
            packet = _example(running, one, world)
            becomes = why or spoken(after)
            yield Consequence("flow", words(packet), works, spoken(before), becomes, shown(packet))
    if found > FLOWS:
        what = f"{found - FLOWS} more open connections"
        yield Consequence("flow", what, works=False, before="as they are", after="judged otherwise")


def _example(running: FirewallPlan, one: Tracked, world: World) -> Packet:
    device = came_in_by(running.policy, one, world.device_of)
    return packet_of(one.connection.original, device or "")
