# SPDX-License-Identifier: GPL-2.0-or-later
"""Which rules XDP may drop for, before nftables sees the packet. Pure.

Only the first packet of a TCP connection is dropped early (SYN without ACK, no fragment), and only where
conntrack knows no connection of its addresses and ports: nftables lets established connections pass before
any rule. So what is left is a packet that the rules decide, and the destination of which no port forward
changes; where a table that is not ours may change it too, it is left to nftables. XDP does not know where a
packet would go: a rule counts only where it drops for every target, and before it no other rule fits that
packet for any target. Nor does XDP know what a helper has announced, which nftables lets in as related, from
anywhere: while a rule has a helper, XDP drops for none.

The result is a list in the order of the rules. An entry without an origin leaves what fits it to nftables: it
stands for a rule that allows, counts, logs or is about some targets alone, and may fit more than that rule
does. An entry with one drops, and fits exactly what its rule does.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice

from patronus.core.early import Ingress
from patronus.core.values import PortRange
from patronus.firewall.addresses import WIDTH, AddressSet, prefixes
from patronus.firewall.judge.verdict import Packet
from patronus.firewall.model.flags import FLAGS, SYN, FlagMatch
from patronus.firewall.model.match import TCP
from patronus.firewall.policy import Forward, Match, Policy, PolicyRule
from patronus.network.interfaces.plan import InterfacesPlan

MOST_ENTRIES = 1024
"""Bits of an entry set in ``bpf/shared.h``; what comes after is left to nftables."""
MOST_PREFIXES = 16_384
"""Prefixes of all entries together, ports included: some 6 MiB in the kernel."""
MOST_TAGS = 2
"""VLAN tags that the program reads."""
PORT_BITS = 16
KNOWN_FLAGS = SYN | FLAGS["ack"]
"""Flags of which the packets in question are known to have the first alone."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What a packet must be for the entry to fit; None is any. ``origin`` None leaves it to nftables."""

    origin: str | None
    ingress: frozenset[Ingress]
    source: AddressSet | None = None
    destination: AddressSet | None = None
    source_ports: tuple[PortRange, ...] | None = None
    destination_ports: tuple[PortRange, ...] | None = None


def early_drops(policy: Policy, links: InterfacesPlan) -> tuple[Entry, ...]:
    """Return the entries up to the last one that drops; none where XDP may drop for no rule.

    A packet that leaves by a device of no zone meets the default alone, so that must drop too.
    """
    if policy.default != "drop" or not any(map(drops_all, policy.rules)):
        return ()
    if any(rule.helper is not None for rule in policy.rules):
        return ()
    found: list[Entry] = []
    end = taken = 0
    for entry in _entries(policy, ways_in(policy, links)):
        taken += _size(entry, MOST_PREFIXES - taken + 1)
        if len(found) == MOST_ENTRIES or taken > MOST_PREFIXES:
            break
        found.append(entry)
        end = len(found) if entry.origin is not None else end
    return tuple(found[:end])


def ways_in(policy: Policy, links: InterfacesPlan) -> dict[str, Ingress]:
    """Return kernel name → how its packets come in, for the devices of zones of which that can be told.

    A bridge is left out: what its ports hand to each other never meets the rules.
    """
    wanted = {link.name: link for link in links.links}
    found = {}
    for device in policy.zone_of:
        tags: list[int] = []
        below, link = device, wanted.get(device)
        while link is not None and link.parent is not None and link.tag is not None:
            tags.insert(0, link.tag)
            below, link = link.parent, wanted.get(link.parent)
        plain = link is None or (link.kind == "nic" and link.master is None)
        if plain and len(tags) <= MOST_TAGS:
            found[device] = Ingress(below, tuple(tags))
    return found


def tagged_nics(links: InterfacesPlan) -> frozenset[str]:
    """Return the NICs that carry VLANs."""
    parents = {
        link.name: link.parent for link in links.links if link.parent is not None and link.tag is not None
    }
    return frozenset(parent for parent in parents.values() if parent not in parents)


def _entries(policy: Policy, ways: dict[str, Ingress]) -> Iterator[Entry]:
    everywhere = frozenset(ways.values())
    mapped = frozenset(way for device, way in ways.items() if policy.zone_of[device] in policy.mapped)
    if mapped:
        yield Entry(None, mapped)
    for forward in policy.forwards:
        if forward.protocols is None or TCP in forward.protocols:
            yield Entry(None, everywhere, destination=_asked(forward), destination_ports=forward.ports)
    for rule in policy.rules:
        if may_fit(rule.match) and (ingress := _ingress(rule, policy, ways)):
            match = rule.match
            origin = rule.origin if drops_all(rule) else None
            ports = (match.source_ports, match.destination_ports)
            yield Entry(origin, ingress, match.source, match.destination, *ports)


def _asked(forward: Forward) -> AddressSet | None:
    """Return the destinations that a forward may change; None where they are whatever the router has."""
    if forward.outer is None or forward.hairpin is None:
        return forward.outer
    return AddressSet.of([*forward.outer.networks(), *forward.hairpin.networks()])


def may_fit(match: Match) -> bool:
    """Return whether the match fits any first packet of a TCP connection that is not translated."""
    if match.icmp is not None or match.icmpv6 is not None or match.translated:
        return False
    if match.protocols is not None and TCP not in match.protocols:
        return False
    return match.tcp_flags is None or _flags(match.tcp_flags) is not False


def drops_all(rule: PolicyRule) -> bool:
    """Return whether the rule drops all that its addresses and ports fit, and does no more."""
    if rule.action != "drop" or rule.to_zones is not None:
        return False
    match = rule.match
    told = match.mac is None and match.dscp is None and match.mark is None
    flags = match.tcp_flags is None or _flags(match.tcp_flags) is True
    plain = rule.limit is None and rule.connections is None and rule.log is None
    person = rule.origin.startswith("rule/")
    return told and flags and plain and person


def _flags(flags: FlagMatch) -> bool | None:
    """Return whether SYN without ACK fits; None where that hangs on other flags."""
    if (flags.value ^ SYN) & flags.mask & KNOWN_FLAGS:
        return False
    return True if flags.mask & ~KNOWN_FLAGS == 0 else None


def _ingress(rule: PolicyRule, policy: Policy, ways: dict[str, Ingress]) -> frozenset[Ingress]:
    return frozenset(way for device, way in ways.items() if _arrives(rule, device, policy.zone_of[device]))


def _arrives(rule: PolicyRule, device: str, zone: str) -> bool:
    devices, zones = rule.match.interfaces, rule.from_zones
    return (devices is None or device in devices) and (zones is None or zone in zones)


def _size(entry: Entry, most: int) -> int:
    """Return how many prefixes the entry's addresses and ports come to; counts to ``most`` at most."""
    return sum(1 for _ in islice(_prefixes(entry), most))


def _prefixes(entry: Entry) -> Iterator[tuple[int, int]]:
    for addresses in (entry.source, entry.destination):
        for version in addresses.versions if addresses is not None else ():
            for interval in addresses.intervals(version) if addresses is not None else ():
                yield from prefixes(WIDTH[version], *interval)
    for port in (*(entry.source_ports or ()), *(entry.destination_ports or ())):
        yield from prefixes(PORT_BITS, port.first, port.last)


def watched(entries: Iterable[Entry]) -> frozenset[str]:
    """Return the NICs at which something is dropped."""
    return frozenset(way.device for entry in entries if entry.origin for way in entry.ingress)


def early_rule(entries: Iterable[Entry], ways: Mapping[str, Ingress], packet: Packet) -> str | None:
    """Return the origin of the rule for which XDP drops a packet of no known connection; None: it passes."""
    flags = SYN if packet.tcp_flags is None else packet.tcp_flags
    way = ways.get(packet.arrives_on)
    if packet.protocol != TCP or flags & KNOWN_FLAGS != SYN or way is None:
        return None
    return next((entry.origin for entry in entries if way in entry.ingress and _fits(entry, packet)), None)


def _fits(entry: Entry, packet: Packet) -> bool:
    sides = ((packet.source, entry.source), (packet.destination, entry.destination))
    ports = (
        (packet.source_port, entry.source_ports),
        (packet.destination_port, entry.destination_ports),
    )
    return all(those is None or address in those for address, those in sides) and all(
        those is None or any(port in one for one in those) for port, those in ports
    )
