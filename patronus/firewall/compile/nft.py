# SPDX-License-Identifier: GPL-2.0-or-later
"""A policy to one table of nftables.

    prerouting   raw   blocklist     blocked addresses fall here, before conntrack and translation
    prerouting   -150  marks         a packet gets the mark of its connection; only where a rule sets one,
                                     or connections are kept on their uplinks (``compile.uplinks``)
    prerouting   dst   destinations  port forwards
    forward      -10   segments      TCP segments are cut to what a session with a provider carries
    input              what is for the router      ┐ established goes on at once; the rest past the guards, by
    forward            what goes through it        ┘ one look-up of the interfaces to the chain of their zones
                                     with ``offload``: open connections leave the hooks for the flow table
    postrouting  -150  classes       writes the classes of service that rules gave; only where one does
    postrouting  src   sources       masquerade, SNAT

Only pairs of zones that somebody says something about have a chain; the rest meets the default. What a packet
costs thus does not grow with the rules of other zones, and hardly with those of its own
(``compile.pairs``). Output has no chain: the router's own traffic is open.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from patronus.core.kept import Kept
from patronus.firewall.classes import CLASS_BITS
from patronus.firewall.compile.blocklist import blocked_rules, blocked_sets, blocklist_chain
from patronus.firewall.compile.classes import class_chains
from patronus.firewall.compile.guards import CHAIN, guard_chains, guard_sets, knocks
from patronus.firewall.compile.match import (
    REJECT_CHAIN,
    Compiled,
    CompiledRule,
    alias_sets,
    compile_rule,
    decide,
    helpers_of,
)
from patronus.firewall.compile.nat import nat_chains
from patronus.firewall.compile.pairs import PairsBefore, pair_chains, pair_name
from patronus.firewall.compile.segments import segment_chains
from patronus.firewall.compile.uplinks import marks_chain, uplink_chains
from patronus.firewall.guards import REASONS
from patronus.firewall.model.match import ICMPV6, TCP
from patronus.firewall.model.zones import SELF
from patronus.firewall.policy import Policy
from patronus.firewall.table import statements as say
from patronus.firewall.table.ruleset import (
    Chain,
    Container,
    Dispatch,
    Hook,
    NftRule,
    Ruleset,
    halves,
)
from patronus.firewall.tracking.offload import flow_table_name

INPUT = Hook("filter", "input", 0, "drop")
FORWARD = Hook("filter", "forward", 0, "drop")
NEIGHBOUR_DISCOVERY = (133, 134, 135, 136)
"""Router and neighbour solicitation and advertisement (RFC 4861); RFC 4890 section 4.4.1: never dropped."""
LISTENER_DISCOVERY = (130, 131, 132, 143)
"""Multicast listener messages (RFC 2710, RFC 3810): bridges with snooping need them to pass ND."""


@dataclass
class CompiledBefore:
    """What the last table was made of: rules, and what stands between zones."""

    rules: Compiled = field(default_factory=Kept)
    pairs: PairsBefore = field(default_factory=PairsBefore)


def compile_nft(policy: Policy, before: CompiledBefore | None = None) -> Ruleset:
    """Return the whole table for the policy. Pure but for what it keeps."""
    before = before or CompiledBefore()
    made = before.rules.each(policy.rules, None, compile_rule)
    pairs = pair_chains(policy, made, before.pairs)
    logged = {rule.origin: one.logging for rule, one in zip(policy.rules, made, strict=True) if rule.log}
    guards = guard_chains(policy)
    guarded = (NftRule(CHAIN, (say.jump(CHAIN),)),) if CHAIN in guards else ()
    chains = {
        "blocklist": blocklist_chain(policy.blocked),
        "input": _input_chain(policy, guarded),
        "forward": _forward_chain(policy, guarded),
        **_marks_chain(policy),
        **uplink_chains(policy.uplinks),
        **class_chains(policy.classes),
        **segment_chains(policy.narrow),
        REJECT_CHAIN: _reject_chain(),
        **guards,
        **nat_chains(policy),
        **{origin: chain for origin, chain in logged.items() if chain is not None},
        **{pair_name(*pair): chain for pair, chain in pairs.chains.items()},
        **pairs.beside,
    }
    return Ruleset(
        counters=_counters(policy, pairs.chains),
        limits={name: limit for one in made if one.limits for name, limit in one.limits.items()},
        sets={**_sets(policy, made), **_dispatch(policy, pairs.chains), **pairs.maps},
        chains=chains,
        flow_tables={flow_table_name(policy.offload): policy.offload} if policy.offload else {},
        helpers=frozenset(helper for rule in policy.rules for helper in helpers_of(rule)),
    )


def _counters(policy: Policy, pairs: Mapping[tuple[str, str], Chain]) -> frozenset[str]:
    origins = {rule.origin for rule in policy.rules} | set(policy.counted)
    return frozenset(
        {"blocked", "invalid", "default", *REASONS, *origins, *(pair_name(*pair) for pair in pairs)}
    )


def _marks_chain(policy: Policy) -> dict[str, Chain]:
    """Return what gives every packet its connection's mark, before its route is looked up."""
    if all(rule.set_mark is None for rule in policy.rules) and not policy.uplinks:
        return {}
    return {"marks": marks_chain(policy.uplinks, CLASS_BITS if policy.classes else 0)}


def _input_chain(policy: Policy, guarded: Sequence[NftRule]) -> Chain:
    return Chain(
        (
            NftRule("loopback", (say.arrives_on(["lo"]), say.ACCEPT)),
            NftRule("established", (say.connection_is("established", "related"), say.ACCEPT)),
            *_icmpv6_rules(),
            *_dispatch_rules(policy, guarded, "input", "iifname"),
        ),
        INPUT,
    )


def _forward_chain(policy: Policy, guarded: Sequence[NftRule]) -> Chain:
    """Return the chain of what goes through; a forward's target is only known here to be blocked."""
    return Chain(
        (
            *_offload_rules(policy),
            NftRule("established", (say.connection_is("established", "related"), say.ACCEPT)),
            *blocked_rules(policy.blocked, "daddr", say.TRANSLATED),
            *_dispatch_rules(policy, guarded, "forward", "iifname", "oifname"),
        ),
        FORWARD,
    )


def _offload_rules(policy: Policy) -> Iterator[NftRule]:
    """Yield what gives open connections to the flow table; those with a mark need each packet seen."""
    if policy.offload:
        unmarked = say.match(say.CONNECTION_MARK, 0)
        table = say.offload(flow_table_name(policy.offload))
        yield NftRule("offload", (say.connection_is("established"), unmarked, table))


def _icmpv6_rules() -> Iterator[NftRule]:
    """Yield what IPv6 cannot live without; errors such as packet-too-big are related to a connection.

    Hop limit 255 shows that no router forwarded it (RFC 4861 section 7.1); listener messages come from a
    link-local address, or from none yet (RFC 3810 section 5).
    """
    neighbours = (
        say.protocol_in([ICMPV6]),
        say.icmp_in(6, NEIGHBOUR_DISCOVERY),
        say.match(say.payload("ip6", "hoplimit"), 255),
        say.ACCEPT,
    )
    local = {"set": [{"prefix": {"addr": "fe80::", "len": 10}}, "::"]}
    listeners = (
        say.match(say.payload("ip6", "saddr"), local),
        say.protocol_in([ICMPV6]),
        say.icmp_in(6, LISTENER_DISCOVERY),
        say.ACCEPT,
    )
    yield NftRule("neighbour-discovery", neighbours)
    yield NftRule("listener-discovery", listeners)


def _dispatch_rules(policy: Policy, guarded: Sequence[NftRule], chain: str, *keys: str) -> Iterator[NftRule]:
    """Yield what becomes of first packets; ``guarded`` is the way through the guards."""
    key = say.meta(keys[0]) if len(keys) == 1 else {"concat": [say.meta(item) for item in keys]}
    yield NftRule("invalid", (say.connection_is("invalid"), say.counter("invalid"), say.DROP))
    yield from guarded
    yield NftRule("zones", (say.way_by(key, chain),))
    yield from knocks(policy, tuple(policy.zones))
    yield NftRule("default", (say.counter("default"), decide(policy.default)))


def _reject_chain() -> Chain:
    """Refuse so that the sender knows at once (RFC 1812 section 5.2.7.1, RFC 4443 section 3.1)."""
    return Chain(
        (
            NftRule("reject", (say.protocol_in([TCP]), say.REJECT_TCP)),
            NftRule("reject", (say.refuse("admin-prohibited"),)),
        )
    )


def _sets(policy: Policy, made: Iterable[CompiledRule]) -> dict[str, Container]:
    found = {**blocked_sets(policy.blocked), **halves("never", policy.never), **guard_sets(policy)}
    for one in made:
        if one.sets:
            found.update(one.sets)
    for item in policy.forwards:
        found.update({**alias_sets(item.source), **alias_sets(item.outer)})
    for source in policy.sources:
        found.update({**alias_sets(source.source), **alias_sets(source.destination)})
    return found


def _dispatch(policy: Policy, pairs: Mapping[tuple[str, str], Chain]) -> dict[str, Container]:
    """Return the maps from interfaces to the chain of their pair; a zone without any has no entry."""
    arrive: dict[tuple[str, ...], str] = {}
    through: dict[tuple[str, ...], str] = {}
    for left, right in pairs:
        name = pair_name(left, right)
        for device in policy.zones[left]:
            if right == SELF:
                arrive[(device,)] = name
            else:
                through.update({(device, out): name for out in policy.zones[right]})
    return {"input": Dispatch(1, arrive), "forward": Dispatch(2, through)}
