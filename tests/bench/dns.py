# SPDX-License-Identifier: GPL-2.0-or-later
"""Processor time and memory of the DNS server for answers from its cache, against unbound and dnsmasq.

Run as root in the test tree: ``python3 -m tests.bench.dns``. All three forward to one upstream in a namespace
of the test; each is asked for the same names until it has them, the upstream is stopped, and then each is
asked in turns. What counts is the processor time of its threads from schedstat, not of the client.
"""

from __future__ import annotations

import socket
import struct
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from patronus.core.verb import Nothing
from tests.bench.rows import Row, alone, compare, table, version, write
from tests.netns.lab import Namespace
from tests.netns.services.network import ROOT, Router, wait_for

NAMES, WINDOW = 100, 32
QUERIES, RUNS = 20_000, 7
BLOCKED = 1_000_000
ROUTER, UPSTREAM = "192.168.1.1", "203.0.113.1"
UNBOUND_PORT, DNSMASQ_PORT = 5301, 5302
A_IN = struct.pack("!HH", 1, 1)
HEADER = struct.Struct("!HHHHHH")
RECURSION_DESIRED = 0x0100
RCODE = 0x000F
MEGABYTE = 1e6
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
class Asked:
    """A server under measurement."""

    pid: int
    port: int

    def cpu_us(self) -> float:
        """Return the microseconds that all its threads have run."""
        tasks = Path(f"/proc/{self.pid}/task").iterdir()
        return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e3

    def memory_mb(self) -> float:
        """Return its proportional set size."""
        lines = Path(f"/proc/{self.pid}/smaps_rollup").read_text().splitlines()
        kib = next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
        return kib * 1024 / MEGABYTE


def query(number: int) -> bytes:
    """Return a question for the A record of one of the names."""
    labels = (f"host-{number % NAMES}", "bench", "example")
    name = b"".join(bytes((len(label),)) + label.encode() for label in labels) + b"\0"
    return HEADER.pack(number & 0xFFFF, RECURSION_DESIRED, 1, 0, 0, 0) + name + A_IN


def ask(end: socket.socket, questions: Sequence[bytes]) -> None:
    """Send the questions, WINDOW at a time; every answer must be there, with a record, without an error."""
    for start in range(0, len(questions), WINDOW):
        part = questions[start : start + WINDOW]
        for question in part:
            end.send(question)
        for _ in part:
            _, flags, _, answers, _, _ = HEADER.unpack_from(end.recv(512))
            assert flags & RCODE == 0 and answers == 1, (flags, answers)


@contextmanager
def running(namespace: Namespace, *command: str) -> Iterator[int]:
    """Run a server in the namespace; yields its process id."""
    with namespace:
        process = subprocess.Popen(command)
    try:
        yield process.pid
    finally:
        process.kill()
        process.wait()


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
        cpu = in_turns(asked, ends)
        memory = {name: [one.memory_mb()] for name, one in asked.items()}
        for end in ends.values():
            end.close()
    versions = {name: version(package) for name, package in PACKAGES.items()}
    rows = [
        compare(f"dns-cached-cpu-{name}", "us", cpu["ours"], name, versions[name], cpu[name], goal=1.0)
        for name in PACKAGES
    ]
    peer = ("unbound", versions["unbound"], memory["unbound"])
    rows.append(compare("dns-memory", "MB", memory["ours"], *peer, goal=2.0))
    return [*rows, blocking(router, asked["ours"], folder)]


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
