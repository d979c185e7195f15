# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs the hashing child: one at a time, with a short queue, then TooManyRequests.

Log-ins can so never take more than one hash's memory at a time. Who came in from the same place before has
a queue of their own, which is served first: strangers can fill theirs and keep nobody out that is known.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from patronus.core.errors import TooManyRequests, Unavailable
from patronus.secrets.stretch import Stretching

QUEUE = 4
"""Callers that may wait behind the one that is served."""
TIME_LIMIT_S = 60.0
"""Far beyond the slowest machine: emulated, one core, it takes 10 s."""
RETRY_AFTER_S = 2.0
COMMAND = (sys.executable, "-P", "-m", "patronus.secrets.password.server")
ENVIRONMENT = {"PYTHONPATH": str(Path(__file__).parents[3])}
"""Nothing of the daemon's own environment reaches the child."""


class PasswordService:
    """Hashes and checks passwords outside this process."""

    def __init__(self) -> None:
        self._free = threading.Condition()
        self._waiting = {True: 0, False: 0}
        self._busy = False

    def make(self, password: str) -> str:
        """Return the Argon2id hash of a password. Raises TooManyRequests, Unavailable."""
        return str(self._ask({"make": password}, known=True)["hash"])

    def matches(self, stored: str, password: str, *, known: bool = False) -> bool:
        """Return whether the hash is this password's. Raises TooManyRequests, Unavailable.

        ``known``: whoever asks came in from the same place before.
        """
        return bool(self._ask({"check": password, "stored": stored}, known=known)["matches"])

    def stretch(self, password: str, how: Stretching) -> bytes:
        """Return the 256-bit key of a password. Raises TooManyRequests, Unavailable."""
        asked = {"stretch": password, "how": how.pack().hex()}
        return bytes.fromhex(self._ask(asked, known=True)["key"])

    def _ask(self, request: dict[str, Any], *, known: bool) -> dict[str, Any]:
        with self._turn(known=known):
            return _run(request)

    @contextmanager
    def _turn(self, *, known: bool) -> Iterator[None]:
        with self._free:
            if self._waiting[known] + self._busy > QUEUE:
                raise TooManyRequests("too many log-ins at this moment", RETRY_AFTER_S)
            self._waiting[known] += 1
            self._free.wait_for(lambda: not self._busy and (known or not self._waiting[True]))
            self._waiting[known] -= 1
            self._busy = True
        try:
            yield
        finally:
            with self._free:
                self._busy = False
                self._free.notify_all()


def _run(request: dict[str, Any]) -> dict[str, Any]:
    try:
        child = subprocess.run(
            COMMAND,
            input=json.dumps(request).encode(),
            env=ENVIRONMENT,
            capture_output=True,
            timeout=TIME_LIMIT_S,
            check=True,
        )
        result: dict[str, Any] = json.loads(child.stdout)
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        # Only the kind of failure: the exception's text could hold what went in.
        raise Unavailable(f"the password could not be computed ({type(error).__name__})") from None
    return result
