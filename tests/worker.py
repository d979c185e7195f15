# SPDX-License-Identifier: GPL-2.0-or-later
"""Gives each pytest-xdist worker a machine of its own, so that tests which change it run side by side.

What tests share by its name (users, sockets, the state of DHCP clients, fixed ports, the host's key) is then
shared by the tests of one worker alone, which run one after the other, as they do without workers.
"""

from __future__ import annotations

import functools
import os
import subprocess
import sys
import tempfile
from pathlib import Path

FOLDERS = ("etc", "usr/lib/patronus", "var/lib/dhcpcd", "var/lib/systemd")
"""What tests change outside of ``/run``. The copies lie on the tree's own file system: systemd seals nothing
for a host key in memory."""


@functools.cache
def own_machine() -> None:
    """Move this worker into a network, a host name and folders of its own; do nothing outside of workers.

    unshare(2) moves the calling thread and all that it starts from then on.
    """
    if sys.version_info < (3, 12) or "PYTEST_XDIST_WORKER" not in os.environ:
        return
    os.unshare(os.CLONE_NEWNS | os.CLONE_NEWNET | os.CLONE_NEWUTS | os.CLONE_NEWIPC)
    _run("mount", "--make-rprivate", "/")
    _run("ip", "link", "set", "lo", "up")
    _run("mount", "-t", "tmpfs", "-o", "mode=0755", "run", "/run")
    _run("mount", "-t", "bpf", "bpf", "/sys/fs/bpf")
    copies = Path(tempfile.mkdtemp(prefix="worker-", dir="/var/tmp"))
    for name in FOLDERS:
        shown, own = Path("/") / name, copies / name
        for folder in (shown, own):
            folder.mkdir(parents=True, exist_ok=True)
        _run("cp", "--archive", f"{shown}/.", str(own))
        _run("mount", "--bind", str(own), str(shown))


def _run(*command: str) -> None:
    subprocess.run(command, check=True)
