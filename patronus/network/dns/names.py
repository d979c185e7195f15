# SPDX-License-Identifier: GPL-2.0-or-later
"""Names in their wire form, and as people write them (RFC 1035 section 3.1). Pure.

In lower case a name is a key: a label's length is at most 63, which is below "A", so ``bytes.lower`` changes
letters only.
"""

from __future__ import annotations

from collections.abc import Iterator

NAME_LIMIT = 255
ROOT = b"\0"
PLAIN = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_*")


class MalformedMessage(ValueError):
    """The bytes are no DNS message, or not one that may be answered."""


def skip_plain_name(data: bytes, position: int) -> int:
    """Return where an uncompressed name ends. Raises MalformedMessage."""
    start, end = position, len(data)
    while position < end:
        length = data[position]
        if not length:
            return position + 1
        position += length + 1
        if length > 63 or position - start > NAME_LIMIT - 1:
            break
    raise MalformedMessage("a name without end")


def wire_name(text: str) -> bytes:
    """Return a name as labels in lower case; empty text and ``.`` are the root. Raises MalformedMessage."""
    labels = text.lower().rstrip(".").encode("ascii", "replace").split(b".") if text.strip(".") else []
    if any(not 1 <= len(label) <= 63 for label in labels):
        raise MalformedMessage(f"{text!r} is not a name")
    name = b"".join(bytes((len(label),)) + label for label in labels) + ROOT
    if len(name) > NAME_LIMIT:
        raise MalformedMessage(f"{text!r} is too long for a name")
    return name


def name_text(name: bytes) -> str:
    """Return a name as people write it; a byte that no host name has becomes its number (RFC 1035 5.1)."""
    labels = []
    position = 0
    while name[position : position + 1] not in {b"", ROOT}:
        end = position + 1 + name[position]
        label = name[position + 1 : end]
        labels.append("".join(chr(byte) if byte in PLAIN else f"\\{byte:03}" for byte in label))
        position = end
    return ".".join(labels) or "."


def parents(name: bytes) -> Iterator[bytes]:
    """Yield the name, then each name above it, without the root."""
    position = 0
    while name[position]:
        yield name[position:]
        position += name[position] + 1
