# SPDX-License-Identifier: GPL-2.0-or-later
"""``make bench``: run every bench, or those named, each where it belongs, and print one table.

A bench that breaks, and a row that is missing, fails; so does a goal that is missed. Each bench's rows are
in ``build/bench/NAME.json``.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from dataclasses import dataclass

from image.enter import command_line
from image.host import BuildError, complain
from tests.bench.rows import FOLDER, Row, table


@dataclass(frozen=True)
class Bench:
    """Where a bench runs, and the rows that it must bring."""

    rows: tuple[str, ...]
    in_tree: bool = True


SIZES = ("download", "root-slot-used", "initrd")
BENCHES = {
    "xdp": Bench(("xdp-pass-ipv4-tcp", "xdp-pass-ipv6-tcp", "xdp-drop-ipv4")),
    "blocklist": Bench(
        (
            "blocklist-drop-over-trie",
            "blocklist-pass-over-trie",
            "blocklist-100000-addresses",
            "blocklist-1000000-memory",
        ),
    ),
    "wire": Bench(("wire-drop-generic", "wire-drop-native")),
    "forwarding": Bench(("forwarding-cost", "forwarding-cost-masqueraded")),
    "boot": Bench(("boot-to-forwarding", "boot-to-admin-page", "boot-to-daemon")),
    "update": Bench(
        (
            "update-seconds",
            "update-bytes",
            "update-blocked-packets",
            "update-lost-connections",
            "update-reboot-to-forwarding",
        ),
    ),
    "memory": Bench(("memory-minimal", "memory-standard"), in_tree=False),
    "sizes": Bench(
        tuple(f"size-{profile}-{what}" for profile in ("minimal", "standard") for what in SIZES),
        in_tree=False,
    ),
    "build": Bench(("build-warm",), in_tree=False),
    "dns": Bench(
        (
            "dns-uncached-overhead",
            "dns-queries-per-second",
            "dns-cached-cpu-unbound",
            "dns-cached-cpu-dnsmasq",
            "dns-memory",
            "dns-memory-at-rest",
            "dns-memory-1000000-names",
        ),
    ),
    "dhcp": Bench(("dhcp-codec", "dhcp-leases-per-second", "dhcp-cpu-per-lease", "dhcp-memory")),
    "revert": Bench(("revert-one-rule", "revert-1000-rules")),
    "rules": Bench(
        (
            "block-one-address",
            "kernel-load-10000-rules",
            "packet-10000-rules",
            "packet-10000-rules-all-cold",
        ),
    ),
    "compile": Bench(("compile-10000-rules-memory",)),
    "reload": Bench(
        ("reload-10000-rules-firewalld", "reload-10000-rules-foomuuri", "reload-one-rule-firewalld"),
    ),
    "commit": Bench(
        (
            "commit-10000-rules",
            "commit-10000-rules-rest",
            "commit-one-of-10000",
            "plan-1000-interfaces",
            "read-p99-while-committing",
            "commit-daemon-memory",
        ),
    ),
}


def run(name: str, bench: Bench) -> tuple[list[Row], list[str]]:
    """Run one bench; return its rows and what was wrong with it."""
    path = FOLDER / f"{name}.json"
    path.unlink(missing_ok=True)
    words = ["-m", f"tests.bench.{name}"]
    command = command_line(["/usr/bin/python3", *words]) if bench.in_tree else [sys.executable, *words]
    print(f"\n== {name}", flush=True)
    done = subprocess.run(command, check=False, stdin=subprocess.DEVNULL)
    if not path.exists():
        return [], [f"{name}: ended with {done.returncode} and wrote nothing"]
    rows = [Row(**fields) for fields in json.loads(path.read_text())]
    missing = sorted(set(bench.rows) - {row.name for row in rows})
    wrong = [f"{name}: no row {row}" for row in missing]
    wrong += [f"{name}: {row.name} misses its goal" for row in rows if not row.met]
    if done.returncode != 0 and not wrong:
        wrong = [f"{name}: ended with {done.returncode}"]
    return rows, wrong


def main() -> int:
    """Run the benches; 1 when anything is wrong."""
    parser = argparse.ArgumentParser(prog="python3 -m tests.bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"any of {', '.join(BENCHES)}; default: all")
    names = parser.parse_args().names or list(BENCHES)
    if unknown := sorted(set(names) - BENCHES.keys()):
        parser.error(f"no bench is called {', '.join(unknown)}")
    rows: list[Row] = []
    wrong: list[str] = []
    try:
        for name in names:
            found, complaints = run(name, BENCHES[name])
            rows += found
            wrong += complaints
    except BuildError as error:
        complain(error)
    print(f"\n{table(rows)}\n" + "".join(f"\n{complaint}" for complaint in wrong))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
