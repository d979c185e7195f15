# SPDX-License-Identifier: GPL-2.0-or-later
"""Megabytes that the image takes when nobody asks anything of it: MemTotal - MemAvailable, 120 s after boot.

Boots each profile once, from the state in which it is delivered, without a visitor of the admin page (the
page runs from the start; what a visit adds is a row of its own).
"""

from __future__ import annotations

import os
import sys
import time

from image.build import disk
from qemu.run import answers, free_port, wait_until
from qemu.vm import Vm
from tests.bench.boot import machine, reached_s, uptime_s
from tests.bench.rows import Row, alone, table, write

GOALS_MB = {"minimal": 200.0, "standard": 300.0, "full": 600.0}
LIMITS_MB = {"minimal": 260.0, "standard": 340.0, "full": 600.0}
SETTLED_S = 120.0
PROFILES = os.environ.get("BENCH_PROFILES", "minimal standard").split()
_MB = 1e6
_KIB = 1024


def used_mb(vm: Vm) -> float:
    """Return MemTotal - MemAvailable of proc_meminfo(5)."""
    lines = (line.split() for line in vm.guest.succeed("cat /proc/meminfo").splitlines())
    kib = {words[0].rstrip(":"): int(words[1]) for words in lines}
    return (kib["MemTotal"] - kib["MemAvailable"]) * _KIB / _MB


def measure(profile: str) -> list[Row]:
    """Boot the profile and read its memory, before and, where it has one, after a visit of its page."""
    memory_mib = 1024 if profile == "full" else 512
    port = free_port()
    with Vm(machine(disk(profile), port, memory_mib=memory_mib)) as vm:
        vm.start()
        reached_s(vm, "patronusd.service")
        while uptime_s(vm) < SETTLED_S:
            time.sleep(2.0)
        note = f"one boot in {memory_mib} MiB; beyond {LIMITS_MB[profile]:g} MB the bench fails"
        rows = [alone(f"memory-{profile}", "MB", [used_mb(vm)], goal=GOALS_MB[profile], note=note)]
        if vm.guest.execute("systemctl is-active patronus-web.socket").code == 0:
            wait_until(lambda: answers(port), vm)
            why = "the budget is for a router at rest"
            rows.append(alone(f"memory-{profile}-visited", "MB", [used_mb(vm)], goal=None, note=why))
    return rows


def main() -> int:
    """Measure, print and write; 1 when a profile is beyond its limit."""
    found = {profile: measure(profile) for profile in PROFILES}
    rows = [row for of_profile in found.values() for row in of_profile]
    print(table(rows))
    print(write("memory", rows))
    return 1 if any(of[0].value > LIMITS_MB[profile] for profile, of in found.items()) else 0


if __name__ == "__main__":
    sys.exit(main())
