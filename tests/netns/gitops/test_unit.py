# SPDX-License-Identifier: GPL-2.0-or-later
"""The unit's sandbox, as systemd judges it."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

UNITS = Path(__file__).parents[3] / "rootfs/usr/lib/systemd/system"


def exposure(unit: Path) -> float:
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", unit], capture_output=True, text=True, check=False
    )
    found = re.search(r"Overall exposure level for \S+: ([0-9.]+)", done.stdout)
    assert found, done.stdout + done.stderr
    return float(found[1])


@pytest.mark.parametrize(
    "name",
    [
        "patronus-gitops.service",
        "patronus-forward.service",
        "patronus-lists.service",
        "patronus-dyndns.service",
        "patronus-mappings.service",
        "patronus-mdns.service",
        "patronus-nat64.service",
        "patronus-frr@.service",
    ],
)
def test_the_unit_is_shut_in(name: str, tmp_path: Path) -> None:
    assert exposure(UNITS / name) <= 2.0
    opened = tmp_path / name
    kept = [
        line for line in (UNITS / name).read_text().splitlines() if not line.startswith("SystemCallFilter")
    ]
    opened.write_text("\n".join(kept))
    assert exposure(opened) > 2.0, "the measure sees what is taken away"
