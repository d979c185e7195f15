# SPDX-License-Identifier: GPL-2.0-or-later
"""Seconds to build an image again after a change in Python, against a full build with an empty image cache.

Trees and downloaded packages stay: they are the machine's, not the image's. A change in Python shows in the
build's fingerprint alone, so removing the fingerprint is that change without an edit of the checkout.
"""

from __future__ import annotations

import os
import sys
import time

from image.build import build, folder
from image.host import as_root, cache, run
from image.mkosi import VERSION
from tests.bench.rows import Row, compare, table, write

PROFILE = os.environ.get("PROFILE", "standard")
RUNS = 2


def timed() -> float:
    """Return the seconds that a build takes now."""
    start = time.monotonic()
    build(PROFILE)
    return time.monotonic() - start


def forget(*, base: bool) -> None:
    """Make the next build do its work; ``base``: from the packages on."""
    (folder(PROFILE) / ".fingerprint").unlink(missing_ok=True)
    if base:
        run(as_root(["rm", "-rf", "--one-file-system", str(cache() / "image" / PROFILE)]))


def measure() -> list[Row]:
    """Build whole once, then again after changes."""
    forget(base=True)
    full = timed()
    warm = []
    for _ in range(RUNS):
        forget(base=False)
        warm.append(timed())
    note = f"profile {PROFILE}, {os.cpu_count()} CPUs; full: empty image cache, packages downloaded before"
    row = compare("build-warm", "s", warm, "full build", f"mkosi {VERSION}", [full], goal=0.3, note=note)
    return [row]


def main() -> int:
    """Measure, print and write; 1 when the goal is missed."""
    rows = measure()
    print(table(rows))
    print(write("build", rows))
    return 0 if all(row.met for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
