# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs inside the router's machine: packets through a router of namespaces, by the kernel and by XDP.

The image's kernel has nftables' flow table, which kernels of workstations may lack. Reads a JSON object
from a file: ``rules`` for nft, ``links`` for ip, ``neighbours`` (side, MAC), ``openings`` (side, frame), and
named ``cases``. Says for each case what came out on either side by either way, and what XDP counted.
"""

import json
import socket
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

from patronus.kernel.bpf import PROGRAM, Bpf
from patronus.kernel.bpf_attach import Mode, attach, ifindex
from patronus.kernel.bpf_codec import NEIGHBOUR, Settings
from patronus.kernel.bpf_load import load
from patronus.kernel.bpf_object import Program
from patronus.kernel.conntrack import Conntrack
from tests.netns.lab import Namespace, connect, settle

MARKER = b"sent on or not"
SIDES = {"near": "in0", "far": "out0"}
NEVER_DUE, EVERY_PACKET = (1 << 63), 0
OUTGOING = 4  # PACKET_OUTGOING
SLOTS = 1024


class Wires:
    """A router and what hangs at its two cards; nobody there answers."""

    def __init__(self, said: dict[str, Any]) -> None:
        self.router = Namespace()
        self.hosts = {side: Namespace() for side in SIDES}
        self.ends: dict[str, socket.socket] = {}
        for side, card in SIDES.items():
            self._join(side, card)
        for family in ("4", "6"):
            name = "net.ipv4.ip_forward" if family == "4" else "net.ipv6.conf.all.forwarding"
            self.router.sysctl(name, "1")
        for command in said["links"]:
            self.router.ip(command)
        with self.router:
            subprocess.run(["nft", "-f", "-"], input=said["rules"], text=True, check=True)

    def _join(self, side: str, card: str) -> None:
        host = self.hosts[side]
        host.sysctl("net.ipv6.conf.default.disable_ipv6", "1")
        connect(self.router, card, host, side)
        host.run("ethtool", "--offload", side, "gro", "on")
        with host:
            self.ends[side] = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        self.ends[side].bind((side, 3))
        self.ends[side].setblocking(False)

    def send(self, side: str, frame: bytes) -> dict[str, list[str]]:
        """Send a frame into the router; return what comes out of it on each side."""
        self.ends[side].send(frame)
        settle()
        return {name: sorted(self._arrived(end)) for name, end in self.ends.items()}

    def _arrived(self, end: socket.socket) -> list[str]:
        found = []
        with suppress(BlockingIOError):
            while True:
                frame, whence = end.recvfrom(65536)
                if MARKER in frame and whence[2] != OUTGOING:
                    found.append(frame.hex())
        return found


class Plane:
    """XDP on both cards."""

    def __init__(self, compiled: Path, router: Namespace) -> None:
        self.pins = Path(tempfile.mkdtemp())
        subprocess.run(["mount", "-t", "bpf", "bpf", str(self.pins)], check=True)
        load(compiled, self.pins, Settings(sample_every=0, forwarding=True))
        self.bpf = Bpf(self.pins)
        assert self.bpf.forwarding.asks_flow_table(), "the program cannot ask the flow table"
        self._router = router
        with router, Program.pinned(self.pins / PROGRAM) as program:
            for card in SIDES.values():
                assert attach(card, program, Mode.NATIVE).mode is Mode.NATIVE

    def switch(self, *, on: bool) -> None:
        """Send packets on, or let the kernel do it all."""
        with self._router:
            self.bpf.forwarding.replace(SIDES.values() if on else ())

    def due(self, mac: str, side: str, when: int) -> None:
        """Say from when on the kernel gets a packet to this neighbour again, on every processor."""
        table = self.bpf._map("neighbours")  # nothing but this test writes it
        raw = bytes.fromhex(mac.replace(":", ""))
        slot = (int.from_bytes(raw[3:], "big") % SLOTS).to_bytes(4, sys.byteorder)
        with self._router:
            entry = NEIGHBOUR.pack(when, ifindex(SIDES[side]), raw)
        table.update(slot, entry * table.cpus)

    def reasons(self) -> dict[str, int]:
        """Return how many packets each reason has counted."""
        return {reason.name: one.packets for reason, one in self.bpf.counters().items()}


def tried(wires: Wires, plane: Plane, case: dict[str, Any], neighbours: dict[str, str]) -> dict[str, Any]:
    """Send a case's frame both ways, unless one changes what the other meets: then only with XDP."""
    side, frame = case["side"], bytes.fromhex(case["frame"])
    for command in case.get("before", ()):
        wires.router.run("sh", "-c", command)
    if "end" in case:
        end_connection(wires.router, case["end"])
    plane.switch(on=False)
    by_kernel = None if case.get("once") else wires.send(side, frame)
    plane.switch(on=True)
    for name, mac in neighbours.items():
        plane.due(mac, name, EVERY_PACKET if case.get("due") else NEVER_DUE)
    before = plane.reasons()
    by_xdp = wires.send(side, frame)
    after = plane.reasons()
    moved = {name: after[name] - before[name] for name in after if after[name] != before[name]}
    return {"kernel": by_kernel, "xdp": by_xdp, "reasons": moved}


def end_connection(router: Namespace, port: int) -> None:
    """Have conntrack forget the connections that somebody opened from this port, as a deny does."""
    with router:
        known = Conntrack()
        for one in known.tracked():
            if one.connection.original.source_port == port:
                known.end(one.connection)


def main(script: str, compiled: str) -> None:
    """Do what the script says; say what happened."""
    said = json.loads(Path(script).read_text())
    wires = Wires(said)  # whose flow table has loaded the kernel's module
    plane = Plane(Path(compiled), wires.router)
    plane.switch(on=False)
    for side, frame in said["openings"]:
        wires.send(side, bytes.fromhex(frame))
    print(
        json.dumps(
            {name: tried(wires, plane, case, said["neighbours"]) for name, case in said["cases"].items()}
        )
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
