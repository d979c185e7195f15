# SPDX-License-Identifier: GPL-2.0-or-later
"""The server processes stay small: what only patronusd needs is not loaded."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[3]
HEAVY = {"pydantic", "dnslib", "asyncio", "ctypes", "pyroute2", "ssl"}
NEEDED = {"network.dns.server": {"ctypes"}}
"""It takes its datagrams in batches, by system calls that Python has no name for."""


@pytest.mark.parametrize(
    "process", ["network.dhcp.server", "network.dns.server", "kernel.units_server", "client"]
)
def test_a_process_loads_nothing_that_it_does_not_need(process: str) -> None:
    code = f"import sys, patronus.{process}; print(*{HEAVY}.intersection(sys.modules))"
    found = subprocess.run(
        [sys.executable, "-c", code], cwd=CHECKOUT, capture_output=True, text=True, check=True
    )
    assert set(found.stdout.split()) <= NEEDED.get(process, set())
