# SPDX-License-Identifier: GPL-2.0-or-later
"""A fault of ours ends nobody's service, and what follows it stands on what is on the disk."""

from __future__ import annotations

from pathlib import Path

import pytest

from patronus.kernel.loop import Loop
from patronus.network.dhcp.lease import Lease
from patronus.network.dhcp.leases import Leases, boottime_s
from patronus.network.dhcp.server import Server

NETWORK = "192.168.1.0/24"


def test_after_a_fault_the_server_knows_what_is_on_the_disk(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    loop, leases, now_s = Loop(), Leases(tmp_path / "leases.db", "boot-1"), boottime_s()
    server = Server(loop, leases, tmp_path / "control.sock", 0)
    written = Lease(
        NETWORK, "hw:01:020000000001", 0xC0A80164, "02:00:00:00:00:01", "laptop", "lan", now_s, now_s + 600
    )
    leases.write([written])
    assert loop.failed is not None
    loop.failed(ValueError("a fault of ours"))
    assert [lease.address for lease in server._machine.table] == [written.address]
    assert server._status({}, ())["counters"] == {"failed": 1}
    assert "ValueError: a fault of ours" in caplog.text
    leases.close()
