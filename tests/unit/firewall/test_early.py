# SPDX-License-Identifier: GPL-2.0-or-later
"""What XDP may drop: never what any rule, port forward or target would treat otherwise."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address, ip_address
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from patronus.core.early import EarlyTable, Field, Ingress, Limited
from patronus.core.link import LinkWanted
from patronus.core.values import PortRange
from patronus.firewall.addresses import AddressSet, prefixes
from patronus.firewall.early.drops import (
    MOST_ENTRIES,
    MOST_PREFIXES,
    Entry,
    early_drops,
    tagged_nics,
    watched,
    ways_in,
)
from patronus.firewall.early.limits import early_limits, without_conntrack
from patronus.firewall.early.table import compile_xdp
from patronus.firewall.judge.verdict import Packet, decide, translate
from patronus.firewall.model.flags import SYN
from patronus.firewall.policy import Match, Policy, PolicyRule
from patronus.network.interfaces.plan import InterfacesPlan
from tests.netns.firewall.generated import ROUTER, ZONES
from tests.unit.firewall.early_table import dropped_for
from tests.unit.firewall.test_flows import policy
from tests.unit.firewall.test_optimise import ADDRESSES, generated

NO_LINKS = InterfacesPlan()
WAN = Ingress("wan")
DROP = "{id: r-1, from: wan, protocol: tcp, destination_port: 22, action: drop}"
SSH = (ip_address("198.51.100.9"), ip_address("198.51.100.2"), (40000, 22))


def table(rules: str, **files: str) -> EarlyTable:
    return compile_xdp(early_drops(policy(rules=f"rules: [{rules}]", **files), NO_LINKS))


def of_family(version: int) -> list[IPv4Address | IPv6Address]:
    return [item for item in map(ip_address, ADDRESSES) if item.version == version]


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 1_000_000))
def test_what_is_dropped_early_is_dropped_by_the_same_rule_for_every_target(seed: int) -> None:
    found, random = generated(seed), Random(seed)
    made = compile_xdp(early_drops(found, NO_LINKS))
    for _ in range(200 if made else 0):
        source = ip_address(random.choice(ADDRESSES))
        target = random.choice(of_family(source.version))
        zone, port = random.choice(ZONES), random.choice(range(1999, 2007))
        origin = dropped_for(made, Ingress(zone), source, target, (40000, port))
        if origin is None:
            continue
        packet = Packet(zone, source, target, 6, None, 40000, port, tcp_flags=SYN)
        assert translate(found, packet)[1] is None
        for leaves_by in (None, *ZONES):
            decision = decide(found, replace(packet, leaves_by=leaves_by))
            assert (decision.action, decision.origin) == ("drop", origin)
        assert decide(found, replace(packet, leaves_by="no zone's")).action == "drop"


def test_the_generated_rule_sets_have_much_to_drop() -> None:
    assert sum(bool(early_drops(generated(seed), NO_LINKS)) for seed in range(40)) >= 5
    assert ROUTER[0] in ADDRESSES


def test_a_plain_drop_rule_is_taken_and_counted_under_its_name() -> None:
    made = table(DROP)
    assert dropped_for(made, WAN, *SSH) == "rule/r-1"
    assert dropped_for(made, Ingress("lan"), *SSH) is None
    assert dropped_for(made, Ingress("wan", (30,)), *SSH) is None
    assert dropped_for(made, WAN, *SSH[:2], (22, 40000)) is None
    assert made.arrivals[WAN].fields == {Field.DESTINATION_PORT}, "nothing is looked up that nobody asks for"


BEFORE = {
    "an allow for some of it": "{id: r-0, source: 198.51.100.9, action: allow}",
    "an allow to one zone": "{id: r-0, to: lan, protocol: tcp, action: allow}",
    "a refusal": "{id: r-0, protocol: tcp, action: reject}",
    "a program": "{id: r-0, protocol: tcp, action: queue, queue: {numbers: 0, bypass: true}}",
    "a rule that only counts": "{id: r-0, action: count}",
    "a rule that only logs": "{id: r-0, action: log}",
    "a mark": "{id: r-0, action: mark, set_mark: 0x1}",
    "a drop that logs": "{id: r-0, protocol: tcp, action: drop, log: true}",
    "a drop within a rate": "{id: r-0, protocol: tcp, action: drop, limit: {rate: 1/s}}",
    "a drop to some zones": "{id: r-0, to: self, protocol: tcp, action: drop}",
    "a drop of a MAC": "{id: r-0, from: {mac: '52:54:00:00:00:01'}, action: drop}",
    "a drop of a class": "{id: r-0, dscp: ef, action: drop}",
    "a drop by other flags": "{id: r-0, protocol: tcp, tcp_flags: [syn, '!fin'], action: drop}",
}


@pytest.mark.parametrize("before", BEFORE.values(), ids=BEFORE)
def test_what_another_rule_fits_first_is_left_to_nftables(before: str) -> None:
    assert dropped_for(table(f"{before}, {DROP}"), WAN, *SSH) is None
    assert dropped_for(table(f"{DROP}, {before}"), WAN, *SSH) == "rule/r-1"


PAST = {
    "another protocol": "{id: r-0, protocol: udp, action: allow}",
    "ICMP alone": "{id: r-0, protocol: [icmp, icmpv6], icmp_type: echo-request, action: allow}",
    "not a first packet": "{id: r-0, protocol: tcp, tcp_flags: ack, action: allow}",
    "another source": "{id: r-0, source: 192.0.2.0/24, action: allow}",
    "another zone": "{id: r-0, from: lan, action: allow}",
    "an empty alias": "{id: r-0, source: '@none', action: allow}",
}


@pytest.mark.parametrize("before", PAST.values(), ids=PAST)
def test_a_rule_that_cannot_fit_does_not_hold_up(before: str) -> None:
    made = policy(rules=f"aliases: [{{id: none, addresses: []}}]\nrules: [{before}, {DROP}]")
    assert dropped_for(compile_xdp(early_drops(made, NO_LINKS)), WAN, *SSH) == "rule/r-1"


def test_nothing_falls_early_for_a_rule_while_a_helper_may_announce_connections() -> None:
    reads = "{id: r-9, from: lan, protocol: tcp, destination_port: 21, action: allow%s}"
    assert dropped_for(table(f"{DROP}, {reads % ''}"), WAN, *SSH) == "rule/r-1"
    assert dropped_for(table(f"{DROP}, {reads % ', helper: ftp'}"), WAN, *SSH) is None


def test_flags_that_every_first_packet_has_are_no_hindrance() -> None:
    rule = DROP.replace("action", "tcp_flags: [syn, '!ack'], action")
    assert dropped_for(table(rule), WAN, *SSH) == "rule/r-1"


@pytest.mark.parametrize(("port", "origin"), [("8022", "rule/r-1"), ("22", None)])
def test_what_a_port_forward_may_translate_is_left_to_nftables(port: str, origin: str | None) -> None:
    forward = f"{{id: n-1, type: dnat, in: wan, destination_port: {port}, to: '192.168.1.30:22'}}"
    assert dropped_for(table(DROP, nat=f"nat: [{forward}]"), WAN, *SSH) == origin


def test_what_a_mapping_may_translate_is_left_to_nftables() -> None:
    mapping = "{id: n-1, type: one-to-one, zone: wan, inside: 192.168.1.30, outside: 203.0.113.7}"
    mapped = (SSH[0], ip_address("203.0.113.7"), SSH[2])
    made = table(DROP, nat=f"nat: [{mapping}]")
    assert dropped_for(table(DROP), WAN, *mapped) == "rule/r-1"
    assert dropped_for(made, WAN, *mapped) is None
    assert dropped_for(made, WAN, *SSH) == "rule/r-1"


def test_where_another_table_translates_too_it_is_left_to_nftables() -> None:
    found = policy(rules=f"rules: [{DROP}]")
    assert dropped_for(compile_xdp(early_drops(found, NO_LINKS)), WAN, *SSH) == "rule/r-1"
    elsewhere, here = (replace(found, mapped=frozenset({zone})) for zone in ("lan", "wan"))
    assert dropped_for(compile_xdp(early_drops(elsewhere, NO_LINKS)), WAN, *SSH) == "rule/r-1"
    assert dropped_for(compile_xdp(early_drops(here, NO_LINKS)), WAN, *SSH) is None


def test_a_default_that_refuses_turns_it_off() -> None:
    zones = "zones: [{id: wan}, {id: lan}]\ndefault: reject\n"
    assert not table(DROP, zones=zones)
    assert table(DROP, zones=zones.replace("reject", "drop"))


def many(count: int) -> tuple[PolicyRule, ...]:
    rules = (
        PolicyRule(f"rule/r-{port}", "drop", Match(None, destination_ports=(PortRange(port, port),)))
        for port in range(1, count + 1)
    )
    return tuple(rules)


def test_rules_beyond_the_table_are_left_to_nftables() -> None:
    found = Policy(zones={"wan": ("wan",)}, rules=many(MOST_ENTRIES + 5))
    made = compile_xdp(early_drops(found, NO_LINKS))
    assert dropped_for(made, WAN, *SSH[:2], (1, MOST_ENTRIES)) == f"rule/r-{MOST_ENTRIES}"
    assert dropped_for(made, WAN, *SSH[:2], (1, MOST_ENTRIES + 1)) is None


def test_lists_that_are_too_long_are_left_to_nftables_with_all_behind_them() -> None:
    every_other = AddressSet(ipv4=tuple((2 * at, 2 * at) for at in range(MOST_PREFIXES + 1)))
    first, second = many(2)
    for long in (
        PolicyRule("rule/r-long", "allow", Match(source=every_other)),
        PolicyRule("rule/r-long", "drop", Match(source=every_other)),
    ):
        found = Policy(zones={"wan": ("wan",)}, rules=(first, long, second))
        assert [entry.origin for entry in early_drops(found, NO_LINKS)] == ["rule/r-1"]


def test_nothing_is_kept_behind_the_last_rule_that_drops() -> None:
    found = policy(rules=f"rules: [{DROP}, {{id: r-2, action: allow}}]")
    assert [entry.origin for entry in early_drops(found, NO_LINKS)] == ["rule/r-1"]
    assert early_drops(policy(rules="rules: [{id: r-2, action: allow}]"), NO_LINKS) == ()


LINKS = InterfacesPlan(
    links=(
        LinkWanted("wan", "wan"),
        LinkWanted("port", "eth1", master="br0"),
        LinkWanted("bridge", "br0", "bridge"),
        LinkWanted("v10", "v10", "vlan", parent="wan", tag=10),
        LinkWanted("v10-20", "v10-20", "vlan", parent="v10", tag=20),
        LinkWanted("v30", "v30", "vlan", parent="br0", tag=30),
    )
)


def test_vlans_are_told_by_their_tags_and_bridges_are_left_out() -> None:
    zones = {"a": ("wan",), "b": ("v10",), "c": ("v10-20",), "d": ("br0", "v30")}
    ways = ways_in(Policy(zones=zones), LINKS)
    assert ways == {"wan": WAN, "v10": Ingress("wan", (10,)), "v10-20": Ingress("wan", (10, 20))}
    assert tagged_nics(LINKS) == {"wan", "br0"}


def test_only_nics_at_which_something_is_dropped_are_watched() -> None:
    entries = [Entry(None, frozenset({Ingress("lan")})), Entry("rule/r-1", frozenset({WAN}))]
    assert watched(entries) == {"wan"}
    assert set(compile_xdp(entries).arrivals) == {WAN}


def limited(protection: str) -> dict[Ingress, list[str]]:
    """Return the way in → the guards that XDP holds there, with LINKS below the zones."""
    found = policy(protection=protection)
    zones = {"wan": ("wan", "v10"), "lan": ("br0", "v30")}
    found = replace(found, zones=zones)
    made = early_limits(found, ways_in(found, LINKS)).limits
    return {way: [one.origin for one in here] for way, here in made.items()}


def test_xdp_holds_a_limit_where_the_guard_says_so_on_cards_and_the_vlans_on_them() -> None:
    guard = "udp_flood: {enabled: true, zones: [wan, lan], early: %s}\n"
    assert limited(guard % "true") == {WAN: ["udp-flood"], Ingress("wan", (10,)): ["udp-flood"]}
    assert limited(guard % "false") == {}
    off = "udp_flood: {enabled: false, zones: [wan], early: true}\n"
    assert limited(off) == {}
    two = off.replace("false", "true") + "syn_flood: {zones: [wan], early: true}\n"
    assert limited(two)[WAN] == ["syn-flood", "udp-flood"]


def test_a_limit_has_the_figures_of_its_guard_and_without_conntrack_echoes_alone_are_limited() -> None:
    every = "".join(
        f"{name}: {{enabled: true, zones: [wan], rate: {rate}, burst: 7, early: true}}\n"
        for name, rate in (("syn_flood", "5/m"), ("udp_flood", "9/h"), ("icmp_flood", "2/d"))
    )
    made = early_limits(policy(protection=every), {"wan": WAN}, frozenset({"wan"}))
    figures = [(one.kind, one.origin, one.count, one.per_s, one.burst) for one in made.limits[WAN]]
    assert figures == [
        (Limited.SYN, "syn-flood", 5, 60, 7),
        (Limited.UDP, "udp-flood", 9, 3600, 7),
        (Limited.ICMP, "icmp-flood", 2, 86400, 7),
    ]
    left = without_conntrack(made)
    assert [one.kind for one in left.limits[WAN]] == [Limited.ICMP]
    assert left.tagged == {"wan"}
    alone = early_limits(policy(protection="syn_flood: {zones: [wan], early: true}\n"), {"wan": WAN})
    assert without_conntrack(alone).limits == {}


@pytest.mark.parametrize("interval", [(0, 65535), (1, 65534), (22, 22), (1000, 2000), (0, 0), (65535, 65535)])
def test_the_prefixes_of_an_interval_are_exactly_it(interval: tuple[int, int]) -> None:
    first, last = interval
    covered: list[int] = []
    for length, value in prefixes(16, first, last):
        covered += range(value << 16 - length, (value + 1) << 16 - length)
    assert covered == list(range(first, last + 1))
