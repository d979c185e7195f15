# SPDX-License-Identifier: GPL-2.0-or-later
"""What kernels of workstations may lack: packets handed to a program, open connections past the rules."""

from __future__ import annotations

import json
import socket
from contextlib import closing
from pathlib import Path
from typing import Any

from qemu.internet import ADDRESS
from tests.vm.lab import Lab, eventually

READER = Path(__file__).with_name("queue_reader.py")
PORT = 9000


def reaches(lab: Lab, listener: socket.socket) -> bool:
    """Whether the client opens a connection to the server."""
    try:
        near = lab.client.inside(lambda: socket.create_connection((ADDRESS, PORT), timeout=8))
    except TimeoutError:
        return False
    listener.accept()[0].close()
    near.close()
    return True


def read_queue(lab: Lab, verdict: str) -> None:
    """Let a program on the router, and no other, give every packet of queue 3 this verdict."""
    lab.guest.execute("systemctl stop 'reader-*'")
    lab.guest.succeed(f"systemd-run --unit=reader-{verdict} python3 /var/tmp/reader.py 3 {verdict}")
    lab.guest.wait_until_succeeds(f"journalctl -b -u reader-{verdict} -o cat | grep -q reading")


def passes(near: socket.socket, far: socket.socket) -> bool:
    """Whether what one end says comes to the other, and back."""
    try:
        near.sendall(b"there")
        far.recv(100)
        far.sendall(b"and back")
        return bool(near.recv(100))
    except TimeoutError:
        return False


def tracked(lab: Lab, near: socket.socket) -> list[dict[str, Any]]:
    """Return what is known of this connection; the client may still be ending one of the test before."""
    ports = f"--source-port {near.getsockname()[1]} --destination-port {PORT}"
    return list(json.loads(lab.guest.succeed(f"patronus --json connections list {ports}"))["connections"])


def listening(lab: Lab) -> socket.socket:
    listener = lab.server.inside(lambda: socket.create_server((ADDRESS, PORT)))
    listener.settimeout(60)
    return listener


def test_a_program_that_reads_the_queue_decides_and_where_none_does_bypass(lab: Lab) -> None:
    lab.lease()
    lab.guest.copy_to(READER.read_bytes(), "/var/tmp/reader.py")
    options = f"--from lan --to wan --protocol tcp --port {PORT} --action queue --queue 3"
    rule = json.loads(lab.guest.succeed(f"patronus --json rules add {options} --at 0"))["id"]
    with closing(listening(lab)) as listener:
        assert not reaches(lab, listener), "nobody reads it"
        read_queue(lab, "accept")
        assert reaches(lab, listener)
        read_queue(lab, "drop")
        assert not reaches(lab, listener)
        lab.guest.succeed("systemctl stop 'reader-*'")
        lab.guest.succeed(f"patronus rules change {rule} --queue-bypass yes")
        assert reaches(lab, listener), "nobody reads it, and it may go on"


def test_an_open_connection_goes_past_the_rules_until_one_forbids_it(lab: Lab) -> None:
    lab.lease()
    with closing(listening(lab)) as listener:
        near = lab.client.inside(lambda: socket.create_connection((ADDRESS, PORT), timeout=60))
        far, _ = listener.accept()
    for end in (near, far):
        end.settimeout(10)
    with closing(near), closing(far):
        assert passes(near, far)
        assert [one["offloaded"] for one in tracked(lab, near)] == [False], "unless it is asked for"
        lab.guest.succeed("patronus connections set offload=on")
        assert passes(near, far)
        assert passes(near, far)
        assert [one["offloaded"] for one in tracked(lab, near)] == [True]
        deny = f"--from lan --to wan --protocol tcp --port {PORT} --action drop --at 0"
        lab.guest.succeed(f"patronus rules add {deny}")
        eventually(lambda: not passes(near, far), timeout_s=60)
        assert tracked(lab, near) == []
    lab.guest.succeed("patronus connections set offload=off")
    assert "flowtable" not in lab.guest.succeed("nft list table inet patronus")
