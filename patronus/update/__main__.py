# SPDX-License-Identifier: GPL-2.0-or-later
"""``python3 -m patronus.update fetch|install``: one run of one of the two programs, as its unit starts it."""

from __future__ import annotations

import argparse
import logging
import sys
from pathlib import Path

from patronus.core.migrations import MIGRATIONS
from patronus.update import fetch, install
from patronus.update.machine import Facts, look
from patronus.update.task import Places

log = logging.getLogger("patronus-update")
RELEASE = Path("/usr/lib/os-release")
VERSION = "IMAGE_VERSION="


def _look() -> Facts:
    lines = RELEASE.read_text().splitlines()
    running = next((line.removeprefix(VERSION).strip('"') for line in lines if line.startswith(VERSION)), "")
    return look(running, MIGRATIONS.current)


def main() -> None:
    """Run once; the exit status is 1 where the task failed."""
    parser = argparse.ArgumentParser(prog="patronus.update", description=__doc__)
    parser.add_argument("program", choices=["fetch", "install"])
    program = parser.parse_args().program
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    places = Places()
    report = fetch.run(places) if program == "fetch" else install.run(places, _look)
    log.info("%s: %s", report.step or program, report.error or report.state)
    sys.exit(1 if report.state == "failed" else 0)


if __name__ == "__main__":
    main()
