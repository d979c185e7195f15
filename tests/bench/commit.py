# SPDX-License-Identifier: GPL-2.0-or-later
"""Seconds of a commit: 10,000 rules at once, and one rule changed on top of them; the daemon's memory then.

Run as root in the test tree: ``python3 -m tests.bench.commit``. A real patronusd in a namespace of its own is
called over its socket; a commit ends when the rules are in the kernel, durable, and read back.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from random import Random
from typing import Any

from tests.bench.rows import Row, alone, table, write
from tests.netns.daemon.machine import Machine
from tests.netns.interfaces.conftest import put_image_files

RULES = 10_000
RUNS = 5
FILE = "firewall/rules.yaml"
MEGABYTE = 1e6


def rules(source: Random) -> list[dict[str, Any]]:
    """Return as many different rules as a grown office has: hosts, prefixes, ports, both families."""
    return [_rule(source, number) for number in range(RULES)]


def _rule(source: Random, number: int) -> dict[str, Any]:
    host = f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
    address = host if source.random() < 0.8 else f"2001:db8:{number:x}::/64"
    rule: dict[str, Any] = {"id": f"r-{number:05d}", "from": "wan", "to": "lan", "source": [address]}
    rule |= {"action": source.choice(["allow", "allow", "drop"]), "protocol": source.choice(["tcp", "udp"])}
    first = source.randrange(1, 60_000)
    ports: list[Any] = [first] if source.random() < 0.7 else [f"{first}-{first + 100}"]
    return rule | {"destination_port": ports}


def text(of: list[dict[str, Any]]) -> str:
    """Return the rules as a file, a line for each, as people write them."""
    return "rules:\n" + "".join(f"  - {json.dumps(rule)}\n" for rule in of)


def committed_s(machine: Machine, content: str) -> float:
    """Return the seconds of a commit of the file; it must have come to something."""
    start = time.perf_counter()
    said = machine.call("config.Load", files={FILE: content})
    taken = time.perf_counter() - start
    assert said["changes"], said
    return taken


def resident_mb(machine: Machine) -> float:
    """Return the memory of the daemon's process that no other shares."""
    assert machine.daemon is not None
    lines = Path(f"/proc/{machine.daemon.pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) * 1024 / MEGABYTE


def measure(machine: Machine) -> list[Row]:
    """Commit all rules into an empty firewall, then change one in the middle, again and again."""
    wanted = rules(Random(1))
    whole, one = [], []
    for _ in range(2):
        whole.append(committed_s(machine, text(wanted)))
        for number in range(RUNS):
            wanted[RULES // 2] = {**wanted[RULES // 2], "destination_port": [number + 1]}
            one.append(committed_s(machine, text(wanted)))
        committed_s(machine, "rules: []\n")
    no_peer = "absolute goal of the engine's issue, on this machine"
    return [
        alone("commit-10000-rules", "s", whole, goal=1.0, note=no_peer),
        alone("commit-one-of-10000", "s", one, goal=0.15, note=no_peer),
        alone("commit-daemon-memory", "MB", [resident_mb(machine)], goal=120.0, note=no_peer),
    ]


def main() -> int:
    """Measure, print and write; 1 when a goal is missed."""
    put_image_files()
    machine = Machine()
    try:
        machine.start()
        rows = measure(machine)
    finally:
        machine.close()
    print(table(rows))
    print(write("commit", rows))
    return 0 if all(row.met for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
