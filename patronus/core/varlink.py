# SPDX-License-Identifier: GPL-2.0-or-later
"""Varlink's wire format: NUL-terminated JSON objects. Framing only; sockets belong to who holds them.

Source: varlink.org, "Interface Definition" and "Method Call": a call is {method, parameters, oneway, more},
a reply is {parameters, continues} or {error, parameters}.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

PREFIX = "io.patronus"
"""The first words of all our interfaces and errors."""
MESSAGE_LIMIT = 8 * 1024 * 1024
"""Bytes that one message may have: 10,000 rules as JSON are 3 MB."""

Message = dict[str, Any]


class MalformedMessage(ValueError):
    """The peer sent something that is not a Varlink message; the connection cannot go on."""


def encode(message: Message) -> bytes:
    """Return the message as bytes with its terminator; what is no Unicode text becomes ``?``."""
    return json.dumps(message, separators=(",", ":"), ensure_ascii=False).encode(errors="replace") + b"\0"


class Decoder:
    """Cuts a byte stream into messages."""

    def __init__(self, limit: int = MESSAGE_LIMIT) -> None:
        self._buffer = bytearray()
        self._limit = limit

    @property
    def waiting(self) -> bool:
        """Whether a message has begun that is not complete yet."""
        return bool(self._buffer)

    def feed(self, data: bytes) -> Iterator[Message]:
        """Take bytes as they came and yield each message that is complete. Raises MalformedMessage."""
        self._buffer += data
        while (end := self._buffer.find(b"\0")) >= 0:
            yield parse(self._cut(end))
        if len(self._buffer) > self._limit:
            raise MalformedMessage(f"a message is longer than {self._limit} bytes")

    def _cut(self, end: int) -> bytes:
        with memoryview(self._buffer) as whole:
            frame = bytes(whole[:end])
        del self._buffer[: end + 1]
        return frame


def parse(frame: bytes) -> Message:
    """Return one frame as a message. Raises MalformedMessage.

    Python's reader takes more than JSON has: NaN, and escapes that are halves of a character. Nothing behind
    this door can write those down again.
    """
    try:
        message = json.loads(frame.decode(), parse_constant=_refuse_constant)
        if b"\\u" in frame:
            json.dumps(message, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise MalformedMessage(f"not JSON: {error}") from error
    if not isinstance(message, dict):
        raise MalformedMessage("a message is a JSON object")
    return message


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is no number in JSON")
