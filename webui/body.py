# SPDX-License-Identifier: GPL-2.0-or-later
"""Reads a JSON body as strictly as it can be read: what is taken here, the daemon can be sent. Pure."""

from __future__ import annotations

import json
import math
from typing import Any, BinaryIO

from patronus.core.errors import InvalidRequest
from webui.routes import RESERVED

LIMIT = 6 * 1024 * 1024
"""Bytes of one request: 10,000 rules are 3 MB; the daemon takes messages of 8 MB."""
DEPTH = 32
PAST_LIMIT, BLOCK = LIMIT, 64 * 1024
"""Bytes of a larger request that are read all the same, so that its sender hears why; bytes at a time."""


def parse_object(data: bytes) -> dict[str, Any]:
    """Return the JSON object in ``data``; an empty body is an empty object. Raises InvalidRequest."""
    if not data.strip():
        return {}
    try:
        value = json.loads(
            data.decode("utf-8-sig"), object_pairs_hook=_unique, parse_constant=_refuse, parse_float=_finite
        )
        json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise InvalidRequest(f"the body is not JSON: {_first_words(error)}") from error
    if not isinstance(value, dict):
        raise InvalidRequest("the body is a JSON object")
    if _deeper_than(value, DEPTH):
        raise InvalidRequest(f"the body is nested more than {DEPTH} levels deep")
    if RESERVED & value.keys():
        raise InvalidRequest(f"not a parameter: {', '.join(sorted(RESERVED & value.keys()))}")
    return value


def pass_over(stream: BinaryIO) -> None:
    """Read what is left of a request that is too large: a connection closed before that loses the answer."""
    left = LIMIT + PAST_LIMIT
    while left > 0 and (block := stream.read(BLOCK)):
        left -= len(block)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice")
    return found


def _refuse(text: str) -> Any:
    raise ValueError(f"{text} is not a JSON number")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("a number is too large")
    return number


def _first_words(error: Exception) -> str:
    if isinstance(error, UnicodeDecodeError):
        return "it is not UTF-8"
    if "digits" in str(error):
        return "a number with so many digits"
    return "nested too deep" if isinstance(error, RecursionError) else str(error)[:200]


def _deeper_than(value: Any, depth: int) -> bool:
    level = [value]
    for _ in range(depth):
        level = [
            child
            for item in level
            if isinstance(item, dict | list)
            for child in (item.values() if isinstance(item, dict) else item)
        ]
        if not level:
            return False
    return True
