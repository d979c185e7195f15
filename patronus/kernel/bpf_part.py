# SPDX-License-Identifier: GPL-2.0-or-later
"""The part of the XDP program that sends open connections on: loaded where it is asked for, left out else.

The verifier's work on it would cost everybody at each boot. A file asks the loader for it, also at the next
boot; where the program that runs is without it the loader is run again, and no packet misses the program.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from patronus.core.errors import KernelError, Unavailable

if TYPE_CHECKING:
    from patronus.kernel.units import Units

LOADER_UNIT = "patronus-xdp-load.service"
ASKED = "xdp-forwarding"
"""The file, in patronusd's folder of state; units of the image name it too."""
MISSING = "the kernel's flow table cannot be asked (bpf_xdp_flow_lookup is missing)"
PATIENCE_S = 180.0
"""As long as the loader may take: the verifier does its work where the machine is emulated, too."""
LOOK_EVERY_S = 0.2


class ForwardingPart:
    """``asked`` is the file, ``present`` says whether the program as it is loaded can send on."""

    def __init__(self, asked: Path, units: Units, present: Callable[[], bool]) -> None:
        self._asked = asked
        self._units = units
        self._present = present
        self._refused: str | None = None

    def leave_out(self) -> None:
        """Do without it from the next load on. Raises KernelError."""
        self._refused = None
        try:
            self._asked.unlink(missing_ok=True)
        except OSError as error:
            raise KernelError(f"{self._asked} cannot be taken away: {error.strerror}") from error

    def bring(self) -> str | None:
        """Have it loaded, and wait for that; return why it is not there, None where it is.

        A kernel that cannot is not tried again until it was left out.
        """
        if self._refused is None:
            try:
                self._refused = self._load()
            except (KernelError, Unavailable) as error:
                return str(error)
            except OSError as error:
                return f"{self._asked} cannot be written: {error.strerror}"
        return self._refused

    def _load(self) -> str | None:
        self._asked.touch()
        if self._present():
            return None
        self._units.restart(LOADER_UNIT)
        until = time.monotonic() + PATIENCE_S
        while self._units.status(LOADER_UNIT).sub == "running" and time.monotonic() < until:
            time.sleep(LOOK_EVERY_S)
        return None if self._present() else MISSING
