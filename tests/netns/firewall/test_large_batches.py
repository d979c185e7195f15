# SPDX-License-Identifier: GPL-2.0-or-later
"""A transaction that we put together ourselves does what libnftables does with the same commands."""

from __future__ import annotations

import json
from collections.abc import Iterator
from ipaddress import ip_address, ip_network
from typing import Any

import pytest

from patronus.core.errors import KernelError
from patronus.core.values import Mark, PortRange, Range
from patronus.firewall.addresses import AddressSet, IpNetwork
from patronus.firewall.compile.segments import segment_chains
from patronus.firewall.model.flags import parse_flags
from patronus.firewall.table import commands
from patronus.firewall.table import statements as say
from patronus.firewall.table.ruleset import (
    Chain,
    Container,
    Dispatch,
    Helper,
    Hook,
    Hosts,
    Intervals,
    Keyed,
    Meter,
    NftRule,
    RateLimit,
    Ruleset,
    Ways,
)
from patronus.kernel import nft as nft_module
from patronus.kernel.nft import Command, Nft
from patronus.kernel.nft_attributes import Unknown
from patronus.kernel.nft_batch import encoded
from patronus.kernel.nft_socket import BatchSocket
from tests.netns.lab import Namespace


def addresses(*prefixes: str) -> AddressSet:
    networks: list[IpNetwork] = [ip_network(prefix) for prefix in prefixes]
    return AddressSet.of(networks)


V4 = ("10.0.0.1/32", "10.1.0.0/16", "10.8.0.0/13", "128.0.0.0/1", "192.0.2.128/25", "192.0.2.4/30")
V6 = ("fd00::1/128", "2001:db8:5::/48", "fe80::/10", "2001:db8::/61", "::/1")


def between(first: str, last: str) -> Range:
    return Range(ip_address(first), ip_address(last))


def added(key: Any, name: str, limit: Any) -> dict[str, Any]:
    return {"set": {"op": "add", "elem": key, "set": f"@{name}", "stmt": [limit]}}


def stays_on(*devices: str) -> Any:
    """Match what leaves by the device that it came in by."""
    pairs = [{"concat": [device, device]} for device in devices]
    return say.match({"concat": [say.meta("iifname"), say.meta("oifname")]}, {"set": pairs})


def moved(*pairs: list[int]) -> Any:
    return {"map": {"key": say.payload("th", "dport"), "data": {"set": list(pairs)}}}


def _by(*fields: Any) -> Any:
    return {"concat": list(fields)}


ALL_FIELDS = "ipv4_addr", "ipv4_addr", "inet_proto", "inet_service", "inet_service"
SOURCE, BOTH_SIDES = (
    say.payload("ip", "saddr"),
    (say.prefix_of(6, "saddr", 64), say.prefix_of(6, "daddr", 121)),
)
PROTOCOL, SPORT, DPORT = say.meta("l4proto"), say.payload("th", "sport"), say.payload("th", "dport")
OVER = {"limit": {"rate": 20, "per": "minute", "burst": 7, "inv": True}}
VERDICTS: tuple[Any, ...] = (
    say.ACCEPT,
    say.DROP,
    say.goto("reject"),
    say.jump("other"),
    say.refuse("admin-prohibited"),
    say.refuse("port-unreachable"),
)
MATCHES: list[list[Any]] = [
    *([say.address_in(4, name, addresses(one))] for one in V4 for name in ("saddr", "daddr")),
    *([say.address_in(6, name, addresses(one))] for one in V6 for name in ("saddr", "daddr")),
    [say.address_in(4, "saddr", AddressSet(((int(ip_address("10.0.0.3")), int(ip_address("10.0.0.9"))),)))],
    [say.address_in(6, "daddr", AddressSet((), ((int(ip_address("fd00::3")), int(ip_address("fd00::9"))),)))],
    [say.version_is(4)],
    [say.version_is(6), say.address_in(6, "saddr", addresses("fd00::/64"))],
    [say.address_in(4, "saddr", addresses("10.0.0.1/32")), say.address_in(4, "daddr", addresses(V4[1]))],
    [say.protocol_in([6])],
    [say.protocol_in([17]), say.ports_in("dport", [PortRange(53, 53)])],
    [say.protocol_in([6]), say.ports_in("sport", [PortRange(1024, 65535)]),
     say.ports_in("dport", [PortRange(1, 2)])],
    [say.arrives_on(["eth0"])],
    [say.leaves_by(["fifteen-letters"])],
    [say.TRANSLATED],
    [{"limit": "slow"}],
    [say.address_in(4, "saddr", addresses("10.0.0.1/32", "10.0.0.9/32"))],
    [say.address_in(4, "daddr", addresses(*V4))],
    [say.address_in(6, "saddr", addresses(*V6))],
    [say.address_in(6, "daddr", addresses("fd00::1/128", "fd00::3/128"))],
    [say.protocol_in([6, 17]), say.ports_in("dport", [PortRange(53, 53), PortRange(80, 80)])],
    [say.ports_in("sport", [PortRange(0, 5), PortRange(80, 80), PortRange(60000, 65535)])],
    [say.in_set(4, "saddr", "some"), say.in_set(4, "daddr", "some", "!=")],
    [say.in_set(6, "daddr", "some")],
    [say.connection_is("established", "related")],
    [say.connection_is("invalid")],
    [say.version_is(4), say.protocol_in([1]), say.icmp_in(4, [8])],
    [say.protocol_in([58]), say.icmp_in(6, [133, 134]), say.match(say.payload("ip6", "hoplimit"), 255)],
    [say.arrives_on(["eth0", "a-much-longer-1"])],
    [say.match(say.payload("ip", "saddr"), "10.0.0.1", "!="), say.NO_WAY_BACK],
    [say.match(say.payload("ip6", "saddr"), "::", "!="), say.NO_WAY_BACK],
    [say.protocol_in([6]), say.flags_are(parse_flags(["syn", "!ack"]))],
    [say.counted_in(4, "meter/4")],
    [say.counted_in(4, "meter/4", OVER)],
    [say.counted_in(6, "meter/6", OVER)],
    [{"ct helper": "helper/ftp-tcp"}, {"ct helper": "helper/sip-udp"}],
    [say.counted_in(4, "meter/4", {"limit": {"rate": 3, "per": "second", "burst": 5}})],
    [say.version_is(4), added(say.payload("ip", "daddr"), "open/4", {"ct count": {"val": 7}})],
    [added(say.payload("ip6", "saddr"), "open/6", {"ct count": {"val": 1}})],
    [{"ct count": {"val": 20}}],
    [{"ct count": {"val": 21, "inv": True}}],
    [say.version_is(4), added(say.payload("ip", "saddr"), "open/4", {"ct count": {"val": 8, "inv": True}})],
    [say.FOR_ROUTER],
    list(say.restore_mark()),
    list(say.restore_mark(0xFFFF)),
    [say.version_is(4), say.set_class(4, 46)],
    [say.set_class(6, 46)],
    [say.address_in(6, "saddr", addresses(V6[0])), say.set_class(6, 0)],
    [say.version_is(4), say.protocol_in([17]), say.set_class(4, 63)],
    [say.mark_is(Mark(7))],
    [say.mark_is(Mark(0x100, 0xFF00)), say.match(say.bits_of_connection(0xF0), 0, "!=")],
    say.set_mark(Mark(0x0A0B0C0D)),
    say.set_mark(Mark(0x100, 0xFF00)),
    [say.mark_packet(say.bits_of_connection(0xFFFF)), say.mark_connection(0x30000)],
    [{"log": {"prefix": "patronus rule/a drop ", "level": "info"}}],
    [say.version_is(4), say.dscp_in(4, [46])],
    [say.dscp_in(6, [46])],
    [say.version_is(4), say.dscp_in(4, [8, 46])],
    [say.address_in(6, "saddr", addresses(V6[0])), say.dscp_in(6, [0, 8, 63])],
    [say.match(say.payload("ether", "saddr"), "52:54:00:0a:0b:99")],
    [stays_on("eth0"), say.version_is(4), say.asked_for(4, addresses("198.51.100.2/32"))],
    [stays_on("eth0", "a-much-longer-1"), say.version_is(6), say.asked_for(6, addresses("2001:db8::2/128"))],
    *([say.version_is(4), say.asked_for(4, addresses(one))] for one in V4),
    *([say.version_is(6), say.asked_for(6, addresses(one))] for one in V6),
    [say.asked_for(4, AddressSet(((int(ip_address("10.0.0.3")), int(ip_address("10.0.0.9"))),)))],
    [say.version_is(4), say.asked_for(4, addresses("10.0.0.1/32", "10.0.0.9/32"))],
    [say.version_is(4), say.asked_for(4, addresses(*V4))],
    [say.version_is(6), say.asked_for(6, addresses(*V6))],
    [say.address_in(4, "saddr", addresses(V4[0])),
     say.match(say.payload("ether", "saddr"), "02:00:00:00:00:01"),
     say.protocol_in([6]), say.ports_in("dport", [PortRange(22, 22)])],
]  # fmt: skip
SETS: dict[str, Container] = {
    "input": Dispatch(1, {("eth0",): "pair/wan/lan", ("192.0.2.1",): "other"}),
    "forward": Dispatch(2, {("eth0", "a-much-longer-1"): "pair/wan/lan", ("b", "c"): "other"}),
    "some/4": Intervals(4, addresses(*V4).ipv4),
    "some/6": Intervals(6, addresses(*V6).ipv6),
    "many/4": Intervals(4, tuple((2 * at, 2 * at) for at in range(3000))),
    "hosts/4": Hosts(4, 1024, (1, 2, 3, 1 << 31)),
    "hosts/6": Hosts(6, 4096, tuple(3 * at for at in range(3000))),
    "meter/4": Meter(4),
    "meter/6": Meter(6, timeout_s=0, size=7),
    "open/4": Meter(4, timeout_s=0),
    "open/6": Meter(6, timeout_s=0),
    "ways/4": Ways(4, {(16 * at, 16 * at + 15): "other" for at in (0, 1, 5, (1 << 28) - 1)}),
    "ways/6": Ways(6, {(16 * at, 16 * at + 15): "other" for at in (1, 3)} | {(1 << 127, 1 << 127): "reject"}),
    "by/all": Keyed(ALL_FIELDS, 256, {(1 << 24, at, 6, 1, 65535): f"rule/r-{at % 7}" for at in range(200)}),
    "by/4": Keyed(
        ALL_FIELDS[1:4],
        0,
        {
            (1 << 24, 6, (80, 90)): "rule/r-1",
            (1 << 24, 17, (80, 90)): "rule/r-2",
            (2 << 24, 6, (0, 65535)): "rule/r-3",
        },
    ),
    "by/6": Keyed(
        ("ipv6_addr", "ipv6_addr", "inet_proto", "inet_service"),
        0,
        {(1 << 64, at << 9, 6, (1, 2)): "rule/r-1" for at in range(5)},
    ),
    "by/protocol": Keyed(("ipv6_addr", "inet_proto"), 1024, {(at << 64, 6): "rule/r-4" for at in (0, 1, 7)}),
    "by/pair": Keyed(("ipv4_addr", "ipv4_addr"), 256, {(1, 2): "rule/r-4"}),
    "by/one": Keyed(("ipv4_addr",), 256, {(7,): "rule/r-5", (8,): "rule/r-6"}),
    "by/none": Keyed(("inet_proto", "inet_service"), 256, {(6, 80): "rule/r-2"}),
    "ways/0": Ways(0, {(0, 0): "other", (1, 1): "reject", (32768, 65535): "other"}),
}
WAYS: list[list[Any]] = [
    [say.way_by(say.payload("ip", "saddr"), "ways/4")],
    [say.way_by(say.payload("ip6", "daddr"), "ways/6")],
    [say.way_by(say.payload("th", "dport"), "ways/0")],
    [say.way_by(say.meta("iifname"), "input")],
    [say.protocol_in([6]), say.REJECT_TCP],
    [say.count_by(_by(SOURCE, say.prefix_of(4, "daddr", 9), PROTOCOL, SPORT, DPORT), "by/all"), say.DROP],
    [say.count_by(_by(say.payload("ip", "daddr"), PROTOCOL, DPORT), "by/4"), say.ACCEPT],
    [say.count_by(_by(*BOTH_SIDES, PROTOCOL, DPORT), "by/6"), say.goto("reject")],
    [say.count_by(_by(say.prefix_of(6, "saddr", 48), PROTOCOL), "by/protocol")],
    [say.count_by(_by(SOURCE, say.payload("ip", "daddr")), "by/pair")],
    [say.count_by(say.prefix_of(4, "saddr", 24), "by/one")],
    [say.count_by(SOURCE, "by/one")],
    [say.count_by(_by(PROTOCOL, SPORT), "by/none")],
    [say.way_by({"concat": [say.meta("iifname"), say.meta("oifname")]}, "forward")],
]
FAMILY = {"family": "inet", "table": "patronus"}
SOURCES: list[list[Any]] = [
    [say.leaves_by(["eth0"]), say.MASQUERADE],
    [say.version_is(4), say.translate("snat", 4, ip_network("192.0.2.7/32"))],
    [say.version_is(6), say.translate("snat", 6, ip_network("2001:db8::7/128"))],
    [say.version_is(4), say.translate("snat", 4, between("192.0.2.7", "192.0.2.9"))],
    [say.version_is(6), say.translate("snat", 6, between("2001:db8::7", "2001:db8::9"))],
    [
        say.address_in(4, "saddr", addresses("10.0.0.0/24")),
        say.translate("snat", 4, ip_network("192.0.2.0/24")),
    ],
    [say.version_is(6), say.translate("snat", 6, ip_network("2001:db8:7::/61"))],
]
DESTINATIONS: list[list[Any]] = [
    [say.version_is(4), say.FOR_ROUTER, say.translate("dnat", 4, ip_network("10.0.0.7/32"))],
    [
        say.version_is(4),
        say.protocol_in([6]),
        say.ports_in("dport", [PortRange(80, 80)]),
        say.counter("rule/r-1"),
        say.translate("dnat", 4, ip_network("10.0.0.7/32"), 8080),
    ],
    [say.version_is(6), say.protocol_in([6, 17]), say.translate("dnat", 6, ip_network("fd00::7/128"), 53)],
    [say.version_is(4), say.translate("dnat", 4, ip_network("10.0.0.0/24"))],
    [
        say.version_is(6),
        say.protocol_in([17]),
        say.ports_in("dport", [PortRange(8000, 8002)]),
        say.translate("dnat", 6, ip_network("fd00::7/128"), moved([8000, 9000], [8001, 9001], [8002, 9002])),
    ],
    [
        say.version_is(4),
        say.protocol_in([6]),
        say.translate("dnat", 4, between("10.0.0.7", "10.0.0.9"), moved([1, 65535])),
    ],
]


def ruleset() -> Ruleset:
    """Return a table with every form that is encoded, each with every verdict."""
    rules = [
        NftRule(f"rule/r-{at}", [*match, say.counter(f"rule/r-{at % 7}"), verdict])
        for at, (match, verdict) in enumerate((m, v) for m in MATCHES for v in VERDICTS)
    ]
    ways = [NftRule("branch", way) for way in WAYS]
    return Ruleset(
        counters=frozenset(f"rule/r-{at}" for at in range(7)),
        limits={"slow": RateLimit(10, "minute", 7)},
        helpers=frozenset({Helper("ftp", "tcp"), Helper("sip", "udp")}),
        sets=SETS,
        chains={
            "reject": Chain(),
            "other": Chain(),
            "pair/wan/lan": Chain(tuple(rules)),
            "pair/lan/wan": Chain(tuple(ways)),
            "prerouting": Chain((), Hook("filter", "prerouting", -300, "accept")),
            "forward": Chain((), Hook("filter", "forward", 5, "drop")),
            **segment_chains({"wan": 1492}),
            "sources": Chain(named("from", SOURCES), Hook("nat", "postrouting", 100, "accept")),
            "destinations": Chain(named("to", DESTINATIONS), Hook("nat", "prerouting", -100, "accept")),
        },
    )


def named(word: str, rules: list[list[Any]]) -> tuple[NftRule, ...]:
    return tuple(NftRule(f"{word}/{at}", rule) for at, rule in enumerate(rules))


@pytest.fixture
def nft() -> Iterator[Nft]:
    namespace = Namespace()
    with namespace:
        yield Nft()
    namespace.close()


def listed(nft: Nft) -> list[str]:
    items = nft.list_table("inet", "patronus") or []
    for item in items:
        for fields in item.values():
            fields.pop("handle", None)
    return [json.dumps(item) for item in items]


def by_library_alone(_: Any) -> bytearray:
    raise Unknown("a batch of this test")


def test_every_form_is_the_same_as_libnftables_makes_it(nft: Nft, monkeypatch: pytest.MonkeyPatch) -> None:
    batch = {"nftables": commands.whole(ruleset())}
    found = []
    monkeypatch.setattr(nft_module, "LARGE", 0)
    for encode in (by_library_alone, encoded):
        monkeypatch.setattr(nft_module, "encoded", encode)
        assert nft.check(batch) is None
        assert nft.tables() == frozenset(), "a rehearsal changes nothing"
        nft.load(batch)
        found.append(listed(nft))
        nft.load({"nftables": [commands.remove_table("patronus")]})
    by_library, by_us = found
    assert by_us == by_library
    assert len(by_us) > len(MATCHES) * len(VERDICTS)
    encoded(batch["nftables"])


MANY = AddressSet(tuple((3 * at, 3 * at) for at in range(4000)))
SPREAD = AddressSet(tuple((3 * at, 3 * at + 1) for at in range(4000)))


@pytest.mark.parametrize(
    "match",
    [
        say.address_in(4, "saddr", MANY),
        say.address_in(4, "saddr", SPREAD),
        say.translate(
            "dnat", 4, ip_network("10.0.0.7/32"), moved(*([at, at + 9000] for at in range(1, 6001)))
        ),
    ],
    ids=["addresses", "ranges", "ports"],
)
def test_a_set_of_one_rule_may_be_larger_than_a_message(
    nft: Nft, monkeypatch: pytest.MonkeyPatch, match: Any
) -> None:
    rules = named("r", [[say.version_is(4), say.protocol_in([6]), match]])
    chains = {"destinations": Chain(rules, Hook("nat", "prerouting", -100, "accept"))}
    batch = {"nftables": commands.whole(Ruleset(chains=chains))}
    monkeypatch.setattr(nft_module, "LARGE", 0)
    nft.load(batch)
    by_us = listed(nft)
    nft.load({"nftables": [commands.remove_table("patronus")]})
    monkeypatch.setattr(nft_module, "encoded", by_library_alone)
    nft.load(batch)
    assert listed(nft) == by_us
    encoded(batch["nftables"])


def test_sets_change_and_go_as_libnftables_lets_them(nft: Nft, monkeypatch: pytest.MonkeyPatch) -> None:
    """Elements go and come in one transaction, also where a prefix takes the place of two halves."""
    there = {"other": Chain(), "reject": Chain()}
    counters = frozenset(f"rule/r-{at}" for at in range(7))
    before = Ruleset(sets=SETS, chains={**there, "pair/wan/lan": Chain()}, counters=counters)
    moved: dict[str, Container] = {
        "input": Dispatch(1, {("eth0",): "other"}),
        "some/4": Intervals(4, addresses("10.0.0.0/30", "10.0.0.0/9", "192.0.2.128/26").ipv4),
        "hosts/4": Hosts(4, 1024, (2, 4)),
        "by/4": Keyed(ALL_FIELDS[1:4], 0, {(1 << 24, 6, (80, 91)): "rule/r-1", (9, 6, (1, 2)): "rule/r-2"}),
        "by/one": Keyed(("ipv4_addr",), 256, {(8,): "rule/r-5", (9,): "rule/r-6"}),
        "by/none": Keyed(("inet_proto", "inet_service"), 256, {(6, 80): "rule/r-3"}),
        "ways/4": Ways(4, {(0, 31): "reject", (64, 79): "other"}),
        "ways/0": Ways(0, {(0, 1): "other", (32768, 40000): "reject"}),
    }
    after = Ruleset(sets=moved, chains=there, counters=counters)
    there_and_back = commands.transaction(commands.Contents.of(before), after)
    found = []
    monkeypatch.setattr(nft_module, "LARGE", 0)
    for encode in (by_library_alone, encoded):
        monkeypatch.setattr(nft_module, "encoded", encode)
        nft.load({"nftables": commands.whole(before)})
        nft.load({"nftables": there_and_back})
        found.append(listed(nft))
        nft.load({"nftables": [commands.remove_table("patronus")]})
    assert found[0] == found[1]
    encoded(there_and_back)


def test_rules_go_and_come_at_their_places(nft: Nft, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nft_module, "LARGE", 0)
    table = {"add": {"table": {"family": "inet", "name": "patronus"}}}
    chains = [{"add": {"chain": {**FAMILY, "name": name}}} for name in ("c", "d")]
    rule = {**FAMILY, "chain": "c", "expr": [say.ACCEPT]}
    three: list[Command] = [{"add": {"rule": {**rule, "comment": name}}} for name in "abc"]
    nft.load({"nftables": [table, *chains, *three]})
    first, second, third = nft.rules("inet", "patronus")
    change: list[Command] = [
        {"delete": {"rule": {**FAMILY, "chain": "c", "handle": second.handle}}},
        {"insert": {"rule": {**rule, "comment": "x", "handle": third.handle}}},
        {"insert": {"rule": {**rule, "comment": "y", "handle": third.handle}}},
        {"delete": {"chain": {**FAMILY, "name": "d"}}},
        {"add": {"counter": {**FAMILY, "name": "k"}}},
        {"add": {"limit": {**FAMILY, "name": "l", "rate": 1, "per": "day", "burst": 5}}},
    ]
    nft.load({"nftables": change})
    assert [one.comment for one in nft.rules("inet", "patronus")] == ["a", "x", "y", "c"]
    assert nft.objects("inet", "patronus") == (frozenset("k"), frozenset("l"), frozenset())
    gone = [{"delete": {kind: {**FAMILY, "name": name}}} for kind, name in (("counter", "k"), ("limit", "l"))]
    nft.load({"nftables": [*gone, {"flush": {"chain": {**FAMILY, "name": "c"}}}]})
    assert nft.rules("inet", "patronus") == []
    assert nft.objects("inet", "patronus") == (frozenset(), frozenset(), frozenset())
    assert first.chain == "c"


def test_a_refusal_names_the_command_and_nothing_stays(nft: Nft, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nft_module, "LARGE", 0)
    table = {"add": {"table": {"family": "inet", "name": "patronus"}}}
    chain = {"add": {"chain": {**FAMILY, "name": "c"}}}
    rule = {**FAMILY, "chain": "c", "comment": "a", "expr": [say.counter("nobody"), say.ACCEPT]}
    commands: list[Command] = [table, chain, {"add": {"rule": rule}}, chain]
    batch = {"nftables": commands}
    assert "nobody" in (nft.check(batch) or "")
    with pytest.raises(KernelError, match="nobody.*No such file"):
        nft.load(batch)
    assert nft.tables() == frozenset()


def test_a_batch_for_another_ruleset_is_refused(nft: Nft) -> None:
    """Handles mean what they meant when they were read, or the batch is not taken."""
    messages = encoded([{"add": {"table": {"family": "inet", "name": "patronus"}}}])
    batches = BatchSocket()
    refusal = batches.send(messages, nft.generation() + 1, commit=True)
    assert refusal is not None
    assert refusal.position is None
    assert nft.tables() == frozenset()
    assert batches.send(messages, nft.generation(), commit=True) is None
    assert nft.tables() == {("inet", "patronus")}
    of_any = encoded([{"add": {"chain": {**FAMILY, "name": "c"}}}])
    assert batches.send(of_any, None, commit=True) is None
    assert [chain.name for chain in nft.parts("inet", "patronus").chains] == ["c"]


@pytest.mark.parametrize(
    "command",
    [
        {"add": {"rule": {**FAMILY, "chain": "c", "comment": "", "expr": [
            say.match(say.meta("mark"), {"set": [1, 2]})]}}},
        {"add": {"rule": {**FAMILY, "chain": "c", "comment": "", "expr": [
            say.match(say.payload("ether", "saddr"), {"set": ["02:00:00:00:00:01"]})]}}},
        {"add": {"rule": {**FAMILY, "chain": "c", "comment": "", "expr": [
            {"masquerade": {"flags": "random"}}]}}},
        {"add": {"rule": {**FAMILY, "chain": "c", "comment": "", "expr": [
            say.translate("dnat", 4, ip_network("10.0.0.7/32"))]}}},
        {"add": {"rule": {**FAMILY, "chain": "c", "comment": "", "expr": [
            say.version_is(4), say.translate("dnat", 4, ip_network("10.0.0.7/32"), {"map": {}})]}}},
        {"add": {"rule": {**FAMILY, "chain": "c", "comment": "", "expr": [
            say.way_by(say.payload("ip", "dscp"), "x")]}}},
        {"add": {"rule": {**FAMILY, "chain": "c", "comment": "", "expr": [
            say.match(say.payload("ether", "saddr"), "router")]}}},
        {"add": {"rule": {**FAMILY, "chain": "c", "comment": "", "expr": [
            say.match(say.payload("ip", "dscp"), "ef")]}}},
        {"add": {"rule": {**FAMILY, "chain": "c", "comment": "", "expr": [{"log": {"prefix": "x"}}]}}},
        {"add": {"rule": {**FAMILY, "chain": "c", "comment": "", "expr": [
            {"mangle": {"key": say.meta("priority"), "value": 1}}]}}},
        {"add": {"rule": {**FAMILY, "chain": "c", "comment": "", "expr": [say.REJECT_TCP]}}},
        {"add": {"rule": {**FAMILY, "chain": "c", "comment": "", "expr": [say.icmp_in(6, [1])]}}},
        {"add": {"set": {**FAMILY, "name": "c", "type": "mark"}}},
        {"add": {"map": {**FAMILY, "name": "c", "type": "mark", "map": "counter"}}},
        {"add": {"element": {**FAMILY, "name": "c", "elem": [{"concat": [1, 2]}]}}},
        {"add": {"table": {"family": "ip", "name": "c"}}},
    ],
)  # fmt: skip
def test_what_is_not_known_is_left_to_libnftables(command: dict[str, Any]) -> None:
    with pytest.raises(Unknown):
        encoded([command])
