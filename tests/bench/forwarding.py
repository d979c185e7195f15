# SPDX-License-Identifier: GPL-2.0-or-later
"""What a packet of an open connection costs in the router: sent on by XDP, beside the kernel's forwarding.

In the booted image, whose kernel has nftables' flow table. Frames are made, pass a router of namespaces and
end behind it, all in one system call of one thread, whose processor time is counted (``forwarding_cost``, in
the machine). What the same costs without the router between is taken off. The kernel forwards by
`ct state established accept`; the flow table without XDP is said in the note.
"""

from __future__ import annotations

import os
import shutil
import statistics
import tempfile
from pathlib import Path
from typing import Any

from image.host import BUILD
from qemu.topology import Topology
from tests.bench.rows import Row, compare, table, write
from tests.bench.xdp import compiled
from tests.vm.frames import FAR, HOSTS, LINKS, LOAD, MASKED, NEAR, OUTER, RULES, framed, ip, opened, tcp
from tests.vm.inside import run_inside
from tests.vm.lab import Lab, image_under_test
from tests.vm.slots import copy

TURNS, FRAMES = int(os.environ.get("BENCH_TURNS", "5")), 100_000
SENDER = "xdp_refresh"
OBJECT = "/usr/lib/patronus/bpf/xdp_firewall.bpf.o"
FLOW_TABLE = "flowtable open { hook ingress priority 0; devices = { in0, out0 }; }"
ADD = "ct state established ct mark 0 flow add @open"


def told(source: str, port: int, shown: str | None) -> dict[str, Any]:
    """Return what the machine is told of a connection from a source; ``shown`` as the far end sees it."""
    alone = RULES.replace(FLOW_TABLE, "").replace(ADD, "ct state established accept")
    assert "open" not in alone
    return {
        "rules": RULES,
        "rules_alone": alone,
        "links": LINKS,
        "neighbours": HOSTS,
        "openings": opened(source, FAR, port, shown),
        "frame": framed("near", ip(source, FAR), tcp(port, 80), LOAD).hex(),
        "turns": TURNS,
        "frames": FRAMES,
    }


def row(name: str, found: dict[str, list[float]], kernel: str) -> Row:
    """Return the row of one connection: nanoseconds between the cards; ``kernel`` is the machine's."""
    between = {
        way: [one - wire for one, wire in zip(found[way], found["wire"], strict=True)]
        for way in ("kernel", "flow table", "xdp")
    }
    note = f"the kernel's flow table without XDP: {statistics.median(between['flow table']):.0f} ns"
    peer = ("the kernel, ct state established accept", kernel)
    return compare(name, "ns", between["xdp"], *peer, between["kernel"], goal=0.4, note=note)


def measure(lab: Lab) -> list[Row]:
    """Boot, measure and return the rows."""
    sender = compiled(SENDER)
    lab.vm.start()
    lab.wait_up()
    lab.guest.copy_to(sender.read_bytes(), f"/run/{sender.name}")
    kernel, rows = lab.guest.succeed("uname -r").strip(), []
    for name, source, port, shown in (
        ("forwarding-cost", NEAR, 1000, None),
        ("forwarding-cost-masqueraded", MASKED, 1002, OUTER),
    ):
        words = (OBJECT, f"/run/{sender.name}")
        said = told(source, port, shown)
        module, held = "tests.bench.forwarding_cost", ("tests/vm/sent_on.py",)
        rows.append(row(name, run_inside(lab.guest, module, said, *words, held=held), kernel))
    return rows


def main() -> None:
    """Measure and write build/bench/forwarding.json."""
    (BUILD / "vm").mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="bench-", dir=BUILD / "vm"))
    try:
        with Topology() as net:
            lab = Lab(net, folder, copy(image_under_test(), folder / "image.raw"))
            with lab.internet, lab.vm:
                rows = measure(lab)
    finally:
        shutil.rmtree(folder)
    write("forwarding", rows)
    print(table(rows))


if __name__ == "__main__":
    main()
