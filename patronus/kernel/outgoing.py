# SPDX-License-Identifier: GPL-2.0-or-later
"""Questions to other servers: one datagram socket or one stream each, without blocking the loop."""

from __future__ import annotations

import logging
import socket
import struct
from collections.abc import Callable

from patronus.kernel.loop import Loop

log = logging.getLogger(__name__)

LARGEST = 65535
_LENGTH = struct.Struct("!H")

OnData = Callable[[bytes], None]
OnFailure = Callable[[str], None]


class Exchange:
    """One question on its way. ``close`` ends it without further callbacks."""

    def __init__(self, loop: Loop, sock: socket.socket) -> None:
        self._loop = loop
        self._sock = sock

    def close(self) -> None:
        """Give the socket back; harmless where it has been."""
        self._loop.forget(self._sock)
        self._sock.close()


def ask_datagram(
    loop: Loop, server: tuple[str, int], data: bytes, on_data: OnData, on_failure: OnFailure
) -> Exchange:
    """Send a datagram from a port of its own, that the kernel draws at random.

    The socket is connected: what comes from elsewhere never reaches us (RFC 5452 section 9.2). Each datagram
    that comes is handed on until the exchange is closed. Raises OSError where nothing could be sent.
    """
    sock = _socket(server, socket.SOCK_DGRAM)
    try:
        sock.connect(server)
        sock.send(data)
    except OSError:
        sock.close()
        raise
    exchange = Exchange(loop, sock)

    def read() -> None:
        try:
            received = sock.recv(LARGEST)
        except BlockingIOError:
            return
        except OSError as error:
            exchange.close()
            on_failure(str(error))
            return
        on_data(received)

    loop.on_readable(sock, read)
    return exchange


def ask_stream(
    loop: Loop, server: tuple[str, int], data: bytes, on_data: OnData, on_failure: OnFailure
) -> Exchange:
    """Ask over TCP (RFC 7766): connect, send one message with its length, hand on the one that comes back.

    Raises OSError where no connection could be begun.
    """
    sock = _socket(server, socket.SOCK_STREAM)
    try:
        sock.connect(server)
    except BlockingIOError:
        pass
    except OSError:
        sock.close()
        raise
    stream = _Stream(loop, sock, _LENGTH.pack(len(data)) + data, on_data, on_failure)
    loop.on_writable(sock, stream.write)
    return stream


class _Stream(Exchange):
    """The stream's progress: what is left to send, what has come."""

    def __init__(
        self, loop: Loop, sock: socket.socket, data: bytes, on_data: OnData, on_failure: OnFailure
    ) -> None:
        super().__init__(loop, sock)
        self._left = data
        self._received = bytearray()
        self._on_data = on_data
        self._on_failure = on_failure

    def write(self) -> None:
        try:
            self._left = self._left[self._sock.send(self._left) :]
        except BlockingIOError:
            return
        except OSError as error:
            self._fail(str(error))
            return
        if not self._left:
            self._loop.on_readable(self._sock, self._read)

    def _read(self) -> None:
        try:
            data = self._sock.recv(LARGEST)
        except BlockingIOError:
            return
        except OSError as error:
            self._fail(str(error))
            return
        if not data:
            self._fail("closed the connection")
            return
        self._received += data
        if len(self._received) >= 2 and len(self._received) >= 2 + _LENGTH.unpack_from(self._received)[0]:
            message = bytes(self._received[2 : 2 + _LENGTH.unpack_from(self._received)[0]])
            self.close()
            self._on_data(message)

    def _fail(self, reason: str) -> None:
        self.close()
        self._on_failure(reason)


def _socket(server: tuple[str, int], kind: socket.SocketKind) -> socket.socket:
    family = socket.AF_INET6 if ":" in server[0] else socket.AF_INET
    return socket.socket(family, kind | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)
