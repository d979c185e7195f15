# SPDX-License-Identifier: GPL-2.0-or-later
"""An update over https of a router that forwards: seconds, bytes, and what of the traffic it costs.

The image of the standard profile runs in QEMU between a LAN and a WAN in namespaces, its WAN address
static. A host on the LAN sends a numbered datagram to one on the WAN every 20 ms, and holds connections open
through the router on which something goes there and back five times a second, while the router brings in a
later version (made from the image as in tests/vm/releases.py). Datagrams that never come out
and connections that break are counted until it is installed.

Then it restarts into the new version. What counts is the longest time in which no datagram came out; its peer
is the same router restarted as it was, in turns. Both are boots with all that the boot before could leave.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from image.build import disk
from image.host import BUILD
from image.keys import owner_keys
from image.release import version_of
from qemu.guest import shell_credentials
from qemu.machine import Machine
from qemu.topology import Host, Topology
from qemu.vm import Vm
from tests.bench.boot import CLIENT, LIMIT_S, ROUTER, SERVER, STATIC, reached_s
from tests.bench.rows import Row, alone, compare, table, write
from tests.bench.traffic import Connections, Datagrams
from tests.vm import releases
from tests.vm.updating import next_version, take_source

UPDATES = int(os.environ.get("BENCH_UPDATES", "2"))
CONNECTIONS = 5
APPLY_S = 1800.0
KEPT = "/var/lib/patronus/head-start"
MB = 1e6
SETTLED = (
    f"[ -e {KEPT} ] && (($(date +%s) - $(stat -c %Y {KEPT}) > 15)) && ! compgen -G '/boot/EFI/Linux/*+*'"
)
"""The version has proved itself, and what the next boot may begin with lies there."""


class Counting(releases.Quiet):
    """Counts the bytes of the files that it hands out."""

    sent = 0

    def copyfile(self, source: IO[bytes], outputfile: Any) -> None:  # type: ignore[override]
        """Hand out a file."""
        while piece := source.read(1 << 16):
            outputfile.write(piece)
            Counting.sent += len(piece)


@dataclass
class Figures:
    """What was measured, one of each a turn. ``bytes`` and ``release`` are of the same updates."""

    seconds: list[float] = field(default_factory=list)
    bytes: list[float] = field(default_factory=list)
    release: list[float] = field(default_factory=list)
    blocked: list[float] = field(default_factory=list)
    lost: list[float] = field(default_factory=list)
    restart: list[float] = field(default_factory=list)
    plain: list[float] = field(default_factory=list)


@dataclass
class Bench:
    """One router that forwards, and the hosts around it."""

    vm: Vm
    client: Host
    server: Host
    datagrams: Datagrams
    figures: Figures = field(default_factory=Figures)

    def settle(self) -> None:
        """Wait until what runs has proved itself and has left the next boot what it can."""
        reached_s(self.vm, "multi-user.target")
        self.vm.guest.wait_until_succeeds(SETTLED, timeout_s=LIMIT_S * 2)
        self.vm.guest.succeed("sync")

    def restart_s(self) -> float:
        """Restart; return the longest time in which nothing came out."""
        began = time.monotonic()
        self.vm.guest.succeed("systemctl reboot --no-block")
        self.vm.qmp.wait_event("RESET", timeout_s=LIMIT_S)
        self.datagrams.await_one(time.monotonic(), LIMIT_S)
        self.settle()
        return self.datagrams.longest_gap_s(began)

    def update(self, image: Path, folder: Path, new: str) -> None:
        """Bring in a later version, and restart into it."""
        folder.mkdir()
        made = releases.later(image, image, folder, new, version_of(image), owner_keys())
        source = releases.write_release(made, owner_keys(), folder / "release")
        made.unlink()
        self.figures.release.append(_megabytes(source))
        with releases.offered(self.server, SERVER, source, folder, Counting) as (url, certificate):
            take_source(self.vm.guest, url, certificate)
            self.settle()
            self._apply()
        self.figures.restart.append(self.restart_s())
        said = json.loads(self.vm.guest.succeed("patronus --json update status", timeout_s=LIMIT_S))
        assert said["running"] == new

    def _apply(self) -> None:
        """Let the router install what is offered, and count meanwhile."""
        Counting.sent = 0
        connections = Connections(self.client, self.server, SERVER, CONNECTIONS)
        with connections.open():
            began = time.monotonic()
            self.vm.guest.succeed("patronus update apply", timeout_s=APPLY_S)
            ended = time.monotonic()
        sent, missing = self.datagrams.counted(began, ended)
        assert sent > (ended - began), "hardly anything was sent"
        self.figures.seconds.append(ended - began)
        self.figures.bytes.append(Counting.sent / MB)
        self.figures.blocked.append(missing)
        self.figures.lost.append(len(connections.lost))


def _megabytes(folder: Path) -> float:
    return sum(path.stat().st_size for path in folder.iterdir()) / MB


@contextmanager
def router(image: Path) -> Iterator[Bench]:
    """Start a router that forwards, and what goes through it."""
    with Topology() as net:
        lan, wan = net.segment("lan"), net.segment("wan")
        client = lan.host("client", f"{CLIENT}/24", gateway=ROUTER)
        server = wan.host("server", f"{SERVER}/24")
        nics = (lan.nic(), wan.nic())
        machine = Machine(image, nics=nics, memory_mib=1024, cpus=2, credentials=shell_credentials())
        datagrams = Datagrams(client, server, nics[0].mac, (CLIENT, SERVER))
        with Vm(machine) as vm, datagrams.running():
            vm.start()
            bench = Bench(vm, client, server, datagrams)
            reached_s(vm, "patronusd.service")
            vm.guest.succeed(STATIC, timeout_s=LIMIT_S)
            bench.settle()
            yield bench


def measure(image: Path) -> list[Row]:
    """Restart as it is and with a later version, in turns."""
    BUILD.mkdir(exist_ok=True)
    with router(image) as bench, tempfile.TemporaryDirectory(dir=BUILD) as scratch:
        version = version_of(image)
        for turn in range(UPDATES):
            version = next_version(version)
            bench.figures.plain.append(bench.restart_s())
            bench.update(image, Path(scratch, str(turn)), version)
    return rows(bench.figures)


def rows(found: Figures) -> list[Row]:
    """Return the rows of what was measured."""
    note = (
        f"QEMU without KVM on {os.cpu_count()} CPUs; the router downloads, unpacks and reads back meanwhile"
    )
    unasked = f"no goal was asked for, and no peer writes the same slot; {note}"
    release = ("the release's files", "same", found.release)
    plain = ("a plain reboot", "same", found.plain)
    return [
        alone("update-seconds", "s", found.seconds, goal=None, note=unasked),
        compare("update-bytes", "MB", found.bytes, *release, goal=1.0, note=note),
        alone("update-blocked-packets", "datagrams", found.blocked, goal=0, note=note),
        alone("update-lost-connections", f"of {CONNECTIONS}", found.lost, goal=0, note=note),
        compare("update-reboot-to-forwarding", "s", found.restart, *plain, goal=1.1, note=note),
    ]


def main() -> int:
    """Measure, print and write; 1 when a goal is missed."""
    found = measure(disk("standard"))
    print(table(found))
    print(write("update", found))
    return 0 if all(row.met for row in found) else 1


if __name__ == "__main__":
    sys.exit(main())
