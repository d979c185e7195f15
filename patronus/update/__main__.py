# SPDX-License-Identifier: GPL-2.0-or-later
"""``python3 -m patronus.update fetch|install|prove``: one run of a program, as its unit starts it."""

from __future__ import annotations

import argparse
import logging
import sys
from pathlib import Path

from patronus.core.errors import PatronusError
from patronus.core.migrations import MIGRATIONS
from patronus.update import fetch, install
from patronus.update.machine import Facts, entries, look
from patronus.update.prove import World, prove
from patronus.update.task import Places

log = logging.getLogger("patronus-update")
RELEASE = Path("/usr/lib/os-release")
VERSION = "IMAGE_VERSION="
ESP = Path("/boot")


def _running() -> str:
    lines = RELEASE.read_text().splitlines()
    return next((line.removeprefix(VERSION).strip('"') for line in lines if line.startswith(VERSION)), "")


def _look() -> Facts:
    return look(_running(), MIGRATIONS.current, ESP)


def _prove(places: Places) -> bool:
    """Return whether the boot may complete; one that cannot be judged has proved nothing."""
    try:
        return prove(_running(), places, World(lambda: entries(ESP)))
    except (PatronusError, OSError) as error:
        log.error("whether this version is healthy cannot be found out: %s", error)
        return False


def main() -> None:
    """Run once; the exit status is 1 where the task failed."""
    parser = argparse.ArgumentParser(prog="patronus.update", description=__doc__)
    parser.add_argument("program", choices=["fetch", "install", "prove"])
    program = parser.parse_args().program
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    places = Places()
    if program == "prove":
        sys.exit(0 if _prove(places) else 1)
    report = fetch.run(places) if program == "fetch" else install.run(places, _look)
    log.info("%s: %s", report.step or program, report.error or report.state)
    sys.exit(1 if report.state == "failed" else 0)


if __name__ == "__main__":
    main()
