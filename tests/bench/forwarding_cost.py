# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs inside the router's machine: what a packet of an open connection costs on its way through the router.

BPF_PROG_TEST_RUN makes frames and sends them into a router of namespaces, all of it within the call: this
thread's processor time is what they cost, from their making to their end behind the router. Reads what
``tests.vm.sent_on`` reads, with one ``frame`` in the place of cases; says nanoseconds a frame.
"""

from __future__ import annotations

import ctypes
import json
import subprocess
import sys
import time
from pathlib import Path

from patronus.kernel.bpf import PROGRAM
from patronus.kernel.bpf_attach import Mode, attach, detach, ifindex
from patronus.kernel.bpf_library import TestRunOptions, call
from patronus.kernel.bpf_object import Object, Program
from tests.netns.lab import Namespace
from tests.vm.sent_on import SIDES, Plane, Wires

LIVE, BATCH = 2, 64
HEADERS = 64
SINK = """table netdev sink {
    chain frames {
        type filter hook ingress device far priority 0
        counter drop
    }
}
"""


class Sender:
    """Sends one frame again and again, as new each time."""

    def __init__(self, compiled: Path, frame: bytes) -> None:
        self._object = Object(compiled)
        self._object.unpin_maps()
        self._object.load()
        self._program = self._object.program("xdp_refresh")
        self._frame = frame.ljust(HEADERS, b"\0")

    def cost_ns(self, place: Namespace, device: str, frames: int) -> float:
        """Return nanoseconds of processor time for one frame that leaves by a device there."""
        with place:
            with self._object.map("target") as target:
                number = ifindex(device).to_bytes(4, sys.byteorder)
                target.update(bytes(4), number + self._frame[:HEADERS])
            options = TestRunOptions(
                sz=ctypes.sizeof(TestRunOptions),
                data_in=ctypes.cast(ctypes.c_char_p(self._frame), ctypes.c_void_p),
                data_size_in=len(self._frame),
                repeat=frames,
                flags=LIVE,
                batch_size=BATCH,
            )
            start = time.thread_time_ns()
            call("bpf_prog_test_run_opts", self._program.descriptor, ctypes.byref(options), doing="sending")
            return (time.thread_time_ns() - start) / frames


class Sink:
    """What ends the frames behind the router, and counts them."""

    def __init__(self, far: Namespace) -> None:
        self._far = far
        with far:
            subprocess.run(["nft", "-f", "-"], input=SINK, text=True, check=True)

    def ended(self) -> int:
        """Return how many have ended there."""
        said = self._far.run("nft", "list", "chain", "netdev", "sink", "frames")
        return int(said.split("packets ")[1].split()[0])


def stand(wires: Wires, plane: Plane, rules: str, *, forwarding: bool) -> None:
    """Make the router one that forwards by its rules, or with XDP on its cards; connections begin anew."""
    with wires.router, Program.pinned(plane.pins / PROGRAM) as program:
        subprocess.run(["nft", "-f", "-"], input=f"flush ruleset\n{rules}", text=True, check=True)
        for card in SIDES.values():
            if forwarding:
                attach(card, program, Mode.NATIVE)
            else:
                detach(card, program)
    plane.switch(on=forwarding)


def main(script: str, compiled: str, sender: str) -> None:
    """Measure in turns; say nanoseconds a frame of each turn."""
    said = json.loads(Path(script).read_text())
    wires = Wires(said)
    plane = Plane(Path(compiled), wires.router)
    source = Sender(Path(sender), bytes.fromhex(said["frame"]))
    sink = Sink(wires.hosts["far"])
    wires.router.run("ethtool", "--offload", "in0", "gro", "on")
    ways = {
        "kernel": (said["rules_alone"], False),
        "flow table": (said["rules"], False),
        "xdp": (said["rules"], True),
    }
    found: dict[str, list[float]] = {"wire": []}
    for _ in range(said["turns"]):
        found["wire"].append(source.cost_ns(wires.router, "out0", said["frames"]))
        for name, (rules, forwarding) in ways.items():
            stand(wires, plane, rules, forwarding=forwarding)
            for side, frame in said["openings"]:
                wires.send(side, bytes.fromhex(frame))
            before = sink.ended()
            found.setdefault(name, []).append(source.cost_ns(wires.hosts["near"], "near", said["frames"]))
            ended = sink.ended() - before
            assert ended >= 0.99 * said["frames"], f"{name}: {ended} of {said['frames']} came through"
    print(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
