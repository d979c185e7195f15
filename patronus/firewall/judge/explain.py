# SPDX-License-Identifier: GPL-2.0-or-later
"""What becomes of a packet, and why: the model's verdict with the way that led to it. Pure.

Routes are asked through ``hop_of`` and ``back``; what an open connection is, the caller says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, fields, replace
from typing import Literal

from patronus.core.link import Hop
from patronus.firewall.compile.nft import LISTENER_DISCOVERY, NEIGHBOUR_DISCOVERY
from patronus.firewall.guards import BOGONS, SPOOFED
from patronus.firewall.judge.explain_nat import Translations, translations
from patronus.firewall.judge.verdict import Back, Decision, Packet, decide, fits, judge, translate
from patronus.firewall.judge.way import Chosen
from patronus.firewall.judge.way import spoken as chosen_spoken
from patronus.firewall.judge.words import SPOKEN, words
from patronus.firewall.model import SELF
from patronus.firewall.model.match import ICMPV6
from patronus.firewall.policy import Match, Policy, PolicyRule

State = Literal["new", "established", "related", "invalid"]
"""What conntrack holds of the packet's connection."""
HopOf = Callable[[Packet], Hop]
"""The next step of a packet. Raises LookupError where no route leads there."""
GUARDS = (SPOOFED, BOGONS)
"""What decides before any rule, of the guards that look at the packet alone."""
MISFITS = {
    "interfaces": "it arrives at another interface",
    "source": "another source",
    "destination": "another destination",
    "mac": "another MAC",
    "protocols": "another protocol",
    "icmp": "another ICMP type",
    "source_ports": "another source port",
    "destination_ports": "another destination port",
    "translated": "no port forward brought it",
    "tcp_flags": "other TCP flags",
    "dscp": "another class of service",
    "mark": "another mark",
}
"""Field of a match → why a packet does not fit it."""
TOGETHER = {"protocols": ("protocols", "icmp", "icmpv6"), "icmp": (), "icmpv6": ()}
"""Fields that mean something only together."""


@dataclass(frozen=True)
class Passed:
    """A rule that was tried and did not decide, and why."""

    origin: str
    why: str


@dataclass(frozen=True)
class Account:
    """A packet's whole way.

    ``arrived`` is the packet as it came, ``inner`` as the filter sees it; ``chosen`` is what chose its way.
    """

    arrived: Packet
    inner: Packet
    decision: Decision
    hop: Hop
    passed: tuple[Passed, ...] = ()
    nat: Translations = field(default_factory=Translations)
    chosen: Chosen = field(default_factory=Chosen)

    @property
    def source_address(self) -> str | None:
        """Return the address that the packet leaves with, where its source is translated to one address."""
        if self.nat.source_by is None or self.nat.source_becomes is None:
            return None
        if self.nat.source_becomes.startswith("the address"):
            return str(self.hop.source) if self.hop.source else None
        return None if "-" in self.nat.source_becomes else self.nat.source_becomes


def explain(policy: Policy, packet: Packet, hop_of: HopOf, back: Back, state: State = "new") -> Account:
    """Return what becomes of a packet. Raises LookupError where no route leads to its destination."""
    inner, _ = translate(policy, packet)
    hop = hop_of(inner)
    inner = replace(inner, leaves_by=hop.device)
    decision = judge(policy, packet, lambda one: hop_of(one).device, back)
    if decision.origin == "blocked":
        return Account(packet, inner, decision, hop)
    before = _before_rules(inner, state)
    if before is not None:
        account = Account(packet, inner, replace(before, forward=decision.forward), hop)
        return _leaving(policy, account, hop_of)
    passed = () if decision.origin in GUARDS else tuple(_passed(policy, inner))
    return _leaving(policy, Account(packet, inner, decision, hop, passed), hop_of)


def _before_rules(packet: Packet, state: State) -> Decision | None:
    """Return what decides before any rule is tried: an open connection, or what IPv6 cannot live without."""
    if state in ("established", "related"):
        return Decision("allow", "established")
    if packet.leaves_by is None and packet.protocol == ICMPV6:
        if packet.icmp in NEIGHBOUR_DISCOVERY:
            return Decision("allow", "neighbour-discovery")
        local = packet.source.is_link_local or packet.source.is_unspecified
        if packet.icmp in LISTENER_DISCOVERY and local:
            return Decision("allow", "listener-discovery")
    return Decision("drop", "invalid") if state == "invalid" else None


def _passed(policy: Policy, packet: Packet) -> Iterator[Passed]:
    """Yield the rules between the two zones that were tried before one decided."""
    left = policy.zone_of.get(packet.arrives_on)
    right = SELF if packet.leaves_by is None else policy.zone_of.get(packet.leaves_by)
    decided = decide(policy, packet).origin
    for rule in policy.pair(left or "", right or ""):
        if rule.origin == decided:
            return
        fit = fits(rule, packet)
        if fit is False:
            yield Passed(rule.origin, misfit(rule, packet))
        elif rule.decides is None:
            yield Passed(rule.origin, f"fits: {rule.action}, and goes on")
        else:
            yield Passed(
                rule.origin, "would fit, were it not for what is not known: a limit, a MAC or a mark"
            )


def misfit(rule: PolicyRule, packet: Packet) -> str:
    """Return why a rule does not fit a packet: the first of its fields that does not."""
    for one in fields(Match):
        part = {name: getattr(rule.match, name) for name in TOGETHER.get(one.name, (one.name,))}
        if fits(PolicyRule(rule.origin, rule.action, Match(**part)), packet) is False:
            name = "icmp" if any(part.get(key) is not None for key in ("icmp", "icmpv6")) else one.name
            return MISFITS.get(name, f"another {name.replace('_', ' ')}")
    return "its parts do not fit together"


def _leaving(policy: Policy, account: Account, hop_of: HopOf) -> Account:
    """Return the account with what translation does; nothing is said of a packet that does not go on."""
    if not account.decision.may_go_on:
        return account
    found = translations(policy, account.arrived, lambda one: hop_of(one).device)
    return replace(account, nat=found)


def spoken(policy: Policy, account: Account, plane: str, title: str | None) -> Iterator[str]:
    """Yield the account in sentences. ``title`` is what people call the rule that decided, if one did."""
    zone = policy.zone_of.get(account.arrived.arrives_on)
    yield f"{words(account.arrived)} arrives at {account.arrived.arrives_on} (zone {zone or 'none'})."
    decision = account.decision
    if decision.forward is not None:
        target = words(account.inner).partition(" to ")[2]
        yield f"nat/{decision.forward.id} sends it to {target}."
    yield _route_spoken(policy, account)
    if account.passed:
        count = len(account.passed)
        yield f"{count} {'rule does' if count == 1 else 'rules do'} not decide it."
    name = f" ({title})" if title else ""
    yield f"It is {SPOKEN[decision.action]} by {decision.origin}{name}, in {plane}."
    by = next((rule for rule in policy.rules if rule.origin == decision.origin), None)
    helper = by.helper if by is not None else None
    if by is not None and by.queue is not None:
        alone = "goes on" if by.queue.bypass else "is dropped"
        yield f"What reads queue {by.queue.numbers} decides; while nothing does, it {alone}."
    if helper is not None and decision.action == "allow":
        yield f"The helper {helper} reads it: connections that it announces go on as related."
    if account.nat.source_by is not None:
        source = account.source_address or account.nat.source_becomes
        yield f"{account.nat.source_by} gives it the source {source}."


def _route_spoken(policy: Policy, account: Account) -> str:
    hop = account.hop
    if hop.device is None:
        return "It is for the router itself."
    zone = policy.zone_of.get(hop.device)
    way = f"by the gateway {hop.gateway}" if hop.gateway else "straight to the host"
    how = chosen_spoken(account.chosen)
    return f"The route leads out at {hop.device} (zone {zone or 'none'}), {way}{how}."
