# SPDX-License-Identifier: GPL-2.0-or-later
"""A server process under measurement: what it works and what it holds."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.netns.lab import Namespace

MEGABYTE = 1e6


@dataclass(frozen=True)
class Measured:
    """A running process."""

    pid: int

    def cpu_us(self) -> float:
        """Return the microseconds that all its threads have run (schedstat)."""
        tasks = Path(f"/proc/{self.pid}/task").iterdir()
        return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e3

    def memory_mb(self) -> float:
        """Return its proportional set size."""
        lines = Path(f"/proc/{self.pid}/smaps_rollup").read_text().splitlines()
        kib = next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
        return kib * 1024 / MEGABYTE


@contextmanager
def running(
    namespace: Namespace, *command: str, environment: Mapping[str, str] | None = None
) -> Iterator[int]:
    """Run a server in the namespace; yields its process id."""
    with namespace:
        process = subprocess.Popen(command, env=environment)
    try:
        yield process.pid
    finally:
        process.kill()
        process.wait()
