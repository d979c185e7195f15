# SPDX-License-Identifier: GPL-2.0-or-later
"""Varlink messages over a unix stream that carry file descriptors (SCM_RIGHTS, unix(7)).

A message that brings descriptors says how many in ``descriptors``; they travel with its first bytes.
"""

from __future__ import annotations

import array
import os
import socket
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from patronus.core.varlink import Decoder, MalformedMessage, Message, encode

DESCRIPTORS_PER_SEND = 253
"""SCM_MAX_FD of the kernel."""
CHUNK = 65536
ERROR_PREFIX = "io.patronus."
"""Stands before an error's code; ``core.verb`` has the same, and brings pydantic into a server process."""
_CREDENTIALS = struct.Struct("=iII")
_INT = array.array("i").itemsize


@dataclass(frozen=True)
class Delivery:
    """One message and the descriptors that came with it; the receiver owns them."""

    message: Message
    descriptors: tuple[int, ...]

    def close(self) -> None:
        """Close descriptors that nobody took."""
        for descriptor in self.descriptors:
            os.close(descriptor)


def send(sock: socket.socket, message: Message, descriptors: Sequence[int] = ()) -> None:
    """Send the whole message on a blocking socket. Raises OSError."""
    data = encode({**message, "descriptors": len(descriptors)} if descriptors else message)
    for start in range(0, len(descriptors), DESCRIPTORS_PER_SEND):
        batch = array.array("i", descriptors[start : start + DESCRIPTORS_PER_SEND])
        sent = sock.sendmsg([data[:1]], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, batch)])
        data = data[sent:]
    sock.sendall(data)


class Receiver:
    """Reads deliveries from a stream."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._decoder = Decoder()
        self._descriptors: list[int] = []

    def receive(self) -> Iterator[Delivery]:
        """Read once and yield what is complete. Raises EOFError at the end, MalformedMessage, OSError."""
        space = socket.CMSG_SPACE(DESCRIPTORS_PER_SEND * _INT)
        data, ancillary, flags, _ = self._sock.recvmsg(CHUNK, space, socket.MSG_CMSG_CLOEXEC)
        for level, kind, payload in ancillary:
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                received = array.array("i")
                received.frombytes(payload[: len(payload) - len(payload) % _INT])
                self._descriptors.extend(received)
        if flags & socket.MSG_CTRUNC:
            raise MalformedMessage("descriptors were lost on the way")
        if not data:
            raise EOFError
        for message in self._decoder.feed(data):
            yield Delivery(message, self._take(message))

    def _take(self, message: Message) -> tuple[int, ...]:
        count = message.get("descriptors", 0)
        if not isinstance(count, int) or not 0 <= count <= len(self._descriptors):
            raise MalformedMessage("a message announces descriptors that did not come")
        taken, self._descriptors = self._descriptors[:count], self._descriptors[count:]
        return tuple(taken)

    def close(self) -> None:
        """Close the stream and every descriptor that no message claimed."""
        self._sock.close()
        for descriptor in self._descriptors:
            os.close(descriptor)
        self._descriptors = []


def peer(sock: socket.socket) -> tuple[int, int]:
    """Return process id and user id of the other end, as the kernel recorded them (SO_PEERCRED)."""
    raw = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    pid, uid, _ = _CREDENTIALS.unpack(raw)
    return int(pid), int(uid)
