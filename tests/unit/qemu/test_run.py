# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import pytest

from qemu.run import last_line

LOADS = 'BdsDxe: loading Boot0001 "UEFI Misc Device"'


@pytest.mark.parametrize(
    ("console", "line"),
    [
        ("", ""),
        (f"\x1b[2J\x1b[01;01H\x1b[=3h{LOADS}\r\n", LOADS),
        (f"{LOADS}\r\n\x1b[!p\x1b]104\x07\x1b[?7h\x1b[6n\x1b[32766;32766H\r\n", LOADS),
        (f"{LOADS}\r\n\x1b]104", LOADS),
        ("first\n" + 80 * "x", 70 * "x"),
    ],
)
def test_the_progress_shows_what_the_console_said_last(console: str, line: str) -> None:
    assert last_line(console) == line
