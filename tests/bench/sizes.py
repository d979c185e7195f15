# SPDX-License-Identifier: GPL-2.0-or-later
"""Megabytes of the compressed download, the root slot that is used and the initrd, of every profile built."""

from __future__ import annotations

import os
import sys

from image.build import disk
from image.report import BUDGETS, MB, MEASURED, measured
from tests.bench.rows import Row, alone, table, write

PROFILES = os.environ.get("BENCH_PROFILES", "minimal standard").split()


def measure(profile: str) -> list[Row]:
    """Return the rows of one profile. Raises FileNotFoundError where it is not built."""
    sizes = zip(MEASURED, measured(disk(profile)), BUDGETS[profile], strict=True)
    return [
        alone(f"size-{profile}-{name.replace(' ', '-')}", "MB", [size / MB], goal=float(budget))
        for name, size, budget in sizes
    ]


def main() -> int:
    """Measure, print and write; 1 when a budget is overdrawn."""
    rows = [row for profile in PROFILES for row in measure(profile)]
    print(table(rows))
    print(write("sizes", rows))
    return 0 if all(row.met for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
