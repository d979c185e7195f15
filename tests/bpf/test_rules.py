# SPDX-License-Identifier: GPL-2.0-or-later
"""Rules in XDP: the first packets of connections are dropped as the table says, and nothing else is."""

from __future__ import annotations

import os
import random
import socket
import subprocess
from collections.abc import Sequence
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Any

import pytest
from scapy.layers.inet import TCP, UDP
from scapy.layers.inet6 import IPv6ExtHdrDestOpt, IPv6ExtHdrFragment, IPv6ExtHdrHopByHop, IPv6ExtHdrRouting
from scapy.layers.ipsec import AH
from scapy.layers.l2 import Dot1AD, Dot1Q
from scapy.packet import Raw

from patronus.core.early import EarlyTable, Ingress
from patronus.core.errors import KernelError
from patronus.core.values import PortRange
from patronus.firewall.addresses import AddressSet
from patronus.firewall.early.drops import Entry
from patronus.firewall.early.table import compile_xdp
from patronus.kernel.bpf import Bpf
from patronus.kernel.bpf_codec import Reason, rule_number
from patronus.kernel.bpf_rules import ENTRY_BYTES, NODES_MAX, items
from tests.bpf.conftest import XDP_DROP, XDP_PASS, Firewall
from tests.bpf.test_replace import streaming
from tests.bpf.test_verdicts import BAD4, GOOD4, GOOD6, bytes_of, ipv4, ipv6
from tests.unit.firewall.early_table import dropped_for

LO = "lo"
"""BPF_PROG_TEST_RUN has a packet come in at the loopback."""
WAYS = frozenset({Ingress(LO), Ingress(LO, (30,)), Ingress(LO, (10, 20))})
SYN = TCP(sport=4000, dport=22, flags="S")
PACKETS = int(os.environ.get("PATRONUS_SOAK_PACKETS", "10000"))
SEED = int(os.environ.get("PATRONUS_SEED", "20261126"))
PACKETS_PER_TABLE = 250


def ports(first: int, last: int | None = None) -> tuple[PortRange, ...]:
    return (PortRange(first, last or first),)


def addresses(*prefixes: str) -> AddressSet:
    return AddressSet.of(ip_network(prefix) for prefix in prefixes)


def drop(number: int = 1, **match: Any) -> Entry:
    return Entry(f"rule/r-{number}", WAYS, **match)


def leave(**match: Any) -> Entry:
    return Entry(None, WAYS, **match)


SSH = compile_xdp([drop(destination_ports=ports(22))])

# name, layers behind Ethernet, whether a rule that drops TCP to port 22 drops it
CASES: list[tuple[str, list[Any], bool]] = [
    ("ipv4", [ipv4(GOOD4), SYN], True),
    ("ipv6", [ipv6(GOOD6), SYN], True),
    ("another port", [ipv4(GOOD4), TCP(sport=22, dport=4000, flags="S")], False),
    ("with ECN", [ipv4(GOOD4), TCP(dport=22, flags="SEC")], True),
    ("an answer", [ipv4(GOOD4), TCP(dport=22, flags="SA")], False),
    ("of a connection", [ipv4(GOOD4), TCP(dport=22, flags="A")], False),
    ("a reset", [ipv4(GOOD4), TCP(dport=22, flags="R")], False),
    ("udp", [ipv4(GOOD4), UDP(dport=22)], False),
    ("first fragment", [ipv4(GOOD4, flags="MF"), SYN], False),
    ("later fragment", [ipv4(GOOD4, frag=3, proto=6), Raw(bytes(SYN))], False),
    ("vlan", [Dot1Q(vlan=30), ipv4(GOOD4), SYN], True),
    ("vlan ipv6", [Dot1Q(vlan=30), ipv6(GOOD6), SYN], True),
    ("another vlan", [Dot1Q(vlan=31), ipv4(GOOD4), SYN], False),
    ("priority tag", [Dot1Q(vlan=0), ipv4(GOOD4), SYN], False),
    ("qinq", [Dot1Q(vlan=10), Dot1Q(vlan=20), ipv4(GOOD4), SYN], True),
    ("service tag", [Dot1AD(vlan=10), Dot1Q(vlan=20), ipv4(GOOD4), SYN], False),
    ("tags the other way", [Dot1Q(vlan=20), Dot1Q(vlan=10), ipv4(GOOD4), SYN], False),
    ("three tags", [Dot1Q(vlan=10), Dot1Q(vlan=20), Dot1Q(vlan=3), ipv4(GOOD4), SYN], False),
    ("hop-by-hop", [ipv6(GOOD6), IPv6ExtHdrHopByHop(), SYN], True),
    ("options and routing", [ipv6(GOOD6), IPv6ExtHdrDestOpt(), IPv6ExtHdrRouting(), SYN], True),
    ("atomic fragment", [ipv6(GOOD6), IPv6ExtHdrFragment(), SYN], False),
    ("fragment ipv6", [ipv6(GOOD6), IPv6ExtHdrFragment(m=1), SYN], False),
    ("authentication", [ipv6(GOOD6), AH(nh=6, payloadlen=4, spi=1, seq=1, icv=b"i" * 12), SYN], False),
    ("mobility", [ipv6(GOOD6, nh=135), Raw(b"\x06\x00" + b"x" * 6), SYN], False),
    ("cut short", [ipv4(GOOD4, proto=6), Raw(bytes(SYN)[:19])], False),
]  # fmt: skip


def test_a_packet_is_dropped_by_the_rule_and_passes_without_it(firewall: Firewall) -> None:
    packets = [(name, bytes_of(*layers), dropped) for name, layers, dropped in CASES]
    firewall.bpf.rules.replace(SSH)
    for name, packet, dropped in packets:
        reason, run = firewall.judge(packet)
        assert (reason is Reason.DROP_RULE) == dropped, name
        assert run.verdict == (XDP_DROP if dropped else XDP_PASS), name
    firewall.bpf.rules.replace(EarlyTable())
    for name, packet, _ in packets:
        reason, run = firewall.judge(packet)
        assert (reason is Reason.DROP_RULE, run.verdict, run.packet) == (False, XDP_PASS, packet), name


def test_the_first_entry_that_fits_decides_not_the_longest_prefix(firewall: Firewall) -> None:
    wide, narrow, packet = addresses("198.51.0.0/16"), addresses(f"{GOOD4}/32"), bytes_of(ipv4(GOOD4), SYN)
    for entries, reason in (
        ([drop(source=wide), leave(source=narrow)], Reason.DROP_RULE),
        ([leave(source=wide), drop(source=narrow)], Reason.PASS),
        ([leave(source=narrow), drop(source=wide)], Reason.PASS),
        ([drop(source=narrow), leave(source=wide)], Reason.DROP_RULE),
    ):
        firewall.bpf.rules.replace(compile_xdp(entries))
        assert firewall.judge(packet)[0] is reason


def test_drops_are_counted_by_rule_as_nftables_counts_and_sampled_with_its_number(firewall: Firewall) -> None:
    entries = [drop(1, destination_ports=ports(22)), drop(2, destination_ports=ports(1, 100))]
    firewall.bpf.rules.replace(compile_xdp(entries))
    with firewall.bpf.events() as events:
        for layers in ([Dot1Q(vlan=30), ipv4(GOOD4), SYN, Raw(b"data")], [ipv6(GOOD6), TCP(dport=80)]):
            firewall.judge(bytes_of(*layers))
        first, second = events.poll()
    seen = firewall.bpf.rules.counters(["rule/r-1", "rule/r-2", "rule/r-3"])
    assert {origin: (one.packets, one.bytes) for origin, one in seen.items()} == {
        "rule/r-1": (1, 20 + 20 + 4),
        "rule/r-2": (1, 40 + 20),
    }
    assert (first.reason, first.rule, first.vlan_id) == (Reason.DROP_RULE, rule_number("rule/r-1"), 30)
    assert (second.rule, second.source) == (rule_number("rule/r-2"), IPv6Address(GOOD6))


def test_a_counter_lives_on_as_long_as_its_rule_does(firewall: Firewall) -> None:
    packet = bytes_of(ipv4(GOOD4), SYN)
    firewall.bpf.rules.replace(SSH)
    firewall.judge(packet)
    firewall.bpf.rules.replace(EarlyTable(), counted=["rule/r-1"])
    firewall.bpf.rules.replace(SSH, counted=["rule/r-1"])
    firewall.judge(packet)
    assert firewall.bpf.rules.counters(["rule/r-1"])["rule/r-1"].packets == 2
    firewall.bpf.rules.replace(EarlyTable())
    assert firewall.bpf.rules.counters(["rule/r-1"]) == {}


def test_a_dropped_packet_is_no_flow_and_the_blocklist_comes_first(firewall: Firewall) -> None:
    firewall.bpf.rules.replace(SSH)
    firewall.judge(bytes_of(ipv4(GOOD4), SYN))
    assert firewall.bpf.flows(10) == []
    firewall.bpf.block(ip_network(f"{BAD4}/32"))
    assert firewall.judge(bytes_of(ipv4(BAD4), SYN))[0] is Reason.DROP_BLOCK_IPV4


def test_a_packet_of_a_connection_that_conntrack_knows_passes(firewall: Firewall) -> None:
    """Both ways: a first packet sent again, and the one of a simultaneous opening."""
    subprocess.run(["ip", "link", "set", LO, "up"], check=True)
    rules = "table inet t { chain c { type filter hook input priority 0; ct state new accept; }; }"
    subprocess.run(["nft", rules], check=True)
    firewall.bpf.rules.replace(compile_xdp([drop()]))
    try:
        for address in ("127.0.0.1", "::1"):
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            with socket.socket(family) as listener:
                listener.bind((address, 0))
                listener.listen()
                port = listener.getsockname()[1]
                with socket.create_connection((address, port)) as connection:
                    own = connection.getsockname()[1]
                    for sport, dport in ((own, port), (port, own)):
                        assert judged(firewall, address, sport, dport) is Reason.PASS_CONNECTION
                    assert judged(firewall, address, own, 1) is Reason.DROP_RULE
    finally:
        subprocess.run(["nft", "delete table inet t"], check=True)


def judged(firewall: Firewall, address: str, sport: int, dport: int) -> Reason:
    layer = ipv6(address) if ":" in address else ipv4(address)
    layer.dst = address
    return firewall.judge(bytes_of(layer, TCP(sport=sport, dport=dport, flags="S")))[0]


TABLES = [
    compile_xdp([drop(1, destination_ports=ports(22))]),
    compile_xdp([leave(destination_ports=ports(80)), drop(1, source=addresses("198.51.0.0/16"))]),
    compile_xdp([leave(source=addresses("192.0.2.0/24")), drop(2, destination_ports=ports(1, 100)), drop(1)]),
]
ROUNDS = 60


def test_what_every_table_drops_is_dropped_throughout(firewall: Firewall) -> None:
    """A half-filled table would let it pass; one that is put together of two might drop another rule's."""
    firewall.bpf.rules.replace(TABLES[0], counted=["rule/r-1", "rule/r-2"])
    before = firewall.bpf.counters()
    with streaming(firewall.program, bytes_of(ipv4(GOOD4), SYN)) as more:
        for number in range(1, ROUNDS):
            firewall.bpf.rules.replace(TABLES[number % 3], counted=["rule/r-1", "rule/r-2"])
            more()
    after = firewall.bpf.counters()
    moved = {reason for reason in Reason if after[reason].packets != before[reason].packets}
    assert moved == {Reason.DROP_RULE}
    seen = firewall.bpf.rules.counters(["rule/r-1", "rule/r-2"])
    assert sum(one.packets for one in seen.values()) == after[Reason.DROP_RULE].packets


def test_what_stands_is_read_back(firewall: Firewall) -> None:
    rules = firewall.bpf.rules
    assert rules.differs() is None
    rules.replace(SSH)
    assert rules.differs() is None
    restarted = Bpf(firewall.pins)
    assert restarted.rules.differs() == "a table of someone else"
    restarted.rules.replace(EarlyTable())
    assert rules.differs() == "no table"
    assert restarted.rules.differs() is None


def test_a_table_that_does_not_fit_drops_nothing_and_says_so(firewall: Firewall) -> None:
    rules = firewall.bpf.rules
    rules.replace(SSH)
    too_many = AddressSet(ipv4=tuple((2 * number, 2 * number) for number in range(NODES_MAX + 1)))
    with pytest.raises(KernelError, match="rule_table"):
        rules.replace(compile_xdp([drop(source=too_many)]))
    assert firewall.judge(bytes_of(ipv4(GOOD4), SYN))[0] is Reason.PASS
    assert rules.differs() is None


def test_a_nic_that_is_missing_or_hides_the_tags_of_its_vlans_is_left_out() -> None:
    table = compile_xdp([Entry("rule/r-1", frozenset({Ingress("gone"), Ingress("there", (30,))}))])
    all_there = list(items(table, {"gone": 7, "there": 8}.get))
    assert len(list(items(table, {"there": 8}.get))) == len(all_there) - 1
    assert len(all_there[0][1]) == ENTRY_BYTES + 16


def test_the_program_says_that_it_can_ask_conntrack(firewall: Firewall) -> None:
    assert firewall.bpf.rules.asks_conntrack()


# -- generated tables and packets

SOURCES = ["198.51.100.7", "198.51.100.8", "203.0.113.200", "2001:db8:1::7", "2001:db8:2::8"]
TARGETS = ["192.0.2.1", "192.0.2.129", "10.0.0.1", "fd00::1", "fd00::2:1"]


def some_addresses(source: random.Random, pool: Sequence[str]) -> AddressSet | None:
    if source.random() < 0.5:
        return None
    found = []
    for address in source.sample(pool, source.randint(0, 3)):
        width = 128 if ":" in address else 32
        length = source.choice([0, width // 4, width // 2, width - 9, width - 1, width])
        found.append(ip_network((address, length), strict=False))
    return AddressSet.of(found)


def some_ports(source: random.Random) -> tuple[PortRange, ...] | None:
    if source.random() < 0.5:
        return None
    first = source.choice([0, 1, 20, 21, 22, 1000, 65535])
    return (PortRange(first, source.choice([first, min(first + 2, 65535), 65535])),)


def some_table(source: random.Random) -> EarlyTable:
    entries = []
    for number in range(source.choice([1, 3, 10, 70, 200])):
        origin = f"rule/r-{number}" if source.random() < 0.5 else None
        ways = frozenset(source.sample(sorted(WAYS), source.randint(1, 3)))
        ends = some_addresses(source, SOURCES), some_addresses(source, TARGETS)
        entries.append(Entry(origin, ways, *ends, some_ports(source), some_ports(source)))
    return compile_xdp(entries)


def test_random_tables_drop_what_the_reference_model_drops(firewall: Firewall) -> None:
    source = random.Random(SEED)
    table, dropped = EarlyTable(), 0
    ways: list[tuple[int, ...]] = [(), (30,), (10, 20), (99,)]
    before: dict[str, int] = {}
    for number in range(PACKETS // 4):
        if number % PACKETS_PER_TABLE == 0:
            table = some_table(source)
            firewall.bpf.rules.replace(EarlyTable())  # the counters start anew
            firewall.bpf.rules.replace(table)
            before = {}
        way, saddr = source.choice(ways), source.choice(SOURCES)
        daddr = source.choice([each for each in TARGETS if (":" in each) == (":" in saddr)])
        pair = source.choice([4000, 21, 0]), source.choice([0, 20, 22, 23, 999, 1001, 65535])
        layer = (ipv6 if ":" in saddr else ipv4)(saddr)
        layer.dst = daddr
        upper = TCP(sport=pair[0], dport=pair[1], flags="S")
        run = firewall.program.run(bytes_of(*(Dot1Q(vlan=tag) for tag in way), layer, upper))
        expected = dropped_for(table, Ingress(LO, way), ip_address(saddr), ip_address(daddr), pair)
        where = f"seed {SEED} packet {number}: {way} {saddr} {daddr} {pair}"
        assert (run.verdict == XDP_DROP) == (expected is not None), where
        if expected is not None:
            dropped += 1
            before[expected] = before.get(expected, 0) + 1
        if number % PACKETS_PER_TABLE == PACKETS_PER_TABLE - 1:
            seen = firewall.bpf.rules.counters(table.drops.values())
            assert {origin: one.packets for origin, one in seen.items() if one.packets} == before, where
    assert PACKETS // 20 < dropped < PACKETS // 5, "the generator no longer reaches both"
