# SPDX-License-Identifier: GPL-2.0-or-later
"""QMP, QEMU's control protocol: one JSON object a line, commands answered in order, events between.

Source: docs/interop/qmp-spec of QEMU. One client per socket; not for use from several threads.
"""

from __future__ import annotations

import itertools
import json
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from qemu.errors import MachineDied, QmpError, Timeout


class QmpClient:
    """A connection in command mode."""

    def __init__(self, path: Path, *, timeout_s: float = 30.0) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(timeout_s)
        self._socket.connect(str(path))
        self._buffer = b""
        self._ids = itertools.count(1)
        self.events: list[dict[str, Any]] = []
        self._receive(time.monotonic() + timeout_s)  # the greeting
        self.execute("qmp_capabilities")

    def close(self) -> None:
        """Let go of the socket; QEMU lives on."""
        self._socket.close()

    def execute(self, command: str, *, timeout_s: float = 60.0, **arguments: Any) -> Any:
        """Run one command and return its result; QmpError carries QEMU's own words."""
        number = next(self._ids)
        message = {"execute": command, "arguments": arguments, "id": number}
        deadline = time.monotonic() + timeout_s
        try:
            self._socket.sendall(json.dumps(message).encode() + b"\n")
        except OSError as error:
            raise MachineDied(f"QEMU went away at {command}: {error}") from error
        while True:
            reply = self._receive(deadline)
            if "event" in reply:
                self.events.append(reply)
            elif reply.get("id") == number:
                return _result(command, reply)

    def wait_event(
        self, name: str, *, timeout_s: float, where: Callable[[dict[str, Any]], bool] = lambda _data: True
    ) -> dict[str, Any]:
        """Return the data of the next event of that name, those already received included."""
        deadline = time.monotonic() + timeout_s
        while True:
            for index, event in enumerate(self.events):
                if event["event"] == name and where(event.get("data", {})):
                    del self.events[: index + 1]
                    data: dict[str, Any] = event.get("data", {})
                    return data
            reply = self._receive(deadline)
            if "event" in reply:
                self.events.append(reply)

    def run_job(self, command: str, *, timeout_s: float = 120.0, **arguments: Any) -> None:
        """Start a background job (``snapshot-save`` and its kin), wait for its end, dismiss it."""
        job = f"job-{next(self._ids)}"
        self.execute(command, timeout_s=timeout_s, **{"job-id": job, **arguments})
        self.wait_event(
            "JOB_STATUS_CHANGE",
            timeout_s=timeout_s,
            where=lambda data: data["id"] == job and data["status"] == "concluded",
        )
        jobs = {entry["id"]: entry for entry in self.execute("query-jobs")}
        self.execute("job-dismiss", id=job)
        if problem := jobs[job].get("error"):
            raise QmpError(f"{command}: {problem}")

    def _receive(self, deadline: float) -> dict[str, Any]:
        while b"\n" not in self._buffer:
            remaining_s = deadline - time.monotonic()
            if remaining_s <= 0:
                raise Timeout("QEMU does not answer on its QMP socket")
            self._socket.settimeout(remaining_s)
            try:
                piece = self._socket.recv(65536)
            except TimeoutError as error:
                raise Timeout("QEMU does not answer on its QMP socket") from error
            except OSError as error:
                raise MachineDied(f"QEMU went away: {error}") from error
            if not piece:
                raise MachineDied("QEMU closed its QMP socket")
            self._buffer += piece
        line, _, self._buffer = self._buffer.partition(b"\n")
        message: dict[str, Any] = json.loads(line)
        return message


def _result(command: str, reply: dict[str, Any]) -> Any:
    if problem := reply.get("error"):
        raise QmpError(f"{command}: {problem['desc']}")
    return reply["return"]
