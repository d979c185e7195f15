# SPDX-License-Identifier: GPL-2.0-or-later
"""Limits by source: what is beyond falls, what is open never does, and each source counts by itself.

The rates are so low that no token comes back while a test runs, but for the test that waits for one.
"""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from scapy.layers.inet import ICMP, TCP, UDP
from scapy.layers.inet6 import (
    ICMPv6EchoReply,
    ICMPv6EchoRequest,
    IPv6ExtHdrDestOpt,
    IPv6ExtHdrFragment,
    IPv6ExtHdrHopByHop,
)
from scapy.layers.ipsec import AH
from scapy.layers.l2 import Dot1Q
from scapy.packet import Raw

from patronus.core.early import EarlyLimits, Ingress, Limited, SourceLimit
from patronus.core.values import PortRange
from patronus.firewall.early.drops import Entry
from patronus.firewall.early.table import compile_xdp
from patronus.kernel.bpf import Bpf
from patronus.kernel.bpf_codec import Reason, rule_number
from patronus.kernel.bpf_limits import limit
from tests.bpf.conftest import XDP_DROP, XDP_PASS, Firewall, on_cpus
from tests.bpf.test_verdicts import GOOD4, GOOD6, bytes_of, ipv4, ipv6

LO = Ingress("lo")
"""BPF_PROG_TEST_RUN has a packet come in at the loopback."""
NAMES = {Limited.SYN: "syn-flood", Limited.UDP: "udp-flood", Limited.ICMP: "icmp-flood"}
BURST = 3
DAY_S = 86_400
PATIENCE_S = 60.0
SYN, NEW_UDP, ECHO, ECHO6 = TCP(dport=22, flags="S"), UDP(dport=53), ICMP(type=8), ICMPv6EchoRequest()


def of(kind: Limited, count: int = 1, per_s: int = DAY_S, burst: int = BURST) -> SourceLimit:
    return SourceLimit(kind, NAMES[kind], count, per_s, burst)


def limits(*kinds: Limited, **figures: int) -> EarlyLimits:
    return EarlyLimits({LO: tuple(of(kind, **figures) for kind in kinds)})


EVERY = limits(*Limited)


def passing(firewall: Firewall, packet: bytes, tries: int = BURST + 3) -> int:
    """Return how many of so many equal packets pass before the first that falls; none passes behind it."""
    verdicts = [firewall.program.run(packet).verdict for _ in range(tries)]
    passed = verdicts.count(XDP_PASS)
    assert verdicts == [XDP_PASS] * passed + [XDP_DROP] * (tries - passed)
    return passed


# name, layers behind Ethernet, the kind under which it comes, None where it comes under none
CASES: list[tuple[str, list[Any], Limited | None]] = [
    ("syn", [ipv4(GOOD4), SYN], Limited.SYN),
    ("syn ipv6", [ipv6(GOOD6), SYN], Limited.SYN),
    ("syn with ECN", [ipv4(GOOD4), TCP(flags="SEC")], Limited.SYN),
    ("syn behind options", [ipv6(GOOD6), IPv6ExtHdrHopByHop(), IPv6ExtHdrDestOpt(), SYN], Limited.SYN),
    ("answer", [ipv4(GOOD4), TCP(flags="SA")], None),
    ("of a connection", [ipv4(GOOD4), TCP(flags="A")], None),
    ("reset", [ipv4(GOOD4), TCP(flags="R")], None),
    ("syn and fin", [ipv4(GOOD4), TCP(flags="SF")], None),
    ("syn and reset", [ipv4(GOOD4), TCP(flags="SR")], None),
    ("udp", [ipv4(GOOD4), NEW_UDP], Limited.UDP),
    ("udp ipv6", [ipv6(GOOD6), NEW_UDP], Limited.UDP),
    ("echo", [ipv4(GOOD4), ECHO], Limited.ICMP),
    ("echo ipv6", [ipv6(GOOD6), ECHO6], Limited.ICMP),
    ("echo of one byte", [ipv4(GOOD4, proto=1), Raw(b"\x08")], Limited.ICMP),
    ("echo of no byte", [ipv4(GOOD4, proto=1)], None),
    ("echo reply", [ipv4(GOOD4), ICMP(type=0)], None),
    ("echo reply ipv6", [ipv6(GOOD6), ICMPv6EchoReply()], None),
    ("unreachable", [ipv4(GOOD4), ICMP(type=3)], None),
    ("icmp in ipv6", [ipv6(GOOD6, nh=1), Raw(bytes(ECHO))], None),
    ("icmpv6 in ipv4", [ipv4(GOOD4, proto=58), Raw(b"\x80\x00\x00\x00\x00\x00\x00\x00")], None),
    ("another protocol", [ipv4(GOOD4, proto=132), Raw(bytes(32))], None),
    ("first fragment", [ipv4(GOOD4, flags="MF"), NEW_UDP], None),
    ("later fragment", [ipv4(GOOD4, frag=3, proto=17), Raw(bytes(16))], None),
    ("fragment ipv6", [ipv6(GOOD6), IPv6ExtHdrFragment(m=1), NEW_UDP], None),
    ("authentication", [ipv6(GOOD6), AH(nh=17, payloadlen=4, spi=1, seq=1, icv=b"i" * 12), NEW_UDP], None),
    ("cut short", [ipv4(GOOD4, proto=17), Raw(bytes(7))], None),
    ("another way in", [Dot1Q(vlan=30), ipv4(GOOD4), SYN], None),
]  # fmt: skip


@pytest.mark.parametrize(("layers", "kind"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_what_is_beyond_the_burst_falls_and_nothing_else(
    firewall: Firewall, layers: list[Any], kind: Limited | None
) -> None:
    packet, tries = bytes_of(*layers), BURST + 3
    assert passing(firewall, packet) == tries, "nothing is limited"
    firewall.bpf.limits.replace(EVERY)
    before = firewall.bpf.counters()
    assert passing(firewall, packet) == (tries if kind is None else BURST)
    after = firewall.bpf.counters()
    dropped = {reason: after[reason].packets - before[reason].packets for reason in Reason if reason.drops}
    wanted = {Reason.DROP_SYN_FLOOD + kind: 3} if kind is not None else {}
    assert {reason: number for reason, number in dropped.items() if number} == wanted
    firewall.bpf.limits.replace(EarlyLimits())
    assert passing(firewall, packet) == tries


@pytest.mark.parametrize("kind", list(Limited))
def test_a_kind_is_limited_alone(firewall: Firewall, kind: Limited) -> None:
    firewall.bpf.limits.replace(limits(kind))
    for other, layer in zip(Limited, (SYN, NEW_UDP, ECHO), strict=True):
        passed = passing(firewall, bytes_of(ipv4(GOOD4), layer))
        assert passed == (BURST if other is kind else BURST + 3)


def test_each_source_counts_by_itself_whatever_its_ports_and_a_64_is_one_source(firewall: Firewall) -> None:
    firewall.bpf.limits.replace(EVERY)
    for port in range(BURST):
        sent = bytes_of(ipv4(GOOD4), TCP(sport=4000 + port, dport=port, flags="S"))
        assert firewall.program.run(sent).verdict == XDP_PASS
    assert passing(firewall, bytes_of(ipv4(GOOD4), SYN)) == 0
    assert passing(firewall, bytes_of(ipv4("198.51.100.8"), SYN)) == BURST, "the next address"
    for host in range(1, BURST + 1):
        sent = bytes_of(ipv6(f"2001:db8:7:7::{host:x}"), SYN)
        assert firewall.program.run(sent).verdict == XDP_PASS
    assert passing(firewall, bytes_of(ipv6("2001:db8:7:7:ffff::9"), SYN)) == 0, "the same /64"
    assert passing(firewall, bytes_of(ipv6("2001:db8:7:8::1"), SYN)) == BURST, "the next /64"


def test_a_source_on_one_way_in_takes_nothing_from_the_same_on_another(firewall: Firewall) -> None:
    tagged = Ingress("lo", (30,))
    firewall.bpf.limits.replace(EarlyLimits({LO: (of(Limited.SYN),), tagged: (of(Limited.SYN),)}))
    assert passing(firewall, bytes_of(Dot1Q(vlan=30), ipv4(GOOD4), SYN)) == BURST
    assert passing(firewall, bytes_of(ipv4(GOOD4), SYN)) == BURST


def test_time_fills_the_bucket_again(firewall: Firewall) -> None:
    """At one packet in ten milliseconds, 50 need half a second, however slow the machine is."""
    firewall.bpf.limits.replace(limits(Limited.SYN, count=100, per_s=1, burst=1))
    packet, passed, started = bytes_of(ipv4(GOOD4), SYN), 0, time.monotonic()
    while passed < 50 and time.monotonic() < started + PATIENCE_S:
        passed += firewall.program.run(packet).verdict == XDP_PASS
    took_s = time.monotonic() - started
    assert passed == 50
    assert took_s >= 0.49
    assert firewall.bpf.counters()[Reason.DROP_SYN_FLOOD].packets > 0


def test_processors_share_one_bucket(firewall: Firewall) -> None:
    firewall.bpf.limits.replace(EVERY)
    passed = 0
    for cpu in os.sched_getaffinity(0):
        with on_cpus(cpu):
            passed += passing(firewall, bytes_of(ipv4(GOOD4), SYN))
    assert passed == BURST


def test_other_figures_start_anew_and_the_same_ones_do_not(firewall: Firewall) -> None:
    packet = bytes_of(ipv4(GOOD4), SYN)
    firewall.bpf.limits.replace(EVERY)
    assert passing(firewall, packet) == BURST
    firewall.bpf.limits.replace(EVERY)
    assert passing(firewall, packet) == 0
    firewall.bpf.limits.replace(limits(Limited.SYN, burst=5))
    assert passing(firewall, packet, 9) == 5


def test_what_falls_is_counted_under_the_guard_as_nftables_counts_and_sampled(firewall: Firewall) -> None:
    firewall.bpf.limits.replace(limits(Limited.UDP, burst=1))
    packet = bytes_of(ipv4(GOOD4), NEW_UDP, Raw(b"data"))
    with firewall.bpf.events() as events:
        for _ in range(3):
            firewall.program.run(packet)
        first, second = events.poll()
    assert (first.reason, first.rule) == (Reason.DROP_UDP_FLOOD, rule_number("udp-flood"))
    assert (str(second.source), second.bytes) == (GOOD4, len(packet))
    seen = firewall.bpf.rules.counters(["udp-flood", "syn-flood"])
    assert {name: (one.packets, one.bytes) for name, one in seen.items()} == {"udp-flood": (2, 2 * 32)}
    assert len(firewall.bpf.flows(10)) == 1, "what fell is in no flow"
    assert firewall.bpf.flows(10)[0].packets == 1


def test_a_limit_comes_before_the_rules_and_counts_what_they_drop(firewall: Firewall) -> None:
    entry = Entry("rule/r-1", frozenset({LO}), destination_ports=(PortRange(22, 22),))
    firewall.bpf.rules.replace(compile_xdp([entry]), counted=["syn-flood"])
    firewall.bpf.limits.replace(EVERY)
    dropped = bytes_of(ipv4(GOOD4), SYN)
    reasons = [firewall.judge(dropped)[0] for _ in range(BURST + 2)]
    assert reasons == [Reason.DROP_RULE] * BURST + [Reason.DROP_SYN_FLOOD] * 2
    assert passing(firewall, bytes_of(ipv4(GOOD4), TCP(dport=80, flags="S"))) == 0


@contextmanager
def tracking() -> Iterator[None]:
    """Conntrack follows what goes over the loopback."""
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    rules = "table inet t { chain c { type filter hook input priority 0; ct state new accept; }; }"
    subprocess.run(["nft", rules], check=True)
    try:
        yield
    finally:
        subprocess.run(["nft", "delete table inet t"], check=True)


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_what_is_open_is_never_limited(firewall: Firewall, address: str) -> None:
    """A first packet sent again, and every packet of a UDP flow, both ways; and they use nothing up."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with tracking(), socket.socket(family) as listener, socket.socket(family, socket.SOCK_DGRAM) as inbox:
        listener.bind((address, 0))
        listener.listen()
        inbox.bind((address, 0))
        port, udp_port = listener.getsockname()[1], inbox.getsockname()[1]
        with (
            socket.create_connection((address, port)) as stream,
            socket.socket(family, socket.SOCK_DGRAM) as outbox,
        ):
            outbox.connect((address, udp_port))
            outbox.send(b"first")
            assert inbox.recv(100) == b"first"
            own, udp_own = stream.getsockname()[1], outbox.getsockname()[1]
            firewall.bpf.limits.replace(EVERY)
            for pair in ((udp_own, udp_port), (udp_port, udp_own)):
                assert passing(firewall, sent(address, UDP(sport=pair[0], dport=pair[1])), 10) == 10
            new = UDP(sport=udp_own, dport=1)
            assert passing(firewall, sent(address, new)) == BURST, "the open ones used nothing up"
            assert passing(firewall, sent(address, TCP(sport=own, dport=1, flags="S"))) == BURST
            for pair in ((own, port), (port, own)):
                packet = sent(address, TCP(sport=pair[0], dport=pair[1], flags="S"))
                assert firewall.judge(packet)[0] is Reason.PASS_CONNECTION
                assert passing(firewall, packet, 10) == 10


def sent(address: str, upper: Any) -> bytes:
    layer = ipv6(address) if ":" in address else ipv4(address)
    layer.dst = address
    return bytes_of(layer, upper)


def test_more_sources_than_the_map_holds_shut_nobody_out(firewall: Firewall) -> None:
    firewall.bpf.limits.replace(limits(Limited.SYN, burst=1))
    most = firewall.bpf.limits.most_sources
    packet = bytearray(bytes_of(ipv4(GOOD4), SYN))
    for number in range(most + 500):
        packet[26:30] = (0x0B000000 + number).to_bytes(4, "big")
        assert firewall.program.run(bytes(packet)).verdict == XDP_PASS, number


def test_what_stands_is_read_back(firewall: Firewall) -> None:
    ours = firewall.bpf.limits
    assert ours.differs() is None
    ours.replace(EVERY)
    assert ours.differs() is None
    restarted = Bpf(firewall.pins)
    assert restarted.limits.differs() == "other kinds are limited"
    restarted.limits.replace(limits(*Limited, burst=9))
    assert ours.differs() == "1 ways in with other limits"
    assert restarted.limits.differs() is None


def test_a_card_that_is_missing_is_left_out(firewall: Firewall) -> None:
    gone = EarlyLimits({Ingress("gone"): (of(Limited.SYN),), LO: (of(Limited.SYN),)})
    firewall.bpf.limits.replace(gone)
    assert firewall.bpf.limits.differs() is None
    assert passing(firewall, bytes_of(ipv4(GOOD4), SYN)) == BURST


def test_figures_of_any_size_fit() -> None:
    """The rarest rate with the largest burst the files allow, and the fastest rate."""
    for one in (of(Limited.SYN, burst=100_000), of(Limited.SYN, 10_000_000_000, 1)):
        cost, room = (int.from_bytes(limit(one)[at : at + 8], "little") for at in (0, 8))
        assert 1 <= cost <= room < 1 << 63
