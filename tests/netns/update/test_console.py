# SPDX-License-Identifier: GPL-2.0-or-later
"""What the router has to say reaches every console that can be written to."""

from __future__ import annotations

import subprocess
from pathlib import Path

SCRIPT = Path(__file__).parents[3] / "rootfs/usr/lib/patronus/console"
WITH_CONSOLES = 'mount --bind "$1" /sys/class/tty/console/active && exec "$2" "$3"'


def test_a_console_that_is_gone_keeps_the_words_from_no_other(tmp_path: Path) -> None:
    """The set-up code is shown there: a pulled serial adapter must not hide it from the screen."""
    said, active, screen = (tmp_path / name for name in ("said", "active", "screen"))
    said.write_text("set-up code: 1234\n")
    active.write_text(f"nowhere/ttyUSB0 ..{screen} nowhere/ttyUSB1\n")
    words = ["sh", "-c", WITH_CONSOLES, "sh", str(active), str(SCRIPT), str(said)]
    ended = subprocess.run(["unshare", "--mount", *words], check=False, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    assert screen.read_bytes() == b"set-up code: 1234\r\n"
    assert "ttyUSB0" in ended.stderr, "the journal names the console that is gone"
