# SPDX-License-Identifier: GPL-2.0-or-later
"""What is loaded before packets pass: nothing that they do not need."""

import subprocess
import sys

from tests.netns.daemon.machine import CHECKOUT, LONG_S

LATER = ("jwt", "patronus.daemon.reception", "patronus.daemon.updates.verbs", "patronus.update")


def test_what_no_packet_waits_for_is_not_loaded_with_the_router() -> None:
    code = f"import sys, patronus.daemon.wiring; print(*set({LATER}).intersection(sys.modules))"
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
