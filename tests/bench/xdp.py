# SPDX-License-Identifier: GPL-2.0-or-later
"""Nanoseconds for one packet through the XDP firewall, against an empty program and xdp-filter.

Run as root in the test tree: ``python3 -m tests.bench.xdp``. Every figure comes from BPF_PROG_TEST_RUN,
ours and the peer's in turns, medians compared. The whole decision is measured: parsing, blocklist of
10,000 prefixes, 1,000 rules, counters, flow table, sampled events. Packets of open connections carry ACK: the
rules are for first packets alone, which have rows of their own.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Callable
from ipaddress import IPv4Network, ip_network
from pathlib import Path
from typing import NamedTuple

from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Dot1Q, Ether

from patronus.core.early import EarlyLimits, EarlyTable, Ingress, Limited, SourceLimit
from patronus.core.values import PortRange
from patronus.firewall.addresses import AddressSet
from patronus.firewall.early.drops import Entry
from patronus.firewall.early.table import compile_xdp
from patronus.kernel.bpf import PROGRAM, Bpf
from patronus.kernel.bpf_codec import Settings
from patronus.kernel.bpf_load import load
from patronus.kernel.bpf_object import Object, Program
from tests.bench.rows import Row, compare, table, version, write

OUT = Path(os.environ.get("PATRONUS_BPF_OUT", "build/bpf"))
XDP_FILTER = Path("/usr/lib/x86_64-linux-gnu/bpf/xdpfilt_alw_all.o")
HERE = Path(__file__).parent
RUNS, REPEAT = 11, 1_000_000
SAMPLE_EVERY = 100  # the loader's default
PREFIXES = 10_000
DROP, PASS = 1, 2
SOURCE_MATCHES = (1).to_bytes(8, sys.byteorder)  # xdp-filter's MAP_FLAG_SRC

BAD, GOOD = "203.0.113.7", "198.51.100.7"
ETHERNET = Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02")
TCP4 = bytes(ETHERNET / IP(src=GOOD, dst="192.0.2.1") / TCP(sport=4000, dport=443, flags="A"))
TCP6 = bytes(ETHERNET / IPv6(src="2001:db8::7", dst="2001:db8::1") / TCP(sport=4000, dport=443, flags="A"))
VLAN4 = bytes(
    ETHERNET / Dot1Q(vlan=30) / IP(src=GOOD, dst="192.0.2.1") / TCP(sport=4000, dport=443, flags="A")
)
SYN4 = bytes(ETHERNET / IP(src=GOOD, dst="192.0.2.1") / TCP(sport=4000, dport=443, flags="S"))
SYN4_FOR_RULE = bytes(ETHERNET / IP(src=GOOD, dst="192.0.2.1") / TCP(sport=4000, dport=22, flags="S"))
UDP4 = bytes(ETHERNET / IP(src=GOOD, dst="192.0.2.1") / UDP(sport=4000, dport=443))
RULES = 1000
ENDLESS, NONE_LEFT = (1_000_000_000, 1), (1, 86_400)
"""Counts and seconds of limits: nothing that a bench sends is beyond the one, nearly all beyond the other."""
BAD4 = bytes(ETHERNET / IP(src=BAD, dst="192.0.2.1") / TCP(sport=4000, dport=443))


class Peers(NamedTuple):
    """The programs that are measured."""

    ours: Program
    empty: Program
    xdp_filter: Program


def compiled(name: str) -> Path:
    """Compile a peer of the bench with the flags of ``bpf/Makefile``; returns the object."""
    out = OUT / "bench"
    source = HERE / f"{name}.bpf.c"
    target = out / f"{name}.bpf.o"
    out.mkdir(parents=True, exist_ok=True)
    include = "/usr/include/x86_64-linux-gnu"
    words = ["clang", "-target", "bpf", "-mcpu=v3", "-O2", "-g", "-Ibpf", "-isystem", include, "-c"]
    subprocess.run([*words, str(source), "-o", str(target)], check=True)
    return target


def opened(path: Path, name: str) -> tuple[Object, Program]:
    """Load a peer without pinning anything."""
    peer = Object(path)
    peer.unpin_maps()
    peer.load()
    return peer, peer.program(name)


def blocklist(source: random.Random) -> list[IPv4Network]:
    """Scattered prefixes as real lists have them, none of which covers the packet that shall pass."""
    found: set[IPv4Network] = {IPv4Network(f"{BAD}/32")}
    while len(found) < PREFIXES:
        length = source.choice([16, 22, 24, 24, 24, 28, 32, 32, 32, 32])
        prefix = IPv4Network((source.randrange(1 << 32), length), strict=False)
        if not prefix.overlaps(IPv4Network("198.51.100.0/24")):
            found.add(prefix)
    return sorted(found)


def in_turns(packet: bytes, verdict: int, *programs: Program) -> list[list[int]]:
    """Nanoseconds a packet of each program, measured one after the other, RUNS times."""
    for program in programs:
        program.run(packet, REPEAT)
    taken: list[list[int]] = [[] for _ in programs]
    for _ in range(RUNS):
        for program, times in zip(programs, taken, strict=True):
            run = program.run(packet, REPEAT)
            assert run.verdict == verdict or program.name != PROGRAM, program.name
            times.append(run.duration_ns)
    return taken


def packets(peers: Peers) -> list[Row]:
    """The per-packet rows."""
    tools, kernel = version("xdp-tools"), f"kernel {os.uname().release}"
    empty_note = "the empty program is the cost of the test run itself: a floor, not a rival"
    vlan_note = "xdp-filter does not look into VLAN tags, so this row has no fair peer to set a goal by"
    rows = []
    for name, packet, goal, note in (
        ("xdp-pass-ipv4-tcp", TCP4, 1.0, ""),
        ("xdp-pass-ipv6-tcp", TCP6, 1.0, ""),
        ("xdp-pass-vlan-ipv4-tcp", VLAN4, None, vlan_note),
        ("xdp-pass-ipv4-udp", UDP4, 1.0, ""),
    ):
        ours, theirs, empty = in_turns(packet, PASS, peers.ours, peers.xdp_filter, peers.empty)
        rows.append(compare(name, "ns", ours, "xdp-filter alw_all", tools, theirs, goal=goal, note=note))
        over_empty = (f"{name}-over-empty", "ns", ours, "empty program", kernel, empty)
        rows.append(compare(*over_empty, goal=None, note=empty_note))
    syn_note = "no goal: the first packet of a connection alone, looked up among 1,000 rules"
    for name, packet, verdict in (
        ("xdp-rules-pass-syn", SYN4, PASS),
        ("xdp-rules-drop-syn", SYN4_FOR_RULE, DROP),
    ):
        ours, theirs = in_turns(packet, verdict, peers.ours, peers.xdp_filter)
        rows.append(compare(name, "ns", ours, "xdp-filter alw_all", tools, theirs, goal=None, note=syn_note))
    ours, theirs = in_turns(BAD4, DROP, peers.ours, peers.xdp_filter)
    rows.append(compare("xdp-drop-ipv4", "ns", ours, "xdp-filter alw_all", tools, theirs, goal=1.0))
    return rows


def limited(bpf: Bpf, peers: Peers) -> list[Row]:
    """The rows of what comes under a limit by source, UDP asked for in conntrack among it."""
    note = "no goal: only where a guard is `early`"
    tools, rows = version("xdp-tools"), []
    for name, packet, kind, (count, per_s), verdict in (
        ("xdp-limit-pass-syn", SYN4, Limited.SYN, ENDLESS, PASS),
        ("xdp-limit-pass-udp", UDP4, Limited.UDP, ENDLESS, PASS),
        ("xdp-limit-drop-syn", SYN4, Limited.SYN, NONE_LEFT, DROP),
    ):
        limit = SourceLimit(kind, "syn-flood", count, per_s, 1 if verdict == DROP else 100_000)
        bpf.limits.replace(EarlyLimits({Ingress("lo"): (limit,)}))
        ours, theirs = in_turns(packet, verdict, peers.ours, peers.xdp_filter)
        rows.append(compare(name, "ns", ours, "xdp-filter alw_all", tools, theirs, goal=None, note=note))
    bpf.limits.replace(EarlyLimits())
    return rows


def rules() -> EarlyTable:
    """RULES rules of which half drop, over scattered sources and many ports; the last drops port 22."""
    source = random.Random(2)
    here = frozenset({Ingress("lo")})
    entries = [
        Entry(
            f"rule/r-{number}" if number % 2 else None,
            here,
            AddressSet.of(
                [IPv4Network((source.randrange(1 << 32), source.choice([16, 24, 32])), strict=False)]
            ),
            destination_ports=(PortRange(1000 + number, 1003 + number),),
        )
        for number in range(RULES)
    ]
    return compile_xdp([*entries, Entry("rule/r-ssh", here, destination_ports=(PortRange(22, 22),))])


def measure(pins: Path) -> list[Row]:
    """Load everything, measure, and return the rows."""
    load(OUT / f"{PROGRAM}.bpf.o", pins, Settings(sample_every=SAMPLE_EVERY))
    bpf = Bpf(pins)
    bpf.blocklist_replace(blocklist(random.Random(1)), [ip_network("192.168.1.0/24")])
    bpf.rules.replace(rules())
    empty_object, empty = opened(compiled("xdp_empty"), "xdp_empty")
    filter_object, xdp_filter = opened(XDP_FILTER, "xdpfilt_alw_all")
    with filter_object.map("filter_ipv4") as table_of_filter:
        address = IPv4Network(BAD).network_address.packed
        table_of_filter.update(address, SOURCE_MATCHES * table_of_filter.cpus)
        peers = Peers(Program.pinned(pins / PROGRAM), empty, xdp_filter)
        rows = [*packets(peers), *limited(bpf, peers)]
    for each in (empty_object, filter_object):
        each.close()
    return rows


def in_bpffs(work: Callable[[Path], list[Row]]) -> list[Row]:
    """Do ``work`` with a bpffs that is gone afterwards."""
    with tempfile.TemporaryDirectory() as name:
        subprocess.run(["mount", "-t", "bpf", "bpf", name], check=True)
        try:
            return work(Path(name))
        finally:
            subprocess.run(["umount", name], check=True)


def main() -> int:
    """Measure, print and write; 1 when a goal is missed."""
    rows = in_bpffs(measure)
    print(table(rows))
    print(write("xdp", rows))
    return 0 if all(row.met for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
