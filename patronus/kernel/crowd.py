# SPDX-License-Identifier: GPL-2.0-or-later
"""Streams of many clients: each may hold some, and where all places are taken the quietest makes way."""

from __future__ import annotations

import socket
from collections import Counter
from collections.abc import Callable

from patronus.kernel.incoming import MessageStream
from patronus.kernel.loop import Loop

Respond = Callable[[bytes], None]
OnMessage = Callable[[bytes, Respond], None]
"""(message, respond)."""


class Crowd:
    """At most ``each`` streams of one address and ``together`` of all.

    A newcomer gets in unless its own address holds too many: who has been quiet longest makes way for it
    (RFC 7766 section 6.2.3 lets a server close what is idle).
    """

    def __init__(self, loop: Loop, *, each: int, together: int) -> None:
        self._loop = loop
        self._each = each
        self._together = together
        self._streams: dict[MessageStream, tuple[str, OnMessage]] = {}
        self._held: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._streams)

    def enter(self, sock: socket.socket, address: str, on_message: OnMessage) -> bool:
        """Serve a client's new connection; False where its address holds too many, and it is closed."""
        if self._held[address] >= self._each:
            sock.close()
            return False
        while len(self._streams) >= self._together:
            next(iter(self._streams)).close()
        stream = MessageStream(self._loop, sock, self._heard, self._left)
        self._streams[stream] = address, on_message
        self._held[address] += 1
        return True

    def _heard(self, stream: MessageStream, data: bytes, respond: Respond) -> None:
        self._streams[stream] = client = self._streams.pop(stream)
        client[1](data, respond)

    def _left(self, stream: MessageStream) -> None:
        address, _ = self._streams.pop(stream)
        self._held[address] -= 1
        if not self._held[address]:
            del self._held[address]
