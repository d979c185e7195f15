# SPDX-License-Identifier: GPL-2.0-or-later
"""What the attributes of nf_tables are made of. Source: linux/netfilter/nf_tables.h."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from patronus.kernel.nfnetlink import attribute, text

Statement = Mapping[str, Any]
NESTED = 0x8000
REGISTER = 1
"""The one that nearly all goes through."""
_WORD = struct.Struct("=HH").pack
VERDICTS = {"drop": 0, "accept": 1, "jump": -3, "goto": -4}


class Unknown(Exception):
    """A statement, or a form of it, that only libnftables can say."""


def nested(kind: int, *parts: bytes) -> bytes:
    """Return an attribute that holds attributes."""
    return attribute(kind | NESTED, b"".join(parts))


def word(kind: int, value: int) -> bytes:
    """Return an attribute with a number of 32 bits."""
    return _WORD(8, kind) + (value & 0xFFFFFFFF).to_bytes(4, "big")


def value(kind: int, data: bytes) -> bytes:
    """Return an attribute with data as nf_tables compares them."""
    head, padding = _around(kind, len(data))
    return head + data + padding


@lru_cache(maxsize=1024)
def _around(kind: int, length: int) -> tuple[bytes, bytes]:
    """Return what stands before and behind so many bytes of data: the same for thousands of elements."""
    whole = nested(kind, attribute(1, bytes(length)))
    return whole[:8], whole[8 + length :]


def expression(name: str, *parts: bytes) -> bytes:
    """Return one expression of a rule."""
    return nested(1, attribute(1, text(name)), nested(2, *parts))


def masked(mask: bytes, bits: bytes, register: int = REGISTER) -> bytes:
    """Return the expression that keeps ``mask`` of a register, and turns ``bits`` over."""
    parts = word(1, register), word(2, register), word(3, len(mask)), word(6, 0)
    return expression("bitwise", *parts, value(4, mask), value(5, bits))


def verdict_data(statement: Statement) -> bytes:
    """Return a verdict as the data of an element or of a rule. Raises Unknown."""
    ((name, target),) = statement.items()
    if name not in VERDICTS:
        raise Unknown(name)
    chain = attribute(2, text(target["target"])) if target else b""
    return nested(2, nested(2, word(1, VERDICTS[name]), chain))
