# SPDX-License-Identifier: GPL-2.0-or-later
"""The child process: one request on standard input, one answer on standard output, then its memory is gone.

The request is one JSON object: {"make": password}, {"check": password, "stored": hash}, or {"stretch":
password, "how": parameters in hex}; the answer {"hash": hash}, {"matches": bool} or {"key": hex}. A password
never stands in an argument list or the environment.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from patronus.secrets.password import hash as argon2id
from patronus.secrets.stretch import Stretching, stretch


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """Return the answer to one request."""
    if "stretch" in request:
        how = Stretching.unpack(bytes.fromhex(request["how"]), "the request")
        return {"key": stretch(request["stretch"], how).hex()}
    if "make" in request:
        return {"hash": argon2id.make(request["make"])}
    return {"matches": argon2id.matches(request["stored"], request["check"])}


if __name__ == "__main__":
    json.dump(answer(json.load(sys.stdin)), sys.stdout)
