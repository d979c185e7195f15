# SPDX-License-Identifier: GPL-2.0-or-later
"""What compiling 10,000 rules takes of memory: the most that a process held that did nothing else.

Run in the test tree: ``python3 -m tests.bench.compile``. From the file to the messages for the kernel: read,
validated, resolved, folded, compiled, encoded. Nothing is sent.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from random import Random

from patronus.firewall.table import commands
from patronus.kernel.nft_batch import encoded
from tests.bench.clock import Stopwatch
from tests.bench.commit import RULES, rules, text
from tests.bench.process import MEGABYTE
from tests.bench.rows import Row, alone, table, write
from tests.golden.case import load, plan_for
from tests.netns.firewall.driver import INTERFACES, ZONES

GOAL_MB = 150.0


def most_mb() -> float:
    """Return the largest resident memory that this process has had; getrusage(2) may tell its parent's."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) * 1024 / MEGABYTE


def compiled(content: str) -> int:
    """Compile rules; return how many bytes they become."""
    files = {"network/interfaces.yaml": INTERFACES, "firewall/zones.yaml": ZONES}
    plan = plan_for(load({**files, "firewall/rules.yaml": content}).config, {})
    return len(encoded(commands.whole(plan.ruleset)))


def measure() -> list[Row]:
    """Compile nothing first, so that all modules are there, and then all rules."""
    compiled("rules: []\n")
    before, watch = most_mb(), Stopwatch(time.process_time)
    content, counts = text(rules(Random(1))), list[int]()
    watch.time(lambda: counts.append(compiled(content)))
    assert counts[0] > 100 * RULES
    note = f"{before:.0f} MB before the first rule; {watch.worked[0]:.2f} s of processor time"
    return [alone("compile-10000-rules-memory", "MB", [most_mb()], goal=GOAL_MB, note=note)]


def main() -> int:
    """Measure, print and write; 1 when a goal is missed."""
    found = measure()
    print(table(found))
    print(write("compile", found))
    return 0 if all(row.met for row in found) else 1


if __name__ == "__main__":
    sys.exit(main())
