# SPDX-License-Identifier: GPL-2.0-or-later
"""A TPM for a machine: swtpm of the tools tree, a process beside QEMU that ends when QEMU lets go of it.

What it remembers lies in a folder: a machine that is started with the same folder has the same TPM, one with
another folder has another.
"""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

from qemu.emulator import Emulator
from qemu.errors import MachineDied, Timeout

_ENDS_WITH_US = ("setpriv", "--pdeathsig", "KILL")
_PATIENCE_S = 30.0


def start(emulator: Emulator, state: Path, socket: Path) -> subprocess.Popen[bytes]:
    """Start the TPM whose memory is the folder ``state``; QEMU drives it over ``socket``.

    Raises MachineDied with its last words where it does not come up.
    """
    state.mkdir(parents=True, exist_ok=True)
    socket.unlink(missing_ok=True)
    argv = [*_ENDS_WITH_US, *emulator.program("swtpm"), "socket", "--tpm2", "--terminate"]
    argv += ["--tpmstate", f"dir={state},mode=0600", "--ctrl", f"type=unixio,path={socket}"]
    with (state / "swtpm.log").open("ab") as log:
        process = subprocess.Popen(
            argv, env=emulator.environment(), stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
    deadline = time.monotonic() + _PATIENCE_S
    while not socket.exists():
        if process.poll() is not None:
            words = (state / "swtpm.log").read_text(errors="replace")[-2000:]
            raise MachineDied(f"swtpm is not running; it said:\n{words}")
        if time.monotonic() > deadline:
            process.kill()
            raise Timeout(f"swtpm made no socket within {_PATIENCE_S:.0f} s")
        time.sleep(0.02)
    return process
