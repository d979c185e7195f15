# SPDX-License-Identifier: GPL-2.0-or-later
"""What is loaded before packets pass, and before callers are let in: nothing that is not needed for it."""

import subprocess
import sys

import pytest

from tests.netns.daemon.machine import CHECKOUT, LONG_S

VERBS = (
    "patronus.daemon.every_verb",
    "patronus.daemon.updates.verbs",
    "patronus.secrets.verbs",
    "patronus.update",
)
AFTER_PACKETS = ("jwt", "patronus.daemon.reception", *VERBS)


@pytest.mark.parametrize(("first", "later"), [("wiring", AFTER_PACKETS), ("reception", VERBS)])
def test_what_nobody_waits_for_is_not_loaded_yet(first: str, later: tuple[str, ...]) -> None:
    code = f"import sys, patronus.daemon.{first}; print(*set({later}).intersection(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        check=False,
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        timeout=LONG_S,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == []
