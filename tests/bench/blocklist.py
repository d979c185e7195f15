# SPDX-License-Identifier: GPL-2.0-or-later
"""XDP's blocklist alone: its lookup against an LPM trie, 100,000 addresses brought in, 1,000,000 held.

Run as root in the test tree: ``python3 -m tests.bench.blocklist``. Both programs read no more than the two
headers and do nothing but the lookup; ours does it in the tables that the loader has pinned.
"""

from __future__ import annotations

import gc
import os
import random
import sys
import time
from ipaddress import IPv4Network, ip_network
from pathlib import Path

from patronus.kernel.bpf import PROGRAM, Bpf
from patronus.kernel.bpf_codec import Settings
from patronus.kernel.bpf_load import load
from patronus.kernel.bpf_map import Map
from patronus.kernel.bpf_object import Object, Program
from patronus.kernel.memory import give_back
from tests.bench.clock import Stopwatch
from tests.bench.process import MEGABYTE, Measured
from tests.bench.rows import Row, alone, compare, table, write
from tests.bench.xdp import (
    BAD4,
    DROP,
    OUT,
    PASS,
    SAMPLE_EVERY,
    TCP4,
    blocklist,
    compiled,
    in_bpffs,
    in_turns,
    opened,
)

SOME, MANY = 100_000, 1_000_000
NEVER = [ip_network("192.168.1.0/24")]
TABLES = ("block_ipv4", "block_hosts", "block_filter", "block_ipv6", "never")


def ours(pins: Path) -> Program:
    """Load the product's lookup alone, on the tables that are pinned."""
    with Object(compiled("xdp_blocklist")) as found:
        found.pin_maps(pins)
        found.load()
        return found.program("xdp_blocklist")


def lookups(pins: Path, bpf: Bpf) -> list[Row]:
    """Measure a blocked address, which ours finds in its second table, and one that passes."""
    prefixes = blocklist(random.Random(1))
    bpf.blocklist_replace(prefixes, NEVER)
    peer, trie = opened(compiled("xdp_trie"), "xdp_trie")
    with peer, peer.map("trie") as there:
        keys = ((prefix.prefixlen, prefix.network_address.packed) for prefix in prefixes)
        there.update_many((length.to_bytes(4, sys.byteorder) + raw, bytes(4)) for length, raw in keys)
        rows = []
        for name, packet, verdict in (("drop", BAD4, DROP), ("pass", TCP4, PASS)):
            mine, theirs = in_turns(packet, verdict, ours(pins), trie)
            note = f"whole programs; {len(prefixes)} prefixes"
            peer_words = f"LPM trie ({name})", f"kernel {os.uname().release}", theirs
            rows.append(compare(f"blocklist-{name}-over-trie", "ns", mine, *peer_words, goal=0.6, note=note))
    return rows


def addresses(source: random.Random, count: int) -> list[IPv4Network]:
    """Return scattered addresses, which take most room."""
    return [IPv4Network(source.randrange(1 << 32)) for _ in range(count)]


def replacing(bpf: Bpf, source: random.Random) -> Row:
    """Measure bringing addresses into an empty blocklist."""
    watch = Stopwatch(time.process_time)
    for _ in range(3):
        bpf.blocklist_replace([], [])
        wanted = addresses(source, SOME)
        watch.time(lambda: bpf.blocklist_replace(wanted, NEVER))  # noqa: B023 - called at once
    return watch.row(f"blocklist-{SOME}-addresses", 1.0)


def own_mb() -> float:
    """Return the memory of this process once what is free has been given back."""
    gc.collect()
    give_back()
    return Measured(os.getpid()).memory_mb()


def maps_mb(pins: Path) -> float:
    """Return what the kernel says that the tables of the blocklist take."""
    found = 0
    for name in TABLES:
        with Map.pinned(pins / name) as each:
            lines = Path(f"/proc/self/fdinfo/{each.descriptor}").read_text().splitlines()
        found += next(int(line.split()[1]) for line in lines if line.startswith("memlock:"))
    return found / MEGABYTE


def holding(pins: Path, bpf: Bpf, source: random.Random) -> Row:
    """Measure the tables with many addresses in them, and what their owner keeps beside."""
    bpf.blocklist_replace([], [])
    before = own_mb()
    bpf.blocklist_replace(addresses(source, MANY), NEVER)
    kept, held = own_mb() - before, maps_mb(pins)
    note = f"{held:.0f} MB in the kernel, as it says; {kept:.0f} kept by the process that brought them in"
    return alone(f"blocklist-{MANY}-memory", "MB", [held + kept], goal=150.0, note=note)


def measure(pins: Path) -> list[Row]:
    """Load everything, measure, and return the rows."""
    load(OUT / f"{PROGRAM}.bpf.o", pins, Settings(sample_every=SAMPLE_EVERY))
    bpf, source = Bpf(pins), random.Random(2)
    return [*lookups(pins, bpf), replacing(bpf, source), holding(pins, bpf, source)]


def main() -> int:
    """Measure, print and write; 1 when a goal is missed."""
    rows = in_bpffs(measure)
    print(table(rows))
    print(write("blocklist", rows))
    return 0 if all(row.met for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
