# SPDX-License-Identifier: GPL-2.0-or-later
"""Seconds of the guest's clock from kernel start to forwarding and to the admin page, against a bare Debian.

Boots the image of the standard profile in QEMU; every figure is a second boot (the first one also makes the
data partition and the keys). The peer is the same kernel, initrd and root with every unit of Patronus
skipped (a condition that fails, put in by credential), to ``multi-user.target``: what remains is Debian.
Forwarding is patronusd's word in the journal that the generation runs, which follows its read-back at once. A
visitor of the admin page waits from READY=1 on, which is also when the page starts.
"""

from __future__ import annotations

import json
import os
import platform
import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from image.build import PROFILES, disk
from image.host import CHECKOUT
from qemu.errors import Timeout
from qemu.guest import shell_credentials
from qemu.machine import Machine
from qemu.run import answers, describe, free_port
from qemu.vm import Vm
from tests.bench.rows import Row, compare, table, write

UNITS = CHECKOUT / "rootfs/usr/lib/systemd/system"
RUNS = int(os.environ.get("BENCH_BOOTS", "3"))
LIMIT_S = 400.0
MICROSECOND = 1e-6


def without_patronus() -> dict[str, bytes]:
    """Return the credentials by which systemd skips every unit of Patronus."""
    skip = b"[Unit]\nConditionPathExists=/nonexistent\n"
    return {f"systemd.unit-dropin.{path.name}~bench": skip for path in sorted(UNITS.glob("patronus*.*"))}


def reached_s(vm: Vm, unit: str) -> float:
    """Return the seconds from kernel start to the unit's becoming active; waits for it. Raises Timeout."""
    vm.guest.wait_ready(timeout_s=LIMIT_S)
    vm.guest.wait_for_unit(unit, timeout_s=LIMIT_S)
    shown = vm.guest.succeed(f"systemctl show --value -p ActiveEnterTimestampMonotonic {unit}")
    return int(shown) * MICROSECOND


def forwarding_s(vm: Vm) -> float:
    """Return the seconds from kernel start to patronusd's word that packets pass; waits for READY=1."""
    reached_s(vm, "patronusd.service")
    entries = vm.guest.succeed("journalctl -b -u patronusd.service -o json --grep 'runs, packets pass'")
    return int(json.loads(entries.splitlines()[0])["__MONOTONIC_TIMESTAMP"]) * MICROSECOND


def uptime_s(vm: Vm) -> float:
    """Return the guest's seconds since kernel start, now."""
    return float(vm.guest.succeed("cut -d' ' -f1 /proc/uptime"))


def visited_s(vm: Vm, port: int) -> float:
    """Return the seconds from kernel start to an answer of the admin page. Raises Timeout."""
    deadline = time.monotonic() + LIMIT_S
    while not answers(port):
        if time.monotonic() > deadline:
            raise Timeout(f"no admin page in {LIMIT_S:.0f} s")
        time.sleep(0.1)
    return uptime_s(vm)


def machine(image: Path, port: int, *, memory_mib: int, extra: Mapping[str, bytes] | None = None) -> Machine:
    """Return the machine of ``make run`` with the harness's shell, closed to the outside."""
    plain = describe(image, port, wan_open=False, memory_mib=memory_mib)
    return replace(plain, credentials=shell_credentials() | dict(extra or {}))


def power_off(vm: Vm) -> None:
    """Let the guest switch itself off."""
    vm.guest.execute("systemctl poweroff --no-block")
    vm.wait_off()


def measure(image: Path) -> list[Row]:
    """Boot once for the first boot's sake, then ours and the peer in turns."""
    port = free_port()
    ours = machine(image, port, memory_mib=1024)
    bare = replace(ours, credentials=shell_credentials() | without_patronus())
    forwarding, page, multi_user = [], [], []
    with Vm(ours) as vm:
        vm.start()
        reached_s(vm, "patronusd.service")
        power_off(vm)
        for _ in range(RUNS):
            vm.start(machine=ours)
            forwarding.append(forwarding_s(vm))
            page.append(visited_s(vm, port))
            power_off(vm)
            vm.start(machine=bare)
            multi_user.append(reached_s(vm, "multi-user.target"))
            assert vm.guest.execute("systemctl is-active patronusd.service").code != 0, "the peer is not bare"
            version = vm.guest.succeed("uname -r").strip()
            power_off(vm)
    note = f"QEMU without KVM on {os.cpu_count()} CPUs of {platform.machine()}; second boots"
    peer = ("bare Debian, multi-user", version, multi_user)
    return [
        compare("boot-to-forwarding", "s", forwarding, *peer, goal=1.3, note=note),
        compare("boot-to-admin-page", "s", page, *peer, goal=1.8, note=note),
    ]


def main() -> int:
    """Measure, print and write; 1 when a goal is missed."""
    profile = sys.argv[1] if len(sys.argv) > 1 else "standard"
    if profile not in PROFILES:
        sys.exit(f"no such profile: {profile}")
    rows = measure(disk(profile))
    print(table(rows))
    print(write("boot", rows))
    return 0 if all(row.met for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
