# SPDX-License-Identifier: GPL-2.0-or-later
"""The policy: what the firewall shall do, as plain values, before any data plane is thought of.

Names are resolved, aliases filled in, schedules decided and openings turned into rules. ``compile.nft`` and
``judge.verdict`` both start from here, so that what we explain is what the kernel does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from patronus.core.values import Mark, PortRange, Range
from patronus.firewall.addresses import EMPTY, AddressSet, IpAddress, IpNetwork, Version
from patronus.firewall.guards import Guards
from patronus.firewall.model.flags import FlagMatch
from patronus.firewall.model.helpers import HelperName
from patronus.firewall.model.limits import ConnectionLimit, Limit, Log
from patronus.firewall.model.queue import Queue
from patronus.firewall.model.rules import RejectWith, RuleAction
from patronus.firewall.model.zones import SELF, Action, Verdict

DECIDING: Mapping[RuleAction, Verdict] = {
    "allow": "allow", "drop": "drop", "reject": "reject", "queue": "queue",
}  # fmt: skip
"""Actions that decide; behind the others the packet goes on to the next rule."""


@dataclass(frozen=True, slots=True)
class Match:
    """What a packet must be for a rule to fit; None is any. ``interfaces`` are kernel names.

    ``icmp`` and ``icmpv6`` hold type numbers. ``translated`` asks for a connection whose destination was
    translated. An address set without addresses fits nothing.
    """

    interfaces: frozenset[str] | None = None
    source: AddressSet | None = None
    destination: AddressSet | None = None
    mac: str | None = None
    protocols: tuple[int, ...] | None = None
    source_ports: tuple[PortRange, ...] | None = None
    destination_ports: tuple[PortRange, ...] | None = None
    icmp: tuple[int, ...] | None = None
    icmpv6: tuple[int, ...] | None = None
    translated: bool = False
    tcp_flags: FlagMatch | None = None
    dscp: tuple[int, ...] | None = None
    mark: Mark | None = None


@dataclass(frozen=True, slots=True)
class PolicyRule:
    """One rule: ``origin`` is ``rule/r-7f3a``, ``forward/n-2`` or ``opening/dns``; zones None is any."""

    origin: str
    action: RuleAction
    match: Match = field(default_factory=Match)
    from_zones: frozenset[str] | None = None
    to_zones: frozenset[str] | None = None
    limit: Limit | None = None
    connections: ConnectionLimit | None = None
    log: Log | None = None
    reject_with: RejectWith | None = None
    queue: Queue | None = None
    set_mark: Mark | None = None
    set_dscp: int | None = None
    helper: HelperName | None = None

    @property
    def fits_excess(self) -> bool:
        """Return whether the rule fits what exceeds a limit, not what is within it."""
        return any(limit is not None and limit.over for limit in (self.limit, self.connections))

    @property
    def decides(self) -> Verdict | None:
        """Return the verdict; None where the packet goes on to the next rule."""
        return DECIDING.get(self.action)


@dataclass(frozen=True)
class Forward:
    """One translation of destinations. ``outer`` is what is asked for: None means any address of the router.

    ``inner`` is where it goes: a host, a prefix of the size of ``outer``, or None for what is left as it is.
    ``hairpin`` holds the outer addresses by which it works from every other zone; None where it does not.
    """

    id: str
    version: Version
    from_zone: str
    inner: IpNetwork | None
    protocols: tuple[int, ...] | None = None
    ports: tuple[PortRange, ...] | None = None
    target_ports: PortRange | None = None
    source: AddressSet | None = None
    outer: AddressSet | None = None
    hairpin: AddressSet | None = None

    @property
    def is_host(self) -> bool:
        """Return whether all goes to one address."""
        return self.inner is not None and self.inner.num_addresses == 1

    def arrives_at(self, destination: IpAddress, port: int) -> tuple[IpAddress, int]:
        """Return where a connection to an outer address and port arrives."""
        if self.inner is None:
            return destination, port
        offset = int(destination) & int(self.inner.hostmask)
        return self.inner.network_address + offset, self._target_port(port)

    def _target_port(self, port: int) -> int:
        if self.target_ports is None:
            return port
        first = self.ports[0].first if self.ports else port
        moved = self.target_ports.first != self.target_ports.last
        return self.target_ports.first + (port - first if moved else 0)


@dataclass(frozen=True)
class SourceTranslation:
    """One translation of the source of what leaves through a zone.

    ``to`` is what it becomes: None the interface's own address, a range one of several, a prefix the address
    at the same place in it. ``exempt``: it stays what it is.
    """

    id: str
    out_zone: str
    versions: tuple[Version, ...]
    source: AddressSet | None = None
    destination: AddressSet | None = None
    to: Range | IpNetwork | None = None
    exempt: bool = False
    protocols: tuple[int, ...] | None = None
    ports: tuple[PortRange, ...] | None = None


@dataclass(frozen=True)
class Policy:
    """Everything the firewall shall do.

    ``zones``     zone → kernel names of its interfaces that exist.
    ``defaults``  what a zone's file says about another zone; pairs not named get ``default``.
    ``counted``   origins whose counters are kept, also of rules that are off at the moment.
    ``local``     the router's own addresses.
    ``guards``    what stands before the rules.
    ``offload``   devices at which packets of open connections are taken over; none: the rules see them.
    ``uplinks``   device → number of the uplink, where connections stay on theirs.
    ``mapped``    zones in which a table that is not ours translates destinations as well.
    ``within``    device of a VRF → the networks that its own table leads to.
    ``narrow``    device → MTU in bytes, of links that carry less than Ethernet.
    """

    zones: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    defaults: Mapping[tuple[str, str], Action] = field(default_factory=dict)
    default: Action = "drop"
    rules: tuple[PolicyRule, ...] = ()
    forwards: tuple[Forward, ...] = ()
    sources: tuple[SourceTranslation, ...] = ()
    blocked: AddressSet = EMPTY
    never: AddressSet = EMPTY
    local: AddressSet = EMPTY
    counted: tuple[str, ...] = ()
    guards: Guards = field(default_factory=Guards)
    uplinks: Mapping[str, int] = field(default_factory=dict)
    mapped: frozenset[str] = frozenset()
    narrow: Mapping[str, int] = field(default_factory=dict)
    offload: tuple[str, ...] = ()
    within: Mapping[str, tuple[IpNetwork, ...]] = field(default_factory=dict)

    def vrf_of(self, *addresses: IpAddress) -> str | None:
        """Return the VRF that one of these addresses is in, None for the main table."""
        return next(
            (
                vrf
                for vrf, networks in self.within.items()
                if any(one in network for one in addresses for network in networks)
            ),
            None,
        )

    @cached_property
    def zone_of(self) -> Mapping[str, str]:
        """Return kernel name → zone."""
        return {device: zone for zone, devices in self.zones.items() for device in devices}

    def pair(self, from_zone: str, to_zone: str) -> tuple[PolicyRule, ...]:
        """Return the rules between two zones, in the order in which they decide."""
        return self._by_pair.get((from_zone, to_zone), ())

    @cached_property
    def _by_pair(self) -> Mapping[tuple[str, str], tuple[PolicyRule, ...]]:
        found: dict[tuple[str, str], list[PolicyRule]] = {}
        every, targets = tuple(self.zones), (SELF, *self.zones)
        for rule in self.rules:
            for left in every if rule.from_zones is None else rule.from_zones:
                for right in targets if rule.to_zones is None else rule.to_zones:
                    found.setdefault((left, right), []).append(rule)
        return {pair: tuple(rules) for pair, rules in found.items()}

    def default_for(self, from_zone: str, to_zone: str) -> Action:
        """Return what becomes of packets that no rule between the two zones fits."""
        return self.defaults.get((from_zone, to_zone), self.default)

    @cached_property
    def classes(self) -> tuple[int, ...]:
        """Return the classes of service that rules give, each once."""
        return tuple(sorted({rule.set_dscp for rule in self.rules if rule.set_dscp is not None}))

    @property
    def pairs(self) -> tuple[tuple[str, str], ...]:
        """Return every pair of zones, the router as second one included."""
        return tuple((left, right) for left in self.zones for right in (SELF, *self.zones))
