# SPDX-License-Identifier: GPL-2.0-or-later
"""A client's stream of messages, each behind its length in two bytes, as DNS over TCP has them (RFC 7766)."""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable

from patronus.kernel.loop import Loop

CHUNK = 65536
IDLE_S = 10.0
UNSENT_LIMIT = 1024 * 1024
"""Bytes that may wait for a client that asks and does not read; past that it is cut off."""
_LENGTH = struct.Struct("!H")

OnMessage = Callable[["MessageStream", bytes, Callable[[bytes], None]], None]
"""(stream, message, respond): the response may come at once, later, or never."""


class MessageStream:
    """One client. Ends when the client does, or when nothing has come or gone for a while."""

    def __init__(
        self, loop: Loop, sock: socket.socket, on_message: OnMessage, on_end: Callable[[MessageStream], None]
    ) -> None:
        self._loop = loop
        self._sock = sock
        self._on_message = on_message
        self._on_end = on_end
        self._received = bytearray()
        self._unsent = bytearray()
        sock.settimeout(0)
        self._timer = loop.call_later(IDLE_S, self.close)
        loop.on_readable(sock, self._read)

    def close(self) -> None:
        """End the stream; harmless where it has ended."""
        if self._sock.fileno() < 0:
            return
        self._timer.close()
        self._loop.forget(self._sock)
        self._sock.close()
        self._on_end(self)

    def _busy(self) -> None:
        self._timer.close()
        self._timer = self._loop.call_later(IDLE_S, self.close)

    def _read(self) -> None:
        try:
            data = self._sock.recv(CHUNK)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self.close()
            return
        self._received += data
        self._busy()
        while len(self._received) >= 2:
            end = 2 + _LENGTH.unpack_from(self._received)[0]
            if len(self._received) < end:
                return
            message = bytes(self._received[2:end])
            del self._received[:end]
            self._on_message(self, message, self._respond)
            if self._sock.fileno() < 0:
                return

    def _respond(self, message: bytes) -> None:
        if self._sock.fileno() < 0:
            return
        self._unsent += _LENGTH.pack(len(message)) + message
        if len(self._unsent) > UNSENT_LIMIT:
            self.close()
            return
        self._write()

    def _write(self) -> None:
        try:
            sent = self._sock.send(self._unsent)
        except BlockingIOError:
            sent = 0
        except OSError:
            self.close()
            return
        del self._unsent[:sent]
        self._busy()
        if self._unsent:
            self._loop.on_writable(self._sock, self._write)
        else:
            self._loop.on_readable(self._sock, self._read)
