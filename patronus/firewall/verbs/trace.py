# SPDX-License-Identifier: GPL-2.0-or-later
"""The verb that follows real packets through nftables, for a few seconds and a few of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import partial
from typing import Any, Protocol

from pydantic import Field

from patronus.core.errors import InvalidRequest
from patronus.core.trace import Seen, TraceStep
from patronus.core.values import Port, PortRange, Prefix
from patronus.core.verb import Caller, Parameters, Result, Role, Verb
from patronus.firewall.addresses import AddressSet
from patronus.firewall.compile.index import action_of
from patronus.firewall.compile.pairs import pair_name
from patronus.firewall.compile.trace import TABLE as TRACE
from patronus.firewall.compile.trace import trace_table
from patronus.firewall.judge.traced import Traced, spoken, traced
from patronus.firewall.judge.verdict import Packet, fits
from patronus.firewall.model.match import TCP, UDP, Protocols
from patronus.firewall.policy import Match, Policy
from patronus.firewall.table.commands import batch, remove_table
from patronus.firewall.table.read_back import Found
from patronus.firewall.table.ruleset import FAMILY, TABLE


class TracePackets(Parameters):
    """Which packets, and how many; what is left out is any. One packet is followed by itself, no reply."""

    arrives_on: str | None = Field(default=None, description="a zone or an interface in use")
    source: Prefix | None = Field(default=None, description="where they come from, before translation")
    destination: Prefix | None = Field(default=None, description="where they go to, before translation")
    protocol: Protocols | None = Field(default=None, description="one protocol or several")
    source_port: Port | None = None
    destination_port: Port | None = None
    seconds: float = Field(default=2.0, gt=0, le=10, description="how long to wait for them, in seconds")
    packets: int = Field(default=5, ge=1, le=100, description="how many to follow at most")


class StepInfo(Result):
    """One step: a rule that fitted, the end of a chain, or the policy of one."""

    table: str
    chain: str
    passage: str
    origin: str | None = Field(description="where the rule came from: rule/r-7f3a, pair/lan/wan, established")
    verdict: str


class TracedPacket(Result):
    """One packet, as it came and as it was last seen, with its way."""

    arrives_on: str | None
    leaves_by: str | None
    protocol: int
    source: str
    destination: str
    source_port: int
    destination_port: int
    fate: str
    steps: list[StepInfo]
    text: list[str] = Field(description="all of it in lines")


class TraceList(Result):
    """The packets that came while the call waited."""

    packets: list[TracedPacket]


class Steps(Protocol):
    """What hears of traced packets."""

    def steps(self, seconds: float, packets: int) -> list[TraceStep]:
        """Return the steps of the packets that come. Raises KernelError."""


class Tables(Protocol):
    """What is asked of nftables."""

    def load(self, batch: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
        """Apply all in one transaction. Raises KernelError."""

    def rules(self, family: str, table: str) -> Iterable[Found]:
        """Return the rules. Raises KernelError."""


class TraceVerbs:
    """Marks packets in a table of its own while somebody waits; ``tracing`` lets one at a time."""

    def __init__(
        self, nft: Tables, tracing: Callable[[], AbstractContextManager[Steps]], policy: Callable[[], Policy]
    ) -> None:
        self._nft = nft
        self._tracing = tracing
        self._policy = policy

    def verbs(self) -> Iterable[Verb[Any, Any]]:
        """Return the declaration."""
        yield Verb(
            "firewall.Trace", TracePackets, TraceList, self.trace, Role.OPERATOR, "POST /firewall/trace"
        )

    def trace(self, _: Caller, given: TracePackets) -> TraceList:
        """Wait for packets, and tell the way of each through nftables: what fitted, and what decided."""
        wanted = match_of(given, self._policy())
        found = self._followed(wanted, given)
        comments = {(rule.chain, rule.handle): rule.comment for rule in self._nft.rules(FAMILY, TABLE)}
        named = partial(named_by_index, self._policy())
        return TraceList(packets=[_info(one) for one in traced(found, comments, TRACE, named)])

    def _followed(self, wanted: Match, given: TracePackets) -> list[TraceStep]:
        with self._tracing() as heard:
            self._nft.load(batch(trace_table(wanted)))
            try:
                return heard.steps(given.seconds, given.packets)
            finally:
                self._nft.load(batch([remove_table(TRACE)]))


def named_by_index(policy: Policy, chain: str, origin: str, seen: Seen | None) -> str:
    """Return the rule that a packet met in an index: the first between its zones that fits and does the same.

    What is no index, and a packet of which too little was seen, stays what it is.
    """
    action = action_of(origin)
    pair = next((pair for pair in policy.pairs if pair_name(*pair) == chain), None)
    if action is None or pair is None or seen is None:
        return origin
    ends = (
        seen.source,
        seen.destination,
        seen.protocol,
        seen.leaves_by,
        seen.source_port,
        seen.destination_port,
    )
    packet = Packet(seen.arrives_on or "", *ends)
    rules = (rule for rule in policy.pair(*pair) if rule.action == action and fits(rule, packet))
    return next((rule.origin for rule in rules), origin)


def match_of(given: TracePackets, policy: Policy) -> Match:
    """Return what a packet must be to be followed. Raises InvalidRequest."""
    devices: frozenset[str] | None = None
    if given.arrives_on is not None:
        named = {given.arrives_on} & policy.zone_of.keys()
        devices = frozenset(policy.zones.get(given.arrives_on, ()) or named)
        if not devices:
            raise InvalidRequest(f"no zone or device in use is called {given.arrives_on}")
    ends = [end for end in (given.source, given.destination) if end is not None]
    if len({end.version for end in ends}) == 2:
        raise InvalidRequest("one of the addresses is IPv4 and the other is IPv6")
    protocols = tuple(sorted({one.number for one in given.protocol})) if given.protocol else None
    if given.source_port is not None or given.destination_port is not None:
        protocols = protocols or (TCP, UDP)
        if not set(protocols) <= {TCP, UDP}:
            raise InvalidRequest("a port without a protocol that has ports")
    return Match(
        interfaces=devices,
        source=AddressSet.of([given.source]) if given.source is not None else None,
        destination=AddressSet.of([given.destination]) if given.destination is not None else None,
        protocols=protocols,
        source_ports=_ports(given.source_port),
        destination_ports=_ports(given.destination_port),
    )


def _ports(port: int | None) -> tuple[PortRange, ...] | None:
    return None if port is None else (PortRange(port, port),)


def _info(packet: Traced) -> TracedPacket:
    first = packet.first
    return TracedPacket(
        arrives_on=first.arrives_on,
        leaves_by=packet.last.leaves_by,
        protocol=first.protocol,
        source=str(first.source),
        destination=str(first.destination),
        source_port=first.source_port,
        destination_port=first.destination_port,
        fate=packet.fate,
        steps=[
            StepInfo(
                table=step.table, chain=step.chain, passage=step.passage, origin=origin, verdict=step.verdict
            )
            for step, origin in packet.steps
        ],
        text=list(spoken(packet)),
    )
