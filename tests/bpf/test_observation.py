# SPDX-License-Identifier: GPL-2.0-or-later
"""The flow table and the sampled drop events."""

from __future__ import annotations

import os
import time
from ipaddress import IPv4Address, IPv6Address, ip_network
from pathlib import Path

from scapy.layers.inet import TCP, UDP
from scapy.layers.l2 import Dot1Q

from patronus.kernel.bpf import PROGRAM, Bpf
from patronus.kernel.bpf_codec import Reason, Settings
from patronus.kernel.bpf_load import load
from patronus.kernel.bpf_object import Program
from tests.bpf.conftest import Firewall, on_cpus
from tests.bpf.test_verdicts import BAD4, BAD6, GOOD4, GOOD6, bytes_of, ipv4, ipv6

_CLOCK_MONOTONIC_COARSE = 6
"""clock_gettime(2): what the program reads, which goes on with the timer's ticks."""


def coarse_s() -> float:
    """Return the time of the clock by which the program dates what it sees."""
    return time.clock_gettime(_CLOCK_MONOTONIC_COARSE)


def test_a_flow_holds_its_tuple_sizes_time_and_flags(firewall: Firewall) -> None:
    opening = bytes_of(Dot1Q(vlan=30), ipv4(GOOD4), TCP(sport=4000, dport=443, flags="S"))
    closing = bytes_of(Dot1Q(vlan=30), ipv4(GOOD4), TCP(sport=4000, dport=443, flags="FA"), b"bye")
    before = coarse_s()
    for packet in (opening, closing):
        firewall.judge(packet)
    (flow,) = firewall.bpf.flows(10)
    assert (flow.source, flow.destination) == (IPv4Address(GOOD4), IPv4Address("192.0.2.1"))
    assert (flow.protocol, flow.source_port, flow.destination_port, flow.vlan_id) == (6, 4000, 443, 30)
    assert (flow.packets, flow.bytes) == (2, len(opening) + len(closing))
    assert flow.tcp_flags == 0x13
    assert before <= flow.last_seen_s <= coarse_s()


def test_each_direction_and_family_is_a_flow_and_the_newest_comes_first(firewall: Firewall) -> None:
    firewall.judge(bytes_of(ipv4(GOOD4), UDP(sport=1, dport=2)))
    sent = coarse_s()
    while coarse_s() == sent:
        time.sleep(0.001)
    firewall.judge(bytes_of(ipv6(GOOD6), UDP(sport=2, dport=1)))
    first, second = firewall.bpf.flows(10)
    assert (first.source, first.source_port) == (IPv6Address(GOOD6), 2)
    assert (second.source, second.source_port) == (IPv4Address(GOOD4), 1)
    assert firewall.bpf.flows(1) == [first]


def test_a_dropped_packet_is_no_flow(firewall: Firewall) -> None:
    firewall.bpf.block(ip_network(f"{BAD4}/32"))
    firewall.judge(bytes_of(ipv4(BAD4), UDP()))
    assert firewall.bpf.flows(10) == []


def test_the_flow_table_can_be_left_out(compiled: Path, pins: Path) -> None:
    load(compiled, pins, Settings(flow_table=False))
    with Program.pinned(pins / PROGRAM) as program:
        program.run(bytes_of(ipv4(GOOD4), UDP()))
    assert Bpf(pins).flows(10) == []


def test_more_flows_than_the_table_holds_push_the_oldest_out(compiled: Path, pins: Path) -> None:
    load(compiled, pins, Settings(), flow_entries=512)
    with Program.pinned(pins / PROGRAM) as program:
        for port in range(2000):
            program.run(bytes_of(ipv4(GOOD4), UDP(sport=port)))
    assert 0 < len(Bpf(pins).flows(5000)) <= 512


def test_a_drop_event_names_reason_and_addresses(firewall: Firewall) -> None:
    firewall.bpf.blocklist_replace([ip_network(f"{BAD4}/32"), ip_network(f"{BAD6}/128")], [])
    packets = [bytes_of(Dot1Q(vlan=30), ipv4(BAD4), UDP()), bytes_of(ipv6(BAD6), UDP())]
    with firewall.bpf.events() as events:
        for packet in packets:
            firewall.judge(packet)
        first, second = events.poll()
        assert events.poll() == []
    assert (first.reason, second.reason) == (Reason.DROP_BLOCK_IPV4, Reason.DROP_BLOCK_IPV6)
    assert (first.source, first.destination) == (IPv4Address(BAD4), IPv4Address("192.0.2.1"))
    assert (second.source, second.destination) == (IPv6Address(BAD6), IPv6Address("2001:db8:2::1"))
    assert (first.vlan_id, second.vlan_id) == (30, 0)
    assert (first.bytes, second.bytes) == tuple(map(len, packets))


def sampled(compiled: Path, pins: Path, every: int, drops: int) -> int:
    """Return how many events come of drops on each processor."""
    load(compiled, pins, Settings(sample_every=every))
    bpf = Bpf(pins)
    bpf.blocklist_replace([ip_network(f"{BAD4}/32")], [])
    with Program.pinned(pins / PROGRAM) as program, bpf.events() as events:
        for cpu in os.sched_getaffinity(0):
            with on_cpus(cpu):
                program.run(bytes_of(ipv4(BAD4), UDP()), repeat=drops)
        return len(events.poll())


def test_one_drop_in_so_many_is_sampled_and_none_when_off(compiled: Path, pins: Path) -> None:
    with on_cpus(min(os.sched_getaffinity(0))):
        assert sampled(compiled, pins, every=10, drops=30) == 3
        assert sampled(compiled, pins, every=0, drops=30) == 0


def test_each_processor_samples_what_it_drops_itself(compiled: Path, pins: Path) -> None:
    assert sampled(compiled, pins, every=10, drops=3) == len(os.sched_getaffinity(0))


def test_events_that_find_the_buffer_full_are_counted(firewall: Firewall) -> None:
    firewall.bpf.block(ip_network(f"{BAD4}/32"))
    sent = 3000
    firewall.program.run(bytes_of(ipv4(BAD4), UDP()), repeat=sent)
    with firewall.bpf.events() as events:
        got = len(events.poll())
    counter = firewall.bpf.counters()[Reason.DROP_BLOCK_IPV4]
    assert counter.packets == sent
    assert 0 < got < sent
    assert got + counter.events_lost == sent
