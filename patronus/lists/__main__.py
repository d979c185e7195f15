# SPDX-License-Identifier: GPL-2.0-or-later
"""``python3 -m patronus.lists``: one run, as ``patronus-lists.service`` starts it."""

from __future__ import annotations

import logging
import os
import sys

from patronus.core.errors import PatronusError
from patronus.lists.fetch import run
from patronus.lists.task import Places

log = logging.getLogger("patronus-lists")


def main() -> None:
    """Run once. A list that could not be had is no failure of the run: why is kept beside it."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    os.umask(0o022)  # patronusd reads the lists as another user
    try:
        run(Places())
    except PatronusError as error:
        log.error("%s", error)
        sys.exit(1)


if __name__ == "__main__":
    main()
