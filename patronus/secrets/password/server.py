# SPDX-License-Identifier: GPL-2.0-or-later
"""The child process: one request on standard input, one answer on standard output, then its memory is gone.

The request is one JSON object, {"make": password} or {"check": password, "stored": hash}; the answer
{"hash": hash} or {"matches": bool}. A password never stands in an argument list or the environment.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from patronus.secrets.password import hash as argon2id


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """Return the answer to one request."""
    if "make" in request:
        return {"hash": argon2id.make(request["make"])}
    return {"matches": argon2id.matches(request["stored"], request["check"])}


if __name__ == "__main__":
    json.dump(answer(json.load(sys.stdin)), sys.stdout)
