# SPDX-License-Identifier: GPL-2.0-or-later
"""``python3 -m patronus.update PROGRAM``: one run of one of the programs, as its unit starts it."""

from __future__ import annotations

import argparse
import logging
import sys

from patronus.core.errors import PatronusError
from patronus.core.migrations import MIGRATIONS
from patronus.update import check, disk_install, fetch, install, running
from patronus.update.machine import Facts, entries, look
from patronus.update.prove import World as Health
from patronus.update.prove import prove
from patronus.update.task import Places

log = logging.getLogger("patronus-update")


def _look() -> Facts:
    return look(running.version(), MIGRATIONS.current, running.ESP)


def _prove(places: Places) -> bool:
    """Return whether the boot may complete; one that cannot be judged has proved nothing."""
    try:
        return prove(running.version(), places, Health(lambda: entries(running.ESP)))
    except (PatronusError, OSError) as error:
        log.error("whether this version is healthy cannot be found out: %s", error)
        return False


def main() -> None:
    """Run once; the exit status is 1 where the task failed."""
    parser = argparse.ArgumentParser(prog="patronus.update", description=__doc__)
    parser.add_argument("program", choices=["fetch", "install", "prove", "disk-install", "check"])
    program = parser.parse_args().program
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    places = Places()
    if program == "check":
        check.run(places)
        return
    if program == "prove":
        sys.exit(0 if _prove(places) else 1)
    if program == "disk-install":
        report = disk_install.run(places, running.machine())
    else:
        report = fetch.run(places) if program == "fetch" else install.run(places, _look)
    log.info("%s: %s", report.step or program, report.error or report.state)
    sys.exit(1 if report.state == "failed" else 0)


if __name__ == "__main__":
    main()
