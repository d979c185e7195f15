# SPDX-License-Identifier: GPL-2.0-or-later
"""Messages of the netfilter netlink family, and what their answers hold. No ruleset is changed through here.

Source: linux/netlink.h, linux/netfilter/nfnetlink.h. Headers are in the machine's byte order, what nf_tables
puts into attributes is big-endian.
"""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Callable, Iterator
from typing import NamedTuple, TypeVar

from patronus.core.errors import KernelError

NFTABLES = 10
"""The subsystem nf_tables."""
_HEADER = struct.Struct("=IHHII")
_FAMILY_HEADER = struct.Struct("!BBH")
_ATTRIBUTE = struct.Struct("=HH")
_HEAD = _ATTRIBUTE.pack
_PADDING = b"", bytes(3), bytes(2), bytes(1)
_BODY = _HEADER.size + _FAMILY_HEADER.size
_NESTED = 0x3FFF
"""What is left of an attribute's kind without its flags."""
_REQUEST, _DUMP, _INTERRUPTED = 1, 0x300, 0x10
_ERROR, _DONE = 2, 3
NETLINK_NETFILTER = 12
_LARGEST = 1 << 16
"""Bytes of a datagram: the kernel cuts a dump at 32 KiB. Buffers from 128 KiB on are mapped each time."""
_TRIES = 8
"""Dumps that another transaction may interrupt before we give up."""

Attributes = dict[int, bytes]
"""Kind → value, as they came."""
T = TypeVar("T")


class Interrupted(Exception):
    """Somebody changed the ruleset during a dump: what was read may be half old, half new."""


class Answer(NamedTuple):
    """One message of the kernel: ``kind`` without its subsystem."""

    kind: int
    attributes: Attributes


def attribute(kind: int, value: bytes) -> bytes:
    """Return an attribute, padded."""
    length = len(value)
    return _HEAD(4 + length, kind) + value + _PADDING[length & 3]


def text(value: str) -> bytes:
    """Return a name as nf_tables wants it."""
    return value.encode() + b"\0"


def number(value: bytes) -> int:
    """Return a number of any width."""
    return int.from_bytes(value, "big")


def attributes(data: bytes, start: int, end: int, until: int = _NESTED) -> Attributes:
    """Return the attributes between two places, up to one of a kind; of one that stands twice, the last."""
    found: Attributes = {}
    unpack, last = _ATTRIBUTE.unpack_from, end - _ATTRIBUTE.size
    while start <= last and until not in found:
        length, kind = unpack(data, start)
        found[kind & _NESTED] = data[start + 4 : start + length]
        start += (length + 3) & ~3 or _ATTRIBUTE.size
    return found


def answers(data: bytes, until: int = _NESTED) -> Iterator[Answer | None]:
    """Yield the messages of one datagram, None for the end of a dump. Raises OSError, Interrupted.

    Of each the attributes up to one of a kind, in the kernel's order.
    """
    place = 0
    while place + _HEADER.size <= len(data):
        length, kind, flags, _, _ = _HEADER.unpack_from(data, place)
        if flags & _INTERRUPTED:
            raise Interrupted
        if kind == _DONE:
            yield None
        elif kind == _ERROR:
            code = -struct.unpack_from("=i", data, place + _HEADER.size)[0]
            raise OSError(code, os.strerror(code))
        elif kind >> 8 == NFTABLES:
            yield Answer(kind & 0xFF, attributes(data, place + _BODY, place + length, until))
        place += max(_HEADER.size, (length + 3) & ~3)


class Nfnetlink:
    """One netlink socket, in the network namespace of who makes it. One thread at a time."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER)
        self._socket.settimeout(5.0)
        self._sequence = 0

    def ask(self, kind: int, family: int, given: bytes = b"") -> Answer:
        """Return the answer to one question of nf_tables. Raises OSError."""
        self._send(kind, _REQUEST, family, given)
        found = next(answers(self._socket.recv(_LARGEST)), None)
        if found is None:
            raise OSError(0, "no answer")
        return found

    def dump(
        self, kind: int, family: int, given: bytes, read: Callable[[Attributes], T], until: int = _NESTED
    ) -> list[T]:
        """Return what ``read`` makes of each thing of a kind, at one moment. Raises KernelError, OSError.

        It is given the attributes up to one of a kind, in the kernel's order.
        """
        for _ in range(_TRIES):
            self._send(kind, _REQUEST | _DUMP, family, given)
            try:
                return self._dumped(read, until)
            except Interrupted:
                self._drain()
        raise KernelError("nftables: the ruleset changes faster than it can be read")

    def _dumped(self, read: Callable[[Attributes], T], until: int) -> list[T]:
        items: list[T] = []
        while True:
            for found in answers(self._socket.recv(_LARGEST), until):
                if found is None:
                    return items
                items.append(read(found.attributes))

    def _drain(self) -> None:
        """Throw away the rest of a dump: a new one on the same socket waits for its end."""
        while True:
            try:
                if any(found is None for found in answers(self._socket.recv(_LARGEST))):
                    return
            except Interrupted:
                continue

    def _send(self, kind: int, flags: int, family: int, given: bytes) -> None:
        self._sequence += 1
        header = _HEADER.pack(_BODY + len(given), NFTABLES << 8 | kind, flags, self._sequence, 0)
        self._socket.send(header + _FAMILY_HEADER.pack(family, 0, 0) + given)
