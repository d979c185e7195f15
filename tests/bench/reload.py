# SPDX-License-Identifier: GPL-2.0-or-later
"""10,000 mixed rules from their file into the kernel, against managers of others with the same meaning.

Run as root in the test tree: ``python3 -m tests.bench.reload``. Ours is a real patronusd that is handed the
file over its socket: checked, rehearsed, in the kernel, durable, read back. Theirs is their reload, which is
also how one changed rule reaches the kernel. Each manager has a network namespace of its own.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any

from tests.bench.clock import Stopwatch
from tests.bench.commit import RULES, over_socket, processor_s, rules, settle, text
from tests.bench.peers import Firewalld, Foomuuri, Manager
from tests.bench.rows import Row, compare, table, version, write
from tests.netns.daemon.machine import Machine
from tests.netns.interfaces.conftest import put_image_files

RUNS = 3
WHOLE = {"firewalld": 1 / 15, "foomuuri": 1 / 5}
ONE = 1 / 75
"""Of firewalld, which does the same for one rule as for all."""
NOTHING = "rules: []\n"


@contextmanager
def managers(wanted: list[dict[str, Any]]) -> Iterator[list[Manager]]:
    """Lend the others, each with the rules in its kernel."""
    with tempfile.TemporaryDirectory() as folder:
        found: list[Manager] = [Firewalld(wanted, Path(folder)), Foomuuri(wanted)]
        try:
            yield found
        finally:
            for each in found:
                each.close()


def changed(wanted: list[dict[str, Any]], port: int) -> None:
    """Have one rule in the middle be about another port."""
    wanted[RULES // 2] = {**wanted[RULES // 2], "destination_port": [port]}


def measure(machine: Machine) -> list[Row]:
    """Take turns: all of ours from nothing, one of ours changed, the others' reload with that one changed."""
    wanted = rules(Random(1))
    whole, one = (Stopwatch(lambda: processor_s(machine)) for _ in range(2))
    with managers(wanted) as others:
        theirs = {each.package: Stopwatch(each.worked_s) for each in others}
        for turn in range(RUNS):
            whole.time(lambda: over_socket(machine, text(wanted)))
            changed(wanted, turn + 1)
            one.time(lambda: over_socket(machine, text(wanted)))
            over_socket(machine, NOTHING)
            for each in others:
                each.write(wanted)
                theirs[each.package].time(each.reload)
        for each in others:
            there = each.listed().count("dport")
            assert there >= RULES, f"{each.package} has {there} of {RULES} rules"
    return rows(whole, one, theirs)


def rows(whole: Stopwatch, one: Stopwatch, theirs: Mapping[str, Stopwatch]) -> list[Row]:
    """Return a row for each of the others, and one for a single rule."""
    load = os.getloadavg()[0]
    found = []
    pairs = [(f"reload-10000-rules-{name}", whole, name, WHOLE[name]) for name in theirs]
    for row, ours, name, goal in (*pairs, ("reload-one-rule-firewalld", one, "firewalld", ONE)):
        taken, other = (statistics.median(each.taken) for each in (ours, theirs[name]))
        note = f"processor time; on the clock {taken:.2f} s, theirs {other:.2f}, at a load of {load:.1f}"
        peer = name, version(name), theirs[name].worked
        found.append(compare(row, "s", ours.worked, *peer, goal=round(goal, 4), note=note))
    return found


def main() -> int:
    """Measure, print and write; 1 when a goal is missed."""
    put_image_files()
    machine = Machine()
    try:
        machine.start()
        settle(machine)
        found = measure(machine)
    finally:
        machine.close()
    print(table(found))
    print(write("reload", found))
    return 0 if all(row.met for row in found) else 1


if __name__ == "__main__":
    sys.exit(main())
