# SPDX-License-Identifier: GPL-2.0-or-later
"""Holds the router's mount and host-name namespaces, and is its units helper with a systemctl of ours.

``unshare --mount --uts python -m tests.netns.daemon.keeper ROOT`` shows the router's folders where the image
has them, prints a line when ready, and serves until its input closes; its DHCP clients end with it.
"""

from __future__ import annotations

import pwd
import subprocess
import sys
import threading
from pathlib import Path

from patronus.kernel.endpoint import listen
from patronus.kernel.host import Places
from patronus.kernel.units_server import UnitsServer
from tests.netns.daemon.credentials import Credentials, machine_id

SYSTEMCTL = Path(__file__).parents[1] / "interfaces" / "systemctl.py"
LONG_S = 600.0
USER = "patronus"
LISTS = ("run/patronus-lists", "var/lib/patronus-lists")
DYNDNS = ("run/patronus-dyndns", "run/patronus-dyndns-told")
SHOWN = ("run/patronus-dhcpcd", "run/dhcpcd", "var/lib/dhcpcd", *LISTS, *DYNDNS)


def stand_in(state: Path) -> Path:
    """Write the program that is asked in systemctl's place."""
    program = state / "systemctl"
    program.write_text(f'#!/bin/sh\nSYSTEMCTL_STATE={state} exec {sys.executable} {SYSTEMCTL} "$@"\n')
    program.chmod(0o755)
    return program


def main(root: Path) -> None:
    """Keep the router below ``root`` until standard input ends."""
    for folder in SHOWN:
        (Path("/") / folder).mkdir(parents=True, exist_ok=True)
        subprocess.run(["mount", "--bind", root / folder, Path("/") / folder], check=True)
    state = root / "units"
    state.mkdir()
    program = stand_in(state)
    socket = listen(Places.below(root).run.with_name("patronus-units") / "units.sock")
    machine_id()
    credentials = Credentials(state / "credentials.sock")
    server = UnitsServer(socket, pwd.getpwnam(USER).pw_uid, str(program), credentials.path)
    threading.Thread(target=server.serve, args=(LONG_S,), daemon=True).start()
    print("ready", flush=True)
    sys.stdin.read()
    for pid in state.glob("*.pid"):
        subprocess.run([program, "stop", pid.stem], check=False, timeout=10)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
