# SPDX-License-Identifier: GPL-2.0-or-later
"""What the policy does to the first packet of a connection: the model's answer to what the kernel does.

Used to end connections that a change forbids, to explain, and to test the compiler against the kernel. What
a packet may leave open (its MAC, TCP flags, class of service, whether it is within a limit) is decided in
favour of the rule that allows: a connection is ended only where it is certain that it may not be.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv6Address

from patronus.core.values import Mark, PortRange
from patronus.firewall.addresses import Version
from patronus.firewall.guards import BOGONS, SPOOFED
from patronus.firewall.model.flags import FlagMatch
from patronus.firewall.model.match import ICMP, ICMPV6
from patronus.firewall.model.zones import SELF, Verdict
from patronus.firewall.policy import Forward, Match, Policy, PolicyRule, SourceTranslation

IpAddress = IPv4Address | IPv6Address
MAY_GO_ON = ("allow", "queue")
"""Verdicts behind which a connection may be open."""


@dataclass(frozen=True)
class Packet:
    """The first packet of a connection, as it arrives on a device.

    ``leaves_by`` is the device that the route to its destination names, None for the router itself; ``judge``
    looks it up once the destination is translated. ``icmp`` is the message's type. Ports are 0 where the
    protocol has none. ``mac``, ``tcp_flags`` and ``dscp`` are None where nobody knows them, and so is
    ``mark`` behind a rule that may have set it.
    """

    arrives_on: str
    source: IpAddress
    destination: IpAddress
    protocol: int
    leaves_by: str | None = None
    source_port: int = 0
    destination_port: int = 0
    icmp: int | None = None
    mac: str | None = None
    translated: bool = False
    tcp_flags: int | None = None
    dscp: int | None = None
    mark: int | None = 0

    @property
    def version(self) -> Version:
        """Return the family."""
        return 4 if self.source.version == 4 else 6


Route = Callable[[Packet], str | None]
"""The device by which a packet leaves whose destination is translated already; None is the router itself."""
Back = Callable[[Packet], bool]
"""Whether the route back to a packet's source has a way by the device that it came in by."""


@dataclass(frozen=True)
class Decision:
    """What becomes of the packet, and what decided: ``rule/r-7f3a``, ``pair/wan/lan``, ``blocked``."""

    action: Verdict
    origin: str
    forward: Forward | None = None

    @property
    def may_go_on(self) -> bool:
        """Return whether the packet is let through, or may be by the program that reads a queue."""
        return self.action in MAY_GO_ON


def blocked(policy: Policy, source: IpAddress, destination: IpAddress) -> bool:
    """Return whether the blocklist drops what goes between the two."""
    return any(end in policy.blocked and end not in policy.never for end in (source, destination))


def translate(policy: Policy, packet: Packet) -> tuple[Packet, Forward | None]:
    """Return the packet with its destination translated; ``leaves_by`` is the caller's to look up again."""
    for item in policy.forwards:
        if not _forwards(policy, item, packet):
            continue
        if item.inner is None:
            break
        address, port = item.arrives_at(packet.destination, packet.destination_port)
        return replace(packet, destination=address, destination_port=port, translated=True), item
    return packet, None


def _forwards(policy: Policy, item: Forward, packet: Packet) -> bool:
    if packet.version != item.version or not _member(packet.protocol, item.protocols):
        return False
    if item.ports is not None and not _in(packet.destination_port, item.ports):
        return False
    if packet.arrives_on in policy.zones.get(item.from_zone, ()):
        asked = policy.local if item.outer is None else item.outer
        return packet.destination in asked and (item.source is None or packet.source in item.source)
    inside = packet.arrives_on in policy.zone_of
    return inside and item.hairpin is not None and packet.destination in item.hairpin


def source_translation(policy: Policy, packet: Packet) -> SourceTranslation | None:
    """Return what rewrites the source of a packet whose destination has been translated already."""
    for item in policy.sources:
        if (
            packet.leaves_by in policy.zones.get(item.out_zone, ())
            and packet.version in item.versions
            and (item.source is None or packet.source in item.source)
            and (item.destination is None or packet.destination in item.destination)
            and _member(packet.protocol, item.protocols)
            and (item.ports is None or _in(packet.destination_port, item.ports))
        ):
            return None if item.exempt else item
    return None


def judge(policy: Policy, packet: Packet, route: Route, back: Back | None = None) -> Decision:
    """Return what becomes of a packet on its whole way: blocklist, translation, route, guards, filter.

    ``back`` says whether its source is reached by where it came in; without it no source is taken for forged.
    """
    if blocked(policy, packet.source, packet.destination):
        return Decision("drop", "blocked")
    inner, forward = translate(policy, packet)
    if blocked(policy, inner.source, inner.destination):
        return Decision("drop", "blocked", forward)
    inner = replace(inner, leaves_by=route(inner))
    if back is not None and _is_spoofed(policy, inner, back):
        return Decision("drop", SPOOFED, forward)
    return replace(decide(policy, inner), forward=forward)


def _is_spoofed(policy: Policy, packet: Packet, back: Back) -> bool:
    """Return whether no route leads back to the source by the device that the packet came in by."""
    zone = policy.zone_of.get(packet.arrives_on)
    neighbour = packet.version == 6 and packet.source.is_link_local
    if zone not in policy.guards.spoofing or packet.source.is_unspecified or neighbour:
        return False
    return not back(packet)


def decide(policy: Policy, packet: Packet) -> Decision:
    """Return what the filter does to a packet whose destination has been translated already."""
    left = policy.zone_of.get(packet.arrives_on)
    right = SELF if packet.leaves_by is None else policy.zone_of.get(packet.leaves_by)
    if left is None or right is None:
        return Decision(policy.default, "default")
    if policy.guards.is_bogon(left, packet.source) and packet.source not in policy.never:
        return Decision("drop", BOGONS)
    for rule in policy.pair(left, right):
        fit = fits(rule, packet)
        action = rule.decides
        if action is None:
            packet = _marked(rule, packet, fit)
        elif fit or (fit is None and action in MAY_GO_ON and not rule.fits_excess):
            return Decision(action, rule.origin)
    named = (left, right) in policy.defaults
    origin = f"pair/{left}/{right}" if named or policy.pair(left, right) else "default"
    return Decision(policy.default_for(left, right), origin)


def fits(rule: PolicyRule, packet: Packet) -> bool | None:
    """Return whether the rule fits the packet; None where that hangs on what is not known."""
    if not _fits(rule.match, packet):
        return False
    limited = rule.limit is not None or rule.connections is not None
    return None if limited or _unknown(rule.match, packet) else True


def _unknown(match: Match, packet: Packet) -> bool:
    """Return whether the match asks for something of the packet that is not known."""
    asked = (
        (match.mac, packet.mac), (match.tcp_flags, packet.tcp_flags),
        (match.dscp, packet.dscp), (match.mark, packet.mark),
    )  # fmt: skip
    return any(wanted is not None and there is None for wanted, there in asked)


def _marked(rule: PolicyRule, packet: Packet, fit: bool | None) -> Packet:
    """Return the packet as it goes on behind a rule that does not decide."""
    if rule.set_mark is None or fit is False:
        return packet
    if fit is None or packet.mark is None:
        return replace(packet, mark=None)
    return replace(packet, mark=packet.mark & ~rule.set_mark.mask | rule.set_mark.value)


def _fits(match: Match, packet: Packet) -> bool:
    """Return whether the packet fits; what is not known of it does."""
    return (
        _member(packet.arrives_on, match.interfaces)
        and (match.source is None or packet.source in match.source)
        and (match.destination is None or packet.destination in match.destination)
        and (packet.mac is None or match.mac in (None, packet.mac))
        and _fits_transport(match, packet)
        and (packet.dscp is None or _member(packet.dscp, match.dscp))
        and (packet.mark is None or _has(packet.mark, match.mark))
        and (packet.translated or not match.translated)
    )


def _fits_transport(match: Match, packet: Packet) -> bool:
    if match.icmp is not None or match.icmpv6 is not None:
        types, protocol = (match.icmp, ICMP) if packet.version == 4 else (match.icmpv6, ICMPV6)
        return bool(types) and packet.protocol == protocol and _member(packet.icmp, types)
    return (
        _member(packet.protocol, match.protocols)
        and (match.source_ports is None or _in(packet.source_port, match.source_ports))
        and (match.destination_ports is None or _in(packet.destination_port, match.destination_ports))
        and (packet.tcp_flags is None or _has(packet.tcp_flags, match.tcp_flags))
    )


def _has(bits: int, wanted: FlagMatch | Mark | None) -> bool:
    return wanted is None or bits & wanted.mask == wanted.value


def _member(value: object, allowed: Collection[object] | None) -> bool:
    return allowed is None or value in allowed


def _in(port: int, ports: tuple[PortRange, ...]) -> bool:
    return any(port in item for item in ports)
