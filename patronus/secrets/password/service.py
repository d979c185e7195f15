# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs the hashing child: one at a time, with a short queue, then TooManyRequests.

Log-ins can so never take more than one hash's memory at a time.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
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
        self._places = threading.BoundedSemaphore(QUEUE + 1)
        self._turn = threading.Lock()

    def make(self, password: str) -> str:
        """Return the Argon2id hash of a password. Raises TooManyRequests, Unavailable."""
        return str(self._ask({"make": password})["hash"])

    def matches(self, stored: str, password: str) -> bool:
        """Return whether the hash is this password's. Raises TooManyRequests, Unavailable."""
        return bool(self._ask({"check": password, "stored": stored})["matches"])

    def stretch(self, password: str, how: Stretching) -> bytes:
        """Return the 256-bit key of a password. Raises TooManyRequests, Unavailable."""
        return bytes.fromhex(self._ask({"stretch": password, "how": how.pack().hex()})["key"])

    def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        if not self._places.acquire(blocking=False):
            raise TooManyRequests("too many log-ins at this moment", RETRY_AFTER_S)
        try:
            with self._turn:
                return _run(request)
        finally:
            self._places.release()


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
