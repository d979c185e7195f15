# SPDX-License-Identifier: GPL-2.0-or-later
"""Seconds of a commit: 10,000 rules at once, and one rule changed on top of them; the daemon's memory then.

Run as root in the test tree: ``python3 -m tests.bench.commit``. A real patronusd in a namespace of its own is
called over its socket, and through the REST application that the web server runs; a commit ends when the
rules are in the kernel, durable, and read back. Beside the seconds stand the daemon's own of processor time,
which tell more on a machine that does other things.
"""

from __future__ import annotations

import json
import multiprocessing
import statistics
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from random import Random
from typing import Any

from patronus.client import Client
from tests.bench.clock import Stopwatch, worked_s
from tests.bench.process import Measured
from tests.bench.rows import Row, alone, table, write
from tests.netns.daemon.machine import Machine
from tests.netns.interfaces.conftest import put_image_files
from webui.app import create_app

RULES = 10_000
RUNS = 5
INTERFACES = 1000
FILE = "firewall/rules.yaml"
SETTLED_S, QUIET_S = 120, 0.02
"""How long to wait at most for a daemon that works no more than this in a second."""
READ = "config.Pending"
"""A call that a face makes all the time."""


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


def over_socket(machine: Machine, content: str) -> None:
    """Commit the file; it must have come to something."""
    said = machine.call("config.Load", files={FILE: content})
    assert said["changes"], said


class RestClient:
    """An API client, but for TLS: the web server's application, and a session of an administrator."""

    def __init__(self, machine: Machine) -> None:
        password = "a router that lives for this bench"
        machine.call("accounts.Add", name="bench", password=password, role="admin")
        token = machine.call("accounts.LogIn", name="bench", password=password)["token"]
        self._headers = {"Authorization": f"Bearer {token}", "If-Match": "*"}
        self._client = create_app(machine.places.run / "patronus.sock").test_client()
        assert self._client.get("/api/v1/session", headers=self._headers).status_code == 200

    def commit(self, machine: Machine, content: str) -> None:
        """Commit the file; it must have come to something."""
        body = {"files": {FILE: content}}
        answer = self._client.put("/api/v1/config", json=body, headers=self._headers)
        assert answer.status_code == 200, answer.text
        assert answer.json is not None
        assert answer.json["changes"], answer.text


def processor_s(machine: Machine) -> float:
    """Return the processor time that the daemon has had."""
    assert machine.daemon is not None
    return worked_s(machine.daemon.pid)


def settle(machine: Machine) -> None:
    """Wait until the daemon rests: after its start, the schemas for editors are a second's work."""
    end, before = time.monotonic() + SETTLED_S, -1.0
    while (now := processor_s(machine)) - before > QUIET_S and time.monotonic() < end:
        before = now
        time.sleep(1)


def resident_mb(machine: Machine) -> float:
    """Return the memory of the daemon's process that no other shares."""
    assert machine.daemon is not None
    return Measured(machine.daemon.pid).memory_mb()


Wait = tuple[float, float]
"""Milliseconds that a call took, and those of processor time that the daemon had meanwhile."""


def _read_all_the_time(socket: Path, daemon: int, told: Connection) -> None:
    """Call, and call again ten milliseconds later, until told to stop; send what each call waited."""
    waits = []
    with Client(socket) as client:
        while not told.poll(0.01):
            worked, start = worked_s(daemon), time.perf_counter()
            client.call(READ, {})
            waits.append((1000 * (time.perf_counter() - start), 1000 * (worked_s(daemon) - worked)))
    told.send(waits)


@contextmanager
def reading(machine: Machine, into: list[Wait]) -> Iterator[None]:
    """Let another process read all the time, and collect how long its calls waited."""
    assert machine.daemon is not None
    ours, theirs = multiprocessing.Pipe()
    given = machine.places.run / "patronus.sock", machine.daemon.pid, theirs
    process = multiprocessing.get_context("fork").Process(target=_read_all_the_time, args=given)
    process.start()
    try:
        yield
    finally:
        ours.send(None)
        into += ours.recv()
        process.join()


def many_interfaces(count: int) -> str:
    """Return a file of VLANs with an address each, beside those that the router has."""
    lines = [
        f"  - {{id: v{at}, vlan: {{parent: lan, tag: {at + 2}}},"
        f" ipv4: {{method: static, addresses: [10.{at >> 8}.{at & 255}.1/24]}}}}\n"
        for at in range(count)
    ]
    return "".join(lines)


def plan_only(machine: Machine) -> None:
    """Check and plan an interfaces file of a thousand without applying it."""
    there = machine.call("config.Show")["files"]["network/interfaces.yaml"]
    wanted = f"{there.rstrip()}\n{many_interfaces(INTERFACES)}"
    said = machine.call("config.Check", files={"network/interfaces.yaml": wanted})
    assert said["changes"], said


def measure(machine: Machine) -> list[Row]:
    """Commit all rules into an empty firewall, then change one in the middle, again and again."""
    wanted = rules(Random(1))
    whole, rest, one, plan = (Stopwatch(lambda: processor_s(machine)) for _ in range(4))
    reads: list[Wait] = []
    for commit, watch in ((over_socket, whole), (RestClient(machine).commit, rest)):
        with reading(machine, reads):
            watch.time(lambda: commit(machine, text(wanted)))  # noqa: B023 - called at once
        for number in range(RUNS):
            wanted[RULES // 2] = {**wanted[RULES // 2], "destination_port": [number + 1]}
            with reading(machine, reads):
                one.time(lambda: commit(machine, text(wanted)))  # noqa: B023 - called at once
        settle(machine)
        memory = resident_mb(machine)
        over_socket(machine, "rules: []\n")
    for _ in range(RUNS):
        plan.time(lambda: plan_only(machine))
    late, worked = (statistics.quantiles(column, n=100)[98] for column in zip(*reads, strict=True))
    said = f"{worked:.0f} ms of the daemon's processor time; {len(reads)} calls of {READ}"
    no_peer = "absolute goal of the engine's issue, on this machine"
    return [
        whole.row("commit-10000-rules", 1.0),
        rest.row("commit-10000-rules-rest", 1.0),
        one.row("commit-one-of-10000", 0.15),
        plan.row("plan-1000-interfaces", 1.0),
        alone("read-p99-while-committing", "ms", [late], goal=20.0, note=said),
        alone("commit-daemon-memory", "MB", [memory], goal=120.0, note=no_peer),
    ]


def main() -> int:
    """Measure, print and write; 1 when a goal is missed."""
    put_image_files()
    machine = Machine()
    try:
        machine.start()
        settle(machine)
        rows = measure(machine)
    finally:
        machine.close()
    print(table(rows))
    print(write("commit", rows))
    return 0 if all(row.met for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
