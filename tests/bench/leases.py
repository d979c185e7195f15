# SPDX-License-Identifier: GPL-2.0-or-later
"""Leases a second and processor time of a lease, against Kea with its memfile; Kea's perfdhcp is the hosts.

perfdhcp speaks as a relay does: each host has the four messages of a new lease. Both servers keep their
leases on the disk of the checkout; ours waits until they are there, Kea does not. The leases are counted
after a SIGKILL: one that was acknowledged and is not there breaks the bench.
"""

from __future__ import annotations

import json
import os
import re
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.bench.process import Measured, running
from tests.bench.rows import Row, alone, compare, version
from tests.netns.lab import Namespace, connect
from tests.netns.services.network import Router, wait_for

RATES = (3000, 6000, 9000)
"""Hosts a second that ask; the time of a lease is taken at the first, which both must reach nearly."""
HOSTS, RUNS = 6000, 3
REACHED = 0.9
RELAY, SERVER = "10.0.0.2", "192.168.1.1"
NETWORK, RANGE = "10.0.0.0/8", "10.1.0.0-10.4.255.255"
PERFDHCP = ("perfdhcp", "-4", "-l", "eth0")
RATE = re.compile(r"Rate: ([\d.]+) 4-way")
RECEIVED = re.compile(r"received packets: (\d+)")
KEA = {
    "Dhcp4": {
        "interfaces-config": {"interfaces": ["lan0"]},
        "valid-lifetime": 3600,
        "multi-threading": {"enable-multi-threading": False},
        "subnet4": [{"id": 1, "subnet": NETWORK, "pools": [{"pool": RANGE}]}],
        "loggers": [{"name": "kea-dhcp4", "severity": "ERROR", "output_options": [{"output": "stderr"}]}],
    }
}


@dataclass(frozen=True)
class Asked:
    """A server, and the namespace in which its hosts are."""

    server: Measured
    hosts: Namespace


@dataclass(frozen=True)
class Told:
    """What perfdhcp saw of one run, and what the server worked for each lease."""

    leases_s: float
    acknowledged: int
    cpu_us: float


def ask(asked: Asked, rate: int, run: int, hosts: int = HOSTS) -> Told:
    """Let new hosts ask at a rate."""
    before = asked.server.cpu_us()
    command = [*PERFDHCP, "-r", str(rate), "-R", str(hosts), "-n", str(hosts)]
    command += ["-b", f"mac=0c:01:{run:02x}:00:00:00"]
    with asked.hosts:
        said = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    rate_found, received = RATE.search(said), RECEIVED.findall(said)
    assert rate_found is not None and len(received) == 2, said
    acknowledged = int(received[1])
    return Told(float(rate_found[1]), acknowledged, (asked.server.cpu_us() - before) / max(acknowledged, 1))


@contextmanager
def kea(folder: Path) -> Iterator[Asked]:
    """Run Kea in a network of its own, like ours in every address."""
    router, hosts = Namespace(), Namespace()
    connect(router, "lan0", hosts, "eth0")
    router.ip(f"addr add {SERVER}/24 dev lan0")
    router.ip(f"route add {NETWORK} dev lan0")
    hosts.ip(f"addr add {RELAY}/8 dev eth0")
    hosts.ip("route add 192.168.1.0/24 dev eth0")
    leases = {"type": "memfile", "persist": True, "name": str(folder / "kea.csv"), "lfc-interval": 0}
    config = folder / "kea.json"
    config.write_text(json.dumps({"Dhcp4": {**KEA["Dhcp4"], "lease-database": leases}}))
    folders = dict.fromkeys(("KEA_PIDFILE_DIR", "KEA_LOCKFILE_DIR", "KEA_DHCP_DATA_DIR"), str(folder))
    with running(router, "kea-dhcp4", "-c", str(config), environment={**os.environ, **folders}) as pid:
        asked = Asked(Measured(pid), hosts)
        wait_for(lambda: ask(asked, 10, 0xFF, hosts=1).acknowledged > 0)
        yield asked
    for namespace in (router, hosts):
        namespace.close()


def measure(folder: Path) -> list[Row]:
    """Start both and ask them in turns."""
    router = Router(folder)
    try:
        router.namespace.ip(f"route add {NETWORK} dev lan0")
        router.lan.ip(f"addr add {RELAY}/8 dev eth0")
        router.lan.ip("route add 192.168.1.0/24 dev eth0")
        pool = {"id": "bench", "interface": "lan", "subnet": NETWORK, "relays": [RELAY], "ranges": [RANGE]}
        router.apply(dhcp={"pools": [pool]})
        ours = Asked(Measured(router.dhcp_server.process.pid), router.lan)
        memory = alone("dhcp-memory", "MB", [ours.server.memory_mb()], goal=40.0)
        with kea(folder) as theirs:
            rows = _in_turns(ours, theirs, folder, router)
    finally:
        router.close()
    return [*rows, memory]


def _in_turns(ours: Asked, theirs: Asked, folder: Path, router: Router) -> list[Row]:
    found: dict[str, list[list[Told]]] = {"ours": [], "kea": []}
    for run in range(RUNS):
        for name, asked in (("ours", ours), ("kea", theirs)):
            found[name].append([ask(asked, rate, run * len(RATES) + at) for at, rate in enumerate(RATES)])
    router.dhcp_server.kill()
    acknowledged = sum(told.acknowledged for run in found["ours"] for told in run)
    with closing(sqlite3.connect(folder / "state-dhcp" / "dhcp-leases.db")) as database:
        kept = database.execute("SELECT count(*) FROM leases WHERE state = 'active'").fetchone()[0]
    assert kept >= acknowledged, f"{acknowledged} leases were acknowledged, and {kept} are on the disk"
    router.dhcp_server.start()
    router.settled()
    peer = ("kea", version("kea-dhcp4-server"))
    fastest = {name: [max(told.leases_s for told in run) for run in runs] for name, runs in found.items()}
    worked = {name: [run[0].cpu_us for run in runs] for name, runs in found.items()}
    slow = min(run[0].leases_s for runs in found.values() for run in runs) < REACHED * RATES[0]
    note = f"{acknowledged} leases acknowledged, all on the disk after a SIGKILL"
    busy = f"{RATES[0]} a second were not reached: a busy machine" if slow else f"at {RATES[0]} a second"
    return [
        compare(
            "dhcp-leases-per-second", "/s", fastest["ours"], *peer, fastest["kea"], goal=1.0, better="higher",
            note=note,
        ),
        compare("dhcp-cpu-per-lease", "us", worked["ours"], *peer, worked["kea"], goal=0.7, note=busy),
    ]  # fmt: skip


def measured() -> list[Row]:
    """Measure in a folder on the disk of the checkout: in the test tree, /tmp is memory."""
    place = Path("build/bench")
    place.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=place.absolute()) as name:
        Path(name).chmod(0o755)
        return measure(Path(name))
