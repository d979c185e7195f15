# SPDX-License-Identifier: GPL-2.0-or-later
"""One local user who opens every connection that there is keeps neither root nor anybody else out."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from patronus.daemon.slots import PER_USER
from tests.netns.daemon.machine import CHECKOUT, Machine

CROWDER, NEIGHBOUR = 65534, 65533
HOLD = """
import socket, sys
held = []
for _ in range(int(sys.argv[2])):
    held.append(socket.socket(socket.AF_UNIX))
    held[-1].connect(sys.argv[1])
alive = 0
for one in held:
    one.settimeout(60)
    try:
        one.sendall(b'{"method": "org.varlink.service.GetInfo"}\\0')
        alive += bool(one.recv(10))
    except OSError:
        pass
print(alive, flush=True)
sys.stdin.read()
"""


@contextmanager
def crowd(machine: Machine, user: int, count: int) -> Iterator[int]:
    """Hold connections as a user; lend how many of them the daemon serves."""
    socket = str(machine.places.run / "patronus.sock")
    command = [sys.executable, "-c", HOLD, socket, str(count)]
    holder = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, user=user, cwd=CHECKOUT, text=True
    )
    assert holder.stdout is not None
    try:
        yield int(holder.stdout.readline())
    finally:
        holder.communicate("")


def test_a_user_who_holds_all_they_can_keeps_nobody_else_out(machine: Machine) -> None:
    with crowd(machine, CROWDER, 3 * PER_USER) as served:
        assert served == PER_USER
        assert machine.patronus("status").code == 0
        with crowd(machine, NEIGHBOUR, 1) as beside, crowd(machine, CROWDER, 1) as late:
            assert (beside, late) == (1, 0)
    with crowd(machine, CROWDER, 1) as served:
        assert served == 1
