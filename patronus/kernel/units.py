# SPDX-License-Identifier: GPL-2.0-or-later
"""patronusd's way to start and stop system services: a request to the helper that may, ``units_server``.

patronusd has no right over systemd. The helper takes a closed list of (verb, unit), see ``unit_list``.
"""

from __future__ import annotations

import base64
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from patronus.core.errors import KernelError, Unavailable, from_wire
from patronus.core.varlink import PREFIX
from patronus.kernel.exchange import exchange

SOCKET = Path("/run/patronus-units/units.sock")
INTERFACE = f"{PREFIX}.units.v1"
TIME_S = 100.0
"""Longer than systemd gives a unit to start or stop (DefaultTimeoutStartSec, 90 s)."""
KEPT_SECRET = frozenset({"Seal", "Unseal"})
"""Methods whose parameters are written down nowhere."""


def silent(units: str) -> str:
    """Return what is said of a program that ended and left no report; ``units`` is for journalctl(1)."""
    return f"the program ended without a word; see: journalctl -u {units}"


@dataclass(frozen=True)
class UnitState:
    """How systemd sees a unit: ``active`` is ActiveState, ``sub`` SubState, ``result`` why it last ended."""

    active: str
    sub: str
    result: str

    @property
    def running(self) -> bool:
        """Return whether the unit is up, or just coming up; one that ended and is tried again is not."""
        return self.active in ("active", "activating", "reloading") and "auto-restart" not in self.sub


class Units:
    """The helper as patronusd sees it. All methods may be called from any thread.

    They raise KernelError where systemd or the helper refuses, and Unavailable where nobody answers.
    """

    def __init__(self, path: Path = SOCKET) -> None:
        self._path = path

    def start(self, unit: str) -> None:
        """Start a unit and wait until it is up; harmless where it is."""
        self._ask("Start", unit=unit)

    def stop(self, unit: str) -> None:
        """Stop a unit and wait until it is down; harmless where it is."""
        self._ask("Stop", unit=unit)

    def restart(self, unit: str) -> None:
        """Stop and start a unit."""
        self._ask("Restart", unit=unit)

    def reload(self, unit: str) -> None:
        """Make a unit that runs read its configuration again."""
        self._ask("Reload", unit=unit)

    def status(self, unit: str) -> UnitState:
        """Return the state of a unit."""
        found = self._ask("Status", unit=unit)
        return UnitState(str(found["active"]), str(found["sub"]), str(found["result"]))

    def failed(self) -> list[str]:
        """Return the names of the units that have failed."""
        return [str(name) for name in self._ask("Failed")["units"]]

    def hostname(self) -> str:
        """Return the kernel's host name."""
        return socket.gethostname()

    def set_hostname(self, name: str) -> None:
        """Set the kernel's host name until the next boot."""
        self._ask("SetHostname", name=name)

    def reboot(self) -> None:
        """Restart the machine; returns when systemd has taken the order."""
        self._ask("Reboot")

    def power_off(self) -> None:
        """Switch the machine off; returns when systemd has taken the order."""
        self._ask("PowerOff")

    def seal(self, data: bytes) -> bytes:
        """Return the data so that this device alone can open it."""
        return str(self._ask("Seal", data=base64.b64encode(data).decode())["sealed"]).encode()

    def unseal(self, sealed: bytes) -> bytes:
        """Return what ``seal`` was given."""
        return base64.b64decode(self._ask("Unseal", sealed=sealed.decode(errors="replace"))["data"])

    def _ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        request = {"method": f"{INTERFACE}.{method}", "parameters": parameters}
        try:
            reply = exchange(self._path, request, TIME_S)
        except Unavailable as error:
            raise Unavailable(f"the units helper does not answer: {error}") from error
        given = dict(reply.get("parameters") or {})
        if "error" not in reply:
            return given
        refusal = from_wire(str(reply["error"]).rpartition(".")[2], given)
        if isinstance(refusal, KernelError):
            raise refusal
        raise KernelError(f"the units helper refuses {shown(method, parameters)}: {refusal}") from refusal


def runs(units: Units, *names: str) -> bool:
    """Return whether one of the units runs; where nobody can tell, none does.

    Who started a program asks this before what it wrote: one that has said all may not be gone yet. Systemd
    takes it for running, and would lose a start in that moment.
    """
    try:
        return any(units.status(name).running for name in names)
    except (KernelError, Unavailable):
        return False


def shown(method: str, parameters: Mapping[str, Any]) -> str:
    """Return a request in words for a log or an error, without what is to be kept secret."""
    return method if method in KEPT_SECRET else f"{method} {dict(parameters)}"
