# SPDX-License-Identifier: GPL-2.0-or-later
"""Seconds from the deadline of a change that nobody confirms until kernel and files are as before.

Run as root in the test tree: ``python3 -m tests.bench.revert``. A real patronusd in a namespace of its own is
called over its socket, with rules as an office has them; the ruleset and the files are read from outside.
"""

from __future__ import annotations

import sys
import time
from random import Random

from tests.bench.commit import rules, text
from tests.bench.rows import Row, alone, table, write
from tests.netns.daemon.machine import Machine
from tests.netns.interfaces.conftest import put_image_files

FILE = "firewall/rules.yaml"
RULES = 1000
RUNS = 5
WINDOW_S = 6.0
LONGEST_S = 30.0
WAITS = "rules:\n  - {id: waits, protocol: udp, destination_port: 61999, action: drop}\n"


def late_s(machine: Machine, content: str) -> float:
    """Return how long after its deadline a change was gone, from the kernel and from the files."""
    start = time.monotonic()
    machine.call("config.Load", files={FILE: content}, confirm_s=WINDOW_S)
    answered = time.monotonic()
    remaining: float = machine.call("config.Pending")["remaining_s"]
    deadline: float = time.monotonic() + remaining
    assert start + WINDOW_S <= deadline <= answered + WINDOW_S + 1.0, "the window begins with the change"
    assert "61999" in machine.ruleset()
    time.sleep(max(0.0, remaining - 0.2))
    while "61999" in machine.ruleset() or "61999" in machine.file(FILE).read_text():
        assert time.monotonic() < deadline + LONGEST_S, "the change stays"
    return max(0.0, time.monotonic() - deadline)


def measure(machine: Machine) -> list[Row]:
    """Revert a change of one rule, and one of many."""
    machine.call("config.Load", files={FILE: "rules: []\n"})
    one = [late_s(machine, WAITS) for _ in range(RUNS)]
    many = text(rules(Random(1))[:RULES])
    whole = [late_s(machine, many + WAITS.removeprefix("rules:\n")) for _ in range(RUNS)]
    goal = "absolute goal of the engine's issue; read with nft, whose own time is in it"
    return [
        alone("revert-one-rule", "s", one, goal=2.0, note=goal),
        alone(f"revert-{RULES}-rules", "s", whole, goal=2.0, note=goal),
    ]


def main() -> int:
    """Measure, print and write; 1 when a goal is missed."""
    put_image_files()
    machine = Machine()
    try:
        machine.start()
        found = measure(machine)
    finally:
        machine.close()
    print(table(found))
    print(write("revert", found))
    return 0 if all(row.met for row in found) else 1


if __name__ == "__main__":
    sys.exit(main())
