# SPDX-License-Identifier: GPL-2.0-or-later
"""``python3 -m patronus.dyndns TASK REPORT``: one run, as ``patronus-dyndns.service`` starts it."""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path

from patronus.core.errors import PatronusError
from patronus.dyndns.tell import run

log = logging.getLogger("patronus-dyndns")


def main() -> None:
    """Run once. A provider that takes nothing is no failure of the run: why is in the report."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    os.umask(0o022)  # patronusd reads the report as another user
    try:
        run(*map(Path, sys.argv[1:3]))
    except PatronusError as error:
        log.error("%s", error)
        sys.exit(1)


if __name__ == "__main__":
    main()
