# SPDX-License-Identifier: GPL-2.0-or-later
"""What a blocked packet costs on a wire: XDP in both modes against nftables at the device's ingress.

Run as root in the test tree: ``python3 -m tests.bench.wire``. BPF_PROG_TEST_RUN makes frames and sends them
through a veth pair, all of it within the call: this thread's processor time is what they cost, from their
making to their end. With Generic Receive Offload the pair hands on frames without XDP as well.
"""

from __future__ import annotations

import ctypes
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from ipaddress import ip_network
from pathlib import Path

from patronus.kernel.bpf import PROGRAM, Bpf
from patronus.kernel.bpf_attach import Mode, attach, detach, ifindex
from patronus.kernel.bpf_codec import Reason, Settings
from patronus.kernel.bpf_library import TestRunOptions, call
from patronus.kernel.bpf_load import load
from patronus.kernel.bpf_object import Program
from tests.bench.rows import Row, compare, table, version, write
from tests.bench.xdp import BAD4, OUT, SAMPLE_EVERY, blocklist, compiled, in_bpffs, opened
from tests.netns.lab import Namespace

RUNS, FRAMES, BATCH = 9, 500_000, 64
LIVE = 2
"""BPF_F_TEST_XDP_LIVE_FRAMES: what the program decides happens to the frames."""
NEAR, FAR = "near", "far"
GOALS = {Mode.GENERIC: 0.9, Mode.NATIVE: 0.45}


class Sender:
    """Sends one frame again and again out of the near end."""

    def __init__(self) -> None:
        self._object, self._program = opened(compiled("xdp_send"), "xdp_send")
        with self._object.map("target") as target:
            target.update(bytes(4), ifindex(NEAR).to_bytes(4, sys.byteorder))

    def cost_ns(self) -> float:
        """Return nanoseconds of processor time for one frame."""
        options = TestRunOptions(
            sz=ctypes.sizeof(TestRunOptions),
            data_in=ctypes.cast(ctypes.c_char_p(BAD4), ctypes.c_void_p),
            data_size_in=len(BAD4),
            repeat=FRAMES,
            flags=LIVE,
            batch_size=BATCH,
        )
        start = time.thread_time_ns()
        call("bpf_prog_test_run_opts", self._program.descriptor, ctypes.byref(options), doing="sending")
        return (time.thread_time_ns() - start) / FRAMES


def wire() -> Namespace:
    """Return a namespace with both ends of a pair, neither of which has an address."""
    found = Namespace()
    found.ip(f"link add {NEAR} type veth peer name {FAR}")
    for name in (NEAR, FAR):
        found.sysctl(f"net.ipv6.conf.{name}.disable_ipv6", "1")
        found.ip(f"link set {name} up")
    for name in (NEAR, FAR):
        found.run("ethtool", "--offload", name, "gro", "on")  # while it is up: its peer hears of it
    return found


@contextmanager
def by_nftables(namespace: Namespace, addresses: Sequence[str]) -> Iterator[Callable[[], int]]:
    """Drop at the far end's ingress what a hash set holds; lend what tells how much was dropped."""
    words = (
        f"table netdev bench {{ set bad {{ type ipv4_addr; elements = {{ {', '.join(addresses)} }} }}\n"
        f"chain far {{ type filter hook ingress device {FAR} priority 0; ip saddr @bad counter drop\n}}\n}}\n"
    )
    with namespace:
        subprocess.run(["nft", "-f", "-"], input=words, text=True, check=True)
    try:
        yield lambda: int(
            namespace.run("nft", "list", "chain", "netdev", "bench", "far").split("packets ")[1].split()[0]
        )
    finally:
        namespace.run("nft", "delete", "table", "netdev", "bench")


@contextmanager
def by_xdp(program: Program, bpf: Bpf, mode: Mode) -> Iterator[Callable[[], int]]:
    """Drop by our program at the far end; lend what tells how much was dropped."""
    found = attach(FAR, program, mode)
    assert found.mode is mode
    try:
        yield lambda: bpf.counters()[Reason.DROP_BLOCK_IPV4].packets
    finally:
        detach(FAR, program)


Way = Callable[[], AbstractContextManager[Callable[[], int]]]


def cost_ns(sender: Sender, way: Way) -> float:
    """Return nanoseconds a frame; all of them must have been dropped there."""
    with way() as dropped:
        before = dropped()
        cost = sender.cost_ns()
        there = dropped() - before
    assert there >= FRAMES, f"{there} of {FRAMES} frames were dropped"
    return cost


def rows(namespace: Namespace, pins: Path) -> list[Row]:
    """Measure the three ways in turns."""
    bpf, program = Bpf(pins), Program.pinned(pins / PROGRAM)
    prefixes = blocklist(random.Random(1))
    bpf.blocklist_replace(prefixes, [ip_network("192.168.1.0/24")])
    hosts = [str(prefix.network_address) for prefix in prefixes]
    ways: dict[str, Way] = {
        "nftables": lambda: by_nftables(namespace, hosts),
        **{mode.value: partial(by_xdp, program, bpf, mode) for mode in Mode},
    }
    sender = Sender()
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(RUNS):
        for name, way in ways.items():
            taken[name].append(cost_ns(sender, way))
    note = "processor time from a frame's making to its end"
    peer = "nftables, ingress, hash set", version("nftables"), taken["nftables"]
    return [
        compare(f"wire-drop-{mode.value}", "ns", taken[mode.value], *peer, goal=goal, note=note)
        for mode, goal in GOALS.items()
    ]


def measure(pins: Path) -> list[Row]:
    """Load everything, measure in a namespace, and return the rows."""
    load(OUT / f"{PROGRAM}.bpf.o", pins, Settings(sample_every=SAMPLE_EVERY))
    namespace = wire()
    with namespace:
        return rows(namespace, pins)


def main() -> int:
    """Measure, print and write; 1 when a goal is missed."""
    found = in_bpffs(measure)
    print(table(found))
    print(write("wire", found))
    return 0 if all(row.met for row in found) else 1


if __name__ == "__main__":
    sys.exit(main())
