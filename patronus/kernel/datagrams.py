# SPDX-License-Identifier: GPL-2.0-or-later
"""Datagrams in batches: recvmmsg(2) and sendmmsg(2), and replies that are kept ready as bytes.

A reply whose only difference from one client to the next is its first two bytes (a DNS message's id) is sent
from where it lies, with these two from where the question lies: nothing is copied, and no object is made.
"""

from __future__ import annotations

import ctypes
import os
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass

COUNT = 64
"""Datagrams of one batch."""
SLOT = 512
"""Bytes of a datagram; of one that is longer the rest is lost: no question of DNS is."""
NAME, CONTROL, IDENTITY = 28, 64, 2
_HEADER = struct.Struct("@PIPQPQi")
"""struct msghdr of recvmsg(2)."""
_MESSAGE = 64
"""Bytes of struct mmsghdr: a header and the length, padded."""
_VECTOR = struct.Struct("@PQ")
"""struct iovec."""
_WORDS, _HALVES = _MESSAGE // 8, _MESSAGE // 4
_VECTORS_AT, _VECTOR_COUNT_AT = 2, 3
"""Where a header has its vectors, in words of 8 bytes."""
_NAME_SIZE_AT, _CONTROL_SIZE_AT, _LENGTH_AT = 2, 10, 14
"""Where it has these sizes, in words of 4 bytes."""
_AGAIN = (11, 4)

_libc = ctypes.CDLL(None, use_errno=True)
_receive, _send, _send_one = _libc.recvmmsg, _libc.sendmmsg, _libc.sendmsg
_receive.argtypes = (ctypes.c_int, ctypes.c_void_p, ctypes.c_uint, ctypes.c_int, ctypes.c_void_p)
_send.argtypes = (ctypes.c_int, ctypes.c_void_p, ctypes.c_uint, ctypes.c_int)
_send_one.argtypes = (ctypes.c_int, ctypes.c_void_p, ctypes.c_int)


@dataclass(frozen=True)
class Route:
    """From whom a datagram came and to which of our addresses, as the kernel wrote it: a reply's way back."""

    name: bytes
    control: bytes

    @property
    def address(self) -> str:
        """Return the sender's address (struct sockaddr_in or sockaddr_in6)."""
        if len(self.name) == NAME:
            return socket.inet_ntop(socket.AF_INET6, self.name[8:24])
        return socket.inet_ntop(socket.AF_INET, self.name[4:8])


class Ready:
    """Replies by question, both without their first two bytes; ``clear`` forgets them all."""

    def __init__(self, size: int = 1 << 20) -> None:
        """Hold up to ``size`` bytes of replies; what does not fit is not kept."""
        self.found: dict[bytes, bytes] = {}
        self._store = bytearray(size)
        self._start = _address(self._store)
        self._used = 0

    def put(self, question: bytes, reply: bytes) -> None:
        """Keep a reply ready, where there is room."""
        length = len(reply) - IDENTITY
        if self._used + length <= len(self._store):
            self._store[self._used : self._used + length] = reply[IDENTITY:]
            self.found[question[IDENTITY:]] = _VECTOR.pack(self._start + self._used, length)
            self._used += length

    def clear(self) -> None:
        """Forget all."""
        self.found.clear()
        self._used = 0


class Batch:
    """Buffers for one batch. One for each process: nothing of it outlives ``serve``."""

    def __init__(self) -> None:
        self._data = bytearray(COUNT * SLOT)
        self._names = bytearray(COUNT * NAME)
        self._controls = bytearray(COUNT * CONTROL)
        data, names, controls = (_address(part) for part in (self._data, self._names, self._controls))
        places = range(COUNT)
        self._inward = bytearray(b"".join(_VECTOR.pack(data + at * SLOT, SLOT) for at in places))
        self._outward = bytearray(
            b"".join(_VECTOR.pack(data + at * SLOT, IDENTITY) + bytes(_VECTOR.size) for at in places)
        )
        inward, outward = _address(self._inward), _address(self._outward)
        self._template = b"".join(
            _HEADER.pack(
                names + at * NAME, NAME, inward + at * _VECTOR.size, 1, controls + at * CONTROL, CONTROL, 0
            ).ljust(_MESSAGE, b"\0")
            for at in places
        )
        self._vector = bytearray(self._template)
        self._at = _address(self._vector)
        pair = 2 * _VECTOR.size
        self._tails = [slice(at * pair + _VECTOR.size, (at + 1) * pair) for at in places]
        self._starts = [at * SLOT for at in places]
        words = memoryview(self._vector).cast("Q")
        self._vectors, self._vector_counts = words[_VECTORS_AT::_WORDS], words[_VECTOR_COUNT_AT::_WORDS]
        self._pairs = memoryview(struct.pack(f"={COUNT}Q", *(outward + at * pair for at in places))).cast("Q")
        self._twos = memoryview(struct.pack("=Q", 2) * COUNT).cast("Q")
        self._sizes = memoryview(self._vector).cast("I")

    def serve(
        self, descriptor: int, ready: dict[bytes, bytes], other: Callable[[bytes, Route], None]
    ) -> tuple[int, int]:
        """Take what waits, send the replies that are ready, hand the rest to ``other``.

        Returns how many came and how many of them were answered. Raises OSError.
        """
        self._vector[:] = self._template
        count = _receive(descriptor, self._at, COUNT, socket.MSG_DONTWAIT, None)
        if count <= 0:
            return _nothing()
        data = bytes(memoryview(self._data)[: count * SLOT])
        lengths = self._sizes[_LENGTH_AT : count * _HALVES : _HALVES].tolist()
        outward, find, rest = self._outward, ready.get, []
        for tail, start, length in zip(self._tails, self._starts, lengths, strict=False):
            vector = find(data[start + IDENTITY : start + length])
            if vector is None:
                at = start // SLOT
                rest.append((at, data[start : start + length], self._route(at)))
            else:
                outward[tail] = vector
        self._vectors[:], self._vector_counts[:] = self._pairs, self._twos
        first = 0
        for at, _, _ in rest:
            self._send(descriptor, first, at)
            first = at + 1
        self._send(descriptor, first, count)
        for _, message, route in rest:
            other(message, route)
        return count, count - len(rest)

    def _send(self, descriptor: int, first: int, end: int) -> None:
        """Send the replies of a run; one that the kernel refuses is passed over."""
        while first < end:
            sent = _send(descriptor, self._at + first * _MESSAGE, end - first, socket.MSG_DONTWAIT)
            first += max(sent, 1)

    def _route(self, at: int) -> Route:
        """Return the way back of the message at the place, before the buffers are used again."""
        name = self._sizes[at * _HALVES + _NAME_SIZE_AT]
        control = self._sizes[at * _HALVES + _CONTROL_SIZE_AT]
        return Route(
            bytes(self._names[at * NAME : at * NAME + name]),
            bytes(self._controls[at * CONTROL : at * CONTROL + control]),
        )


def reply(descriptor: int, route: Route, message: bytes) -> None:
    """Send one datagram back the way of another. Raises OSError."""
    parts = (route.name, route.control, message)
    name, control, data = (ctypes.create_string_buffer(part, len(part)) for part in parts)
    vector = ctypes.create_string_buffer(_VECTOR.pack(ctypes.addressof(data), len(message)), _VECTOR.size)
    header = _HEADER.pack(
        ctypes.addressof(name),
        len(route.name),
        ctypes.addressof(vector),
        1,
        ctypes.addressof(control),
        len(route.control),
        0,
    )
    if _send_one(descriptor, ctypes.create_string_buffer(header, _MESSAGE), socket.MSG_DONTWAIT) < 0:
        raise _error()


def _nothing() -> tuple[int, int]:
    """Return that nothing came. Raises OSError where the socket is at fault."""
    if ctypes.get_errno() not in _AGAIN:
        raise _error()
    return 0, 0


def _error() -> OSError:
    number = ctypes.get_errno()
    return OSError(number, os.strerror(number))


def _address(buffer: bytearray) -> int:
    return ctypes.addressof(ctypes.c_char.from_buffer(buffer))
