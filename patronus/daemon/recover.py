# SPDX-License-Identifier: GPL-2.0-or-later
"""What asks at the console after the boot entry *Recovery* (``patronus-recovery@.service``).

No daemon runs then, the network is shut, and nothing can be written. Who knows the password of an
administrator, or the recovery password of the vault, gets a root shell; nobody else gets anything.
"""

from __future__ import annotations

import argparse
import getpass
import os
import sys
from pathlib import Path

from patronus.daemon.door import Door, ask
from patronus.kernel.host import Places

WELCOME = """
Recovery: no service runs, the network is shut, and the disk is read-only. reboot -f leaves.
"""
CLOSED = """
Recovery needs an administrator of this router, or the recovery password of its vault, and there is neither.
Start it as ever and set it up with the code on its console, or choose Factory reset. It restarts at Enter.
"""
SHELL = ("/bin/bash", "--login")
AGAIN = ("/usr/bin/systemctl", "--force", "--force", "reboot")
"""Without the bus, which does not run."""


def main() -> None:
    """Ask, and become the shell."""
    parser = argparse.ArgumentParser(prog="patronus.daemon.recover", description=__doc__)
    parser.add_argument("--root", type=Path, help="the router's files lie below this folder instead of /")
    given = parser.parse_args()
    door = Door.of(Places.below(given.root) if given.root else Places())
    try:
        opened = ask(door, getpass.getpass, say, CLOSED)
    except (EOFError, KeyboardInterrupt):
        sys.exit("")  # it is started again, and asks again
    if opened:
        say(WELCOME)
    command = SHELL if opened else AGAIN
    os.execv(command[0], command)  # noqa: S606 - what this program is for


def say(text: str) -> None:
    """Show a text at this console."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
