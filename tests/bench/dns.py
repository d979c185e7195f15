# SPDX-License-Identifier: GPL-2.0-or-later
"""The DNS server against unbound and dnsmasq: processor time and memory of cached answers, and delay.

Run as root in the test tree: ``python3 -m tests.bench.dns``. All three forward to one upstream in a namespace
of the test; each is asked for the same names until it has them, the upstream is stopped, and then each is
asked in turns. What counts is the processor time of its threads from schedstat, not of the client.
"""

from __future__ import annotations

import re
import socket
import statistics
import struct
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from patronus.core.verb import Nothing
from tests.bench.process import Measured, running
from tests.bench.rows import Row, alone, compare, table, version, write
from tests.netns.lab import Namespace
from tests.netns.services.network import ROOT, Router, wait_for

NAMES, WINDOW = 100, 32
QUERIES, RUNS = 20_000, 7
BLOCKED = 1_000_000
UNCACHED = 300
DNSPERF_S, DNSPERF_RUNS = 3, 3
COMPLETED = re.compile(r"Queries completed:\s+\d+ \(([\d.]+)%\)")
RATE = re.compile(r"Queries per second:\s+([\d.]+)")
ANSWERED = 99.0
"""Of a hundred questions of dnsperf so many must be answered."""
ROUTER, UPSTREAM = "192.168.1.1", "203.0.113.1"
UNBOUND_PORT, DNSMASQ_PORT = 5301, 5302
A_IN = struct.pack("!HH", 1, 1)
HEADER = struct.Struct("!HHHHHH")
RECURSION_DESIRED = 0x0100
RCODE = 0x000F
UNBOUND = f"""
server:
  interface: {ROUTER}@{UNBOUND_PORT}
  access-control: 192.168.1.0/24 allow
  num-threads: 1
  module-config: "iterator"
  do-daemonize: no
  use-syslog: no
  username: ""
  chroot: ""
  pidfile: ""
  local-zone: "example." nodefault
forward-zone:
  name: "."
  forward-addr: {UPSTREAM}
remote-control:
  control-enable: no
"""
WORLD = (
    "dnsmasq", "--keep-in-foreground", "--no-resolv", "--no-hosts", "--bind-interfaces", "--pid-file=",
    f"--listen-address={UPSTREAM}", "--local-ttl=3600", "--user=root",
    "--address=/bench.example/198.51.100.7",
)  # fmt: skip
DNSMASQ = (
    "dnsmasq", "--keep-in-foreground", "--no-resolv", "--no-hosts", "--bind-interfaces", "--pid-file=",
    f"--listen-address={ROUTER}", f"--port={DNSMASQ_PORT}", f"--server={UPSTREAM}", "--cache-size=1000",
    "--dns-forward-max=1000", "--user=root",
)  # fmt: skip


@dataclass(frozen=True)
class Asked(Measured):
    """A server under measurement, and the port where it answers."""

    port: int


def query(number: int, host: str = "") -> bytes:
    """Return a question for the A record of a host, or of one of the names."""
    labels = (host or f"host-{number % NAMES}", "bench", "example")
    name = b"".join(bytes((len(label),)) + label.encode() for label in labels) + b"\0"
    return HEADER.pack(number & 0xFFFF, RECURSION_DESIRED, 1, 0, 0, 0) + name + A_IN


def ask(end: socket.socket, questions: Sequence[bytes]) -> None:
    """Send the questions, WINDOW at a time; every answer must be there, with a record, without an error.

    An answer to what was asked before, which came too late then, is none.
    """
    for start in range(0, len(questions), WINDOW):
        part = questions[start : start + WINDOW]
        for question in part:
            end.send(question)
        waiting = {question[:2] for question in part}
        while waiting:
            reply = end.recv(512)
            if reply[:2] in waiting:
                waiting.remove(reply[:2])
                _, flags, _, answers, _, _ = HEADER.unpack_from(reply)
                assert flags & RCODE == 0 and answers == 1, (end.getpeername(), flags, answers)


def connected(namespace: Namespace, port: int) -> socket.socket:
    """Return a client's socket."""
    with namespace:
        end = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    end.settimeout(5.0)
    end.connect((ROUTER, port))
    return end


def warm(router: Router, end: socket.socket) -> None:
    """Ask for every name once, from the moment the server answers at all."""

    def there() -> bool:
        try:
            ask(end, [query(0)])
        except (OSError, AssertionError):  # also where the upstream is not up yet
            return False
        return True

    wait_for(there)
    for number in range(NAMES):
        ask(end, [query(number)])


def measure(router: Router, folder: Path) -> list[Row]:
    """Start the peers, fill all caches, stop the upstream, measure in turns."""
    router.lan.ip("addr add 192.168.1.50/24 dev eth0")
    router.apply(dns={"listen": ["lan"], "upstreams": [{"id": "up", "address": UPSTREAM}]})
    config = folder / "unbound.conf"
    config.write_text(UNBOUND)
    with ExitStack() as stack:
        asked = {"ours": Asked(router.dns_server.process.pid, 53)}
        with running(router.wan, *WORLD):
            for name, port, command in (
                ("unbound", UNBOUND_PORT, ("unbound", "-d", "-c", str(config))),
                ("dnsmasq", DNSMASQ_PORT, DNSMASQ),
            ):
                asked[name] = Asked(stack.enter_context(running(router.namespace, *command)), port)
            ends = {name: connected(router.lan, one.port) for name, one in asked.items()}
            for end in ends.values():
                warm(router, end)
            rows = [uncached(router, ends["ours"])]
        rows.append(by_dnsperf(router, asked, folder))
        cpu = in_turns(asked, ends)
        memory = {name: [one.memory_mb()] for name, one in asked.items()}
        for end in ends.values():
            end.close()
    versions = {name: version(package) for name, package in PACKAGES.items()}
    rows += [
        compare(f"dns-cached-cpu-{name}", "us", cpu["ours"], name, versions[name], cpu[name], goal=1.0)
        for name in PACKAGES
    ]
    peer = ("unbound", versions["unbound"], memory["unbound"])
    rows.append(compare("dns-memory", "MB", memory["ours"], *peer, goal=2.0))
    rows.append(
        alone("dns-memory-at-rest", "MB", memory["ours"], goal=40.0, note="with the cache of the bench")
    )
    return [*rows, blocking(router, asked["ours"], folder)]


def took_ms(end: socket.socket, question: bytes) -> float:
    """Return the milliseconds until the answer has come."""
    start = time.perf_counter()
    ask(end, [question])
    return (time.perf_counter() - start) * 1e3


def uncached(router: Router, ours: socket.socket) -> Row:
    """Return what asking us takes longer than asking our upstream itself, for names that nobody knows yet.

    The two are asked in turns, question by question.
    """
    with router.namespace:
        upstream = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    upstream.settimeout(5.0)
    upstream.connect((UPSTREAM, 53))
    longer, itself = [], []
    for run in range(RUNS):
        theirs, by_us = [], []
        for number in range(UNCACHED):
            question = query(number, f"fresh-{run}-{number}")
            theirs.append(took_ms(upstream, question))
            by_us.append(took_ms(ours, question))
        itself.append(statistics.median(theirs))
        longer.append(statistics.median(by_us) - itself[-1])
    upstream.close()
    note = f"the upstream itself takes {statistics.median(itself):.3f} ms"
    return alone("dns-uncached-overhead", "ms", longer, goal=0.5, note=note)


def by_dnsperf(router: Router, asked: dict[str, Asked], folder: Path) -> Row:
    """Return how many cached answers a second dnsperf sees, which shares the processors with the server."""
    names = folder / "names"
    names.write_text("".join(f"host-{number}.bench.example A\n" for number in range(NAMES)))
    seen: dict[str, list[float]] = {"ours": [], "unbound": []}
    for _ in range(DNSPERF_RUNS):
        for name, found in seen.items():
            command = ["dnsperf", "-s", ROUTER, "-p", str(asked[name].port), "-d", str(names)]
            said = router.lan.run(*command, "-l", str(DNSPERF_S), "-t", "5")
            completed, rate = COMPLETED.search(said), RATE.search(said)
            assert completed is not None and rate is not None, said
            assert float(completed[1]) > ANSWERED, said
            found.append(float(rate[1]))
    peer = ("unbound", version("unbound"), seen["unbound"])
    note = "a check alone: the client takes most of the processor"
    return compare("dns-queries-per-second", "/s", seen["ours"], *peer, goal=None, better="higher", note=note)


def blocking(router: Router, ours: Asked, folder: Path) -> Row:
    """Return the memory of the server with a list of a million names."""
    lists = folder / "blocklists"
    lists.mkdir()
    names = (f"0.0.0.0 host-{number}.ads-{number % 1000}.example\n" for number in range(BLOCKED))
    (lists / "many.txt").write_text("".join(names))
    before_us = ours.cpu_us()
    router.apply(
        dns={
            "listen": ["lan"],
            "upstreams": [{"id": "up", "address": UPSTREAM}],
            "blocklists": [{"id": "many", "file": "many.txt"}],
        }
    )
    wait_for(lambda: router.ask_dns.status(ROOT, Nothing()).blocked_names == BLOCKED)
    note = f"read in {(ours.cpu_us() - before_us) / 1e6:.1f} s of processor time"
    return alone("dns-memory-1000000-names", "MB", [ours.memory_mb()], goal=150.0, note=note)


PACKAGES = {"unbound": "unbound", "dnsmasq": "dnsmasq-base"}


def in_turns(asked: dict[str, Asked], ends: dict[str, socket.socket]) -> dict[str, list[float]]:
    """Return the microseconds of processor time per query of each server, run by run."""
    questions = [query(number) for number in range(QUERIES)]
    taken: dict[str, list[float]] = {name: [] for name in asked}
    for _ in range(RUNS):
        for name, one in asked.items():
            before = one.cpu_us()
            ask(ends[name], questions)
            taken[name].append((one.cpu_us() - before) / QUERIES)
    return taken


def main() -> int:
    """Measure, print and write; 1 when a goal is missed."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        router = Router(Path(name))
        try:
            rows = measure(router, Path(name))
        finally:
            router.close()
    print(table(rows))
    print(write("dns", rows))
    return 0 if all(row.met for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
