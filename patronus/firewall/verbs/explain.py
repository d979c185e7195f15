# SPDX-License-Identifier: GPL-2.0-or-later
"""The verb that explains: a packet in words, and what becomes of it. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from pydantic import Field

from patronus.core.connection import Tracked
from patronus.core.errors import InvalidRequest, NotFound
from patronus.core.link import Hop, RouteQuery
from patronus.core.model import Configuration, as_data
from patronus.core.route_table import UPLINK_BITS
from patronus.core.values import Address, Dscp, MacAddress, MarkMatch, Port
from patronus.core.verb import Parameters, Result
from patronus.firewall.early.drops import early_rule
from patronus.firewall.judge.expect import ECHO
from patronus.firewall.judge.explain import Account, HopOf, State, explain, spoken
from patronus.firewall.judge.verdict import Back, Packet
from patronus.firewall.judge.way import chosen, is_of, mark_before_routing, query_of
from patronus.firewall.judge.words import EPHEMERAL
from patronus.firewall.model import SELF, Rules
from patronus.firewall.model.flags import SYN, TcpFlags
from patronus.firewall.model.match import (
    ICMP,
    ICMP_TYPES,
    ICMPV6_TYPES,
    WITH_PORTS,
    IcmpTypes,
    Protocols,
)
from patronus.firewall.plan import FirewallPlan
from patronus.firewall.policy import Policy

NFTABLES, XDP = "nftables", "XDP, and nftables would"
PASSED_SHOWN = 200
"""Rules that are named as passed; behind them only their number is told."""


class Explain(Parameters):
    """A packet: the first of a connection, unless the state says otherwise."""

    arrives_on: str = Field(description="a zone or an interface's role")
    source: Address
    destination: Address
    protocol: Protocols = Field(description="one protocol")
    source_port: Port | None = Field(default=None, description="left out: 50000, as a client takes any")
    destination_port: Port | None = None
    icmp_type: IcmpTypes | None = Field(default=None, description="one type; left out: echo-request")
    tcp_flags: TcpFlags | None = Field(
        default=None, description="TCP flags that are set; left out: syn, as of a first packet"
    )
    dscp: Dscp = Field(default=0, description="class of service in the packet's header")
    mac: MacAddress | None = Field(default=None, description="MAC of the sender; left out: not known")
    state: State = Field(default="new", description="what conntrack holds of its connection")
    mark: MarkMatch | None = Field(
        default=None, description="mark that another program gave it before its way is chosen"
    )


class PassedRule(Result):
    """A rule between the two zones that was tried before one decided, and why it did not."""

    origin: str
    why: str


class Explanation(Result):
    """What becomes of it, and what decided: a rule, a pair of zones, the blocklist or the default.

    ``translated_to`` is where it goes instead, ``source_becomes`` whom it seems to come from, each with the
    entry of firewall/nat that says so; null where it stays as it is. ``leaves_by`` is null for the router.
    """

    action: str
    decided_by: str
    plane: str = Field(description="nftables, or xdp where the packet falls before nftables sees it")
    rule: dict[str, Any] | None
    where: str | None = Field(description="file and line of the rule")
    from_zone: str | None
    to_zone: str | None
    translated_to: str | None
    translated_by: str | None
    source_becomes: str | None
    source_by: str | None
    source_address: str | None = Field(description="the new source, where it is one that is known")
    leaves_by: str | None
    gateway: str | None
    routed_by: str | None = Field(
        description="the policy or the uplink that chose the way; null where the destination alone did"
    )
    ways: int = Field(
        description="over how many ways new connections are shared out; of several one is named"
    )
    passed: list[PassedRule]
    passed_count: int
    text: list[str] = Field(description="all of it in sentences")


def packet_of(given: Explain, device: str) -> Packet:
    """Return the packet that is asked for. Raises InvalidRequest."""
    if given.source.version != given.destination.version:
        raise InvalidRequest("one of the addresses is IPv4 and the other is IPv6")
    protocol = given.protocol[0].number
    ports = protocol in WITH_PORTS
    return Packet(
        arrives_on=device,
        source=given.source,
        destination=given.destination,
        protocol=protocol,
        source_port=(given.source_port or EPHEMERAL) if ports else 0,
        destination_port=(given.destination_port or 0) if ports else 0,
        icmp=_icmp(given, protocol),
        mac=str(given.mac) if given.mac else None,
        tcp_flags=given.tcp_flags.value if given.tcp_flags else SYN,
        dscp=given.dscp,
    )


def _icmp(given: Explain, protocol: int) -> int | None:
    if not given.icmp_type:
        return ECHO.get(protocol)
    kind = given.icmp_type[0]
    names = ICMP_TYPES if protocol == ICMP else ICMPV6_TYPES
    if isinstance(kind, str) and kind not in names:
        raise InvalidRequest(f"this protocol has no ICMP type {kind}")
    return kind if isinstance(kind, int) else names[kind]


def device_of(policy: Policy, name: str) -> str:
    """Return the device of a zone, or the one of that name. Raises NotFound."""
    devices = policy.zones.get(name, ())
    if devices or name in policy.zone_of:
        return devices[0] if devices else name
    raise NotFound(f"no zone or device in use is called {name}")


@dataclass(frozen=True)
class World:
    """The kernel as it is asked: a packet's next step, whether a route goes by a device, what is open."""

    hop: Callable[[RouteQuery], Hop]
    leads: Callable[[RouteQuery, str], bool]
    tracked: Callable[[], Iterable[Tracked]] = tuple


def run(
    config: Configuration, plan: FirewallPlan, given: Explain, world: World, *, xdp: frozenset[str]
) -> Explanation:
    """Explain a packet. ``xdp`` are the NICs on which that does what the plan has for it. Raises NotFound."""
    policy = plan.policy
    device = device_of(policy, given.arrives_on)
    packet = packet_of(given, device)
    known = world.tracked() if given.state == "established" else ()
    tracked = next((one.mark for one in known if is_of(one, packet)), 0)
    mark = mark_before_routing(policy, device, given.mark.value if given.mark else 0, tracked)
    packet = replace(packet, mark=mark & ~UPLINK_BITS if policy.uplinks else mark)
    try:
        hop_of, back = _ways(world, mark, plan.links.vrfs)
        account = explain(policy, packet, hop_of, back, given.state)
    except LookupError as error:
        raise NotFound(str(error)) from error
    how = chosen(plan.steering, query_of(account.inner, mark), account.hop)
    account = replace(account, chosen=how)
    return _explanation(config, policy, account, early=_is_early(plan, account, given.state, xdp))


def _ways(world: World, mark: int, vrfs: Mapping[str, str]) -> tuple[HopOf, Back]:
    """Return the ways of packets that have a mark before routing, and what says whether one leads back.

    ``vrfs``: device → the VRF that it is in.
    """
    hop_of: HopOf = lambda one: world.hop(query_of(one, mark))  # noqa: E731

    def back(one: Packet) -> bool:
        own = one.destination if one.leaves_by is None else None
        query = RouteQuery(one.source, own, within=vrfs.get(one.arrives_on))
        return world.leads(query, one.arrives_on)

    return hop_of, back


def _is_early(plan: FirewallPlan, account: Account, state: str, xdp: frozenset[str]) -> bool:
    """Return whether XDP drops it: a blocked source, or a first packet for which it has the rule."""
    policy, packet = plan.policy, account.arrived
    below = plan.below.get(packet.arrives_on)
    if not below or not below <= xdp:
        return False
    if account.decision.origin == "blocked":
        return packet.source in policy.blocked and packet.source not in policy.never
    return state == "new" and early_rule(plan.early, plan.ways, packet) == account.decision.origin


def _explanation(config: Configuration, policy: Policy, account: Account, *, early: bool) -> Explanation:
    decision, hop = account.decision, account.hop
    rules = {f"rule/{rule.id}": (at, rule) for at, rule in enumerate(config.get(Rules).rules)}
    at, rule = rules.get(decision.origin, (None, None))
    place = config.locate(("firewall/rules", "rules", at)) if at is not None else None
    text = spoken(policy, account, XDP if early else NFTABLES, rule.title if rule else None)
    return Explanation(
        action=decision.action,
        decided_by=decision.origin,
        plane="xdp" if early else NFTABLES,
        rule=as_data(rule) if rule else None,
        where=str(place) if place else None,
        from_zone=policy.zone_of.get(account.arrived.arrives_on),
        to_zone=SELF if hop.device is None else policy.zone_of.get(hop.device),
        **asdict(account.nat),
        source_address=account.source_address,
        leaves_by=hop.device,
        gateway=str(hop.gateway) if hop.gateway else None,
        routed_by=account.chosen.by,
        ways=account.chosen.ways,
        passed=[PassedRule(origin=one.origin, why=one.why) for one in account.passed[:PASSED_SHOWN]],
        passed_count=len(account.passed),
        text=list(text),
    )
