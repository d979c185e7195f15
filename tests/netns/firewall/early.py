# SPDX-License-Identifier: GPL-2.0-or-later
"""First packets as frames, what XDP would do to each, and which of them nftables lets pass.

XDP is asked by BPF_PROG_TEST_RUN in the router's namespace, so that it finds the router's conntrack; there a
packet comes in at the loopback, and a VLAN tag says which device is meant. nftables gets the frame itself, on
the wire and without XDP; a table behind ours notes the sequence numbers of what has passed.
"""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from scapy.layers.inet import IP, TCP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Dot1Q, Ether

from patronus.core.early import EarlyTable, Ingress
from patronus.firewall.early.table import compile_xdp
from patronus.firewall.plan import FirewallPlan
from patronus.kernel.bpf import PROGRAM, Bpf
from patronus.kernel.bpf_codec import Reason
from patronus.kernel.bpf_object import Program
from tests.netns.lab import Lab, settle

TAGS = {"wan": 10, "lan": 11, "guest": 12}
XDP_DROP = 1
PATIENCE_S = 60.0
PROBE = """
define SENDER = 02:00:00:00:00:99
table inet probe {
    counter arrived {}
    set passed { typeof tcp sequence; flags dynamic; size 65535; }
    chain raw { type filter hook prerouting priority -400; ether saddr $SENDER counter name arrived; }
    chain behind { ether saddr $SENDER tcp flags & (syn | ack) == syn add @passed { tcp sequence }; }
    chain input { type filter hook input priority 300; jump behind; }
    chain forward { type filter hook forward priority 300; jump behind; }
}
"""


@dataclass(frozen=True)
class First:
    """A packet with SYN and without ACK, as it arrives on a device; ``number`` tells it apart."""

    arrives_on: str
    source: str
    destination: str
    source_port: int
    destination_port: int
    number: int = 0
    flags: str = "S"

    def frame(self, router_mac: str, tag: int | None = None) -> bytes:
        """Return it from the Ethernet header on."""
        ip = IPv6 if ":" in self.source else IP
        start = Ether(src="02:00:00:00:00:99", dst=router_mac)
        upper = TCP(sport=self.source_port, dport=self.destination_port, flags=self.flags, seq=self.number)
        middle = ip(src=self.source, dst=self.destination) / upper
        return bytes(start / Dot1Q(vlan=tag) / middle if tag else start / middle)


class Planes:
    """Both planes of one router, asked apart."""

    def __init__(self, lab: Lab, pins: Path) -> None:
        self._lab = lab
        self._bpf = Bpf(pins)
        self._program = Program.pinned(pins / PROGRAM)
        self._macs = {name: self._mac(name) for name in TAGS}
        self._doors = {name: self._door(name) for name in TAGS}
        self._sent = 0
        lab.router.run("nft", PROBE)

    def _mac(self, device: str) -> str:
        return str(json.loads(self._lab.router.ip(f"-j link show {device}"))[0]["address"])

    def _door(self, host: str) -> socket.socket:
        with self._lab.hosts[host].namespace:
            found = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
            found.bind(("eth0", 0))
        return found

    def take(self, plan: FirewallPlan) -> EarlyTable:
        """Give XDP the rules of a plan, with the loopback's tags in the place of devices."""
        table = compile_xdp(plan.early)
        ways = {Ingress("lo", (TAGS[way.device],)): found for way, found in table.arrivals.items()}
        moved = replace(table, arrivals=ways)
        self._bpf.rules.replace(EarlyTable())  # the counters start anew
        self._bpf.rules.replace(moved)
        return moved

    def dropped_early(self, first: First) -> bool:
        """Return whether XDP drops the packet at this moment."""
        with self._lab.router:
            run = self._program.run(first.frame(self._macs[first.arrives_on], TAGS[first.arrives_on]))
        return run.verdict == XDP_DROP

    def send(self, first: First) -> None:
        """Send it to nftables alone."""
        self._doors[first.arrives_on].send(first.frame(self._macs[first.arrives_on]))
        self._sent += 1

    def _arrived(self) -> int:
        found = json.loads(self._lab.router.run("nft", "-j", "list counter inet probe arrived"))
        return next(int(item["counter"]["packets"]) for item in found["nftables"] if "counter" in item)

    def passed(self) -> frozenset[int]:
        """Return the numbers of what nftables has let pass of all that was sent, and forget them."""
        until = time.monotonic() + PATIENCE_S
        while self._arrived() < self._sent and time.monotonic() < until:
            settle()
        assert self._arrived() == self._sent
        settle()
        found = json.loads(self._lab.router.run("nft", "-j", "list set inet probe passed"))
        self._lab.router.run("nft", "flush set inet probe passed")
        elements = next(item["set"] for item in found["nftables"] if "set" in item).get("elem", ())
        return frozenset(int(item) for item in elements)

    def counted(self, origins: Iterable[str]) -> Mapping[str, int]:
        """Return packets that XDP has dropped, by rule."""
        seen = self._bpf.rules.counters(origins)
        return {origin: one.packets for origin, one in seen.items() if one.packets}

    def spared(self) -> int:
        """Return how many packets XDP has passed because conntrack knew their connection."""
        return self._bpf.counters()[Reason.PASS_CONNECTION].packets

    def close(self) -> None:
        """Let go."""
        self._program.close()
        for door in self._doors.values():
            door.close()
