# SPDX-License-Identifier: GPL-2.0-or-later
"""What the checks ask, and what counts as an answer. Pure."""

from __future__ import annotations

import struct

from patronus.network.uplinks.model import Check

_HEADER = struct.Struct(">HHHHHH")
_RECURSION_DESIRED, _RESPONSE, _CODE = 0x0100, 0x8000, 0x000F
_WELL = (0, 3)
"""NOERROR and NXDOMAIN (RFC 1035 section 4.1.1): who knows that there is none has asked the world."""
_A, _IN = 1, 1


def dns_question(check: Check, number: int) -> bytes:
    """Return a question for the address of the check's name (RFC 1035 section 4)."""
    labels = [label.encode() for label in (check.name or "").rstrip(".").split(".") if label]
    name = b"".join(bytes([len(label)]) + label for label in labels) + b"\0"
    return _HEADER.pack(number, _RECURSION_DESIRED, 1, 0, 0, 0) + name + struct.pack(">HH", _A, _IN)


def dns_failure(answer: bytes, question: bytes) -> str | None:
    """Return why a datagram is no answer to the question, None where it is one."""
    if len(answer) < _HEADER.size or answer[:2] != question[:2]:
        return "an answer to something else"
    (flags,) = struct.unpack_from(">H", answer, 2)
    if not flags & _RESPONSE:
        return "an answer to something else"
    return None if flags & _CODE in _WELL else f"the server failed with code {flags & _CODE}"


def http_question(check: Check, target: str) -> bytes:
    """Return a request for the head of the first page."""
    host = check.name or (f"[{target}]" if ":" in target else target)
    return f"HEAD / HTTP/1.0\r\nHost: {host}\r\n\r\n".encode()


def http_failure(answer: bytes) -> str | None:
    """Return why what came is no answer of a web server that is well, None where it is one."""
    words = answer.split(b" ", 2)
    if not answer.startswith(b"HTTP/1.") or len(words) < 2 or not words[1][:3].isdigit():
        return "that is no web server"
    return f"the server failed with {int(words[1][:3])}" if words[1].startswith(b"5") else None
