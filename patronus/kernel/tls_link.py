# SPDX-License-Identifier: GPL-2.0-or-later
"""Connections to servers over TLS, each for many questions at a time (RFC 7766, RFC 7858).

The bytes go through memory (``ssl.SSLObject``), so that the loop alone decides when to read and write.
"""

from __future__ import annotations

import itertools
import socket
import ssl
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass

from patronus.kernel.loop import Loop, Timer

CHUNK = 65536
SILENCE_S = 0.75
"""A connection that owes an answer for so long gets no further questions: they take a new one."""
DEAD_S = 3.0
"""One that owes an answer for so long, or is not up yet, is given up."""
IDLE_S = 20.0
"""One that nobody asks is closed (RFC 7858 section 3.4)."""
_LENGTH = struct.Struct("!H")

OnData = Callable[[bytes], None]
OnFailure = Callable[[str], None]


@dataclass(eq=False)
class Question:
    """What was asked; ``moved`` says that it has been asked on another connection before."""

    data: bytes
    on_data: OnData
    on_failure: OnFailure
    moved: bool = False
    closed: bool = False

    def close(self) -> None:
        """Wait for the answer no more."""
        self.closed = True


OnEnd = Callable[["Link", list[Question], str], None]
"""(link, questions without an answer, reason)."""


class Link:
    """One connection; it begins to connect at once, and ``on_end`` is called once, when it is over."""

    def __init__(
        self, loop: Loop, server: tuple[str, int], tls: ssl.SSLContext, name: str, on_end: OnEnd
    ) -> None:
        """Begin to connect; ``name`` is what the certificate must be for. Raises OSError."""
        self.answered = False
        self._loop = loop
        self._on_end = on_end
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = tls.wrap_bio(self._incoming, self._outgoing, server_hostname=name)
        self._ready = False
        self._numbers = itertools.count()
        self._waiting: dict[int, Question] = {}
        self._plain, self._unsent, self._received = bytearray(), bytearray(), bytearray()
        self._moved_s = time.monotonic()
        self._sock = _connecting(server)
        self._timer: Timer = loop.call_later(DEAD_S, self._look)
        loop.on_writable(self._sock, self._go_on)

    @property
    def silent(self) -> bool:
        """Return whether it is up and owes an answer for too long to be asked anything else."""
        return self._ready and bool(self._waiting) and time.monotonic() - self._moved_s > SILENCE_S

    def ask(self, question: Question) -> None:
        """Send a question; answers come in any order (RFC 7766 section 6.2.1.1)."""
        number = next(self._numbers) & 0xFFFF
        if not self._waiting:
            self._moved_s = time.monotonic()
        self._waiting[number] = question
        self._plain += _LENGTH.pack(len(question.data)) + number.to_bytes(2) + question.data[2:]
        if self._ready:
            self._loop.call_soon(self._go_on)

    def close(self, reason: str) -> None:
        """End it and hand back what has no answer; harmless where it has ended."""
        if self._sock.fileno() < 0:
            return
        self._timer.close()
        self._loop.forget(self._sock)
        self._sock.close()
        left = [question for question in self._waiting.values() if not question.closed]
        self._on_end(self, left, reason)

    def _look(self) -> None:
        """Give up a connection that owes something; close one that nobody needs."""
        still_s = time.monotonic() - self._moved_s
        if still_s >= DEAD_S and (self._waiting or not self._ready):
            self.close("does not answer" if self._ready else "cannot be reached in time")
        elif still_s >= IDLE_S:
            self.close("is not needed")
        else:
            self._timer = self._loop.call_later(DEAD_S, self._look)

    def _go_on(self) -> None:
        """Do what can be done: take bytes, shake hands, read answers, send."""
        if self._sock.fileno() < 0:
            return
        try:
            over = not self._take()
            if not self._ready:
                self._shake_hands()
            if self._ready:
                self._exchange()
            self._send()
        except ssl.SSLCertVerificationError as error:
            self.close(f"its certificate is not believed: {error.verify_message}")
        except (ssl.SSLError, OSError) as error:
            self.close(str(error))
        else:
            if over:
                self.close("closed the connection")

    def _take(self) -> bool:
        """Hand what has come to TLS; return whether more may come. Raises OSError."""
        try:
            data = self._sock.recv(CHUNK)
        except BlockingIOError:
            return True
        if data:
            self._incoming.write(data)
        return bool(data)

    def _shake_hands(self) -> None:
        """Go on with the handshake. Raises ssl.SSLError."""
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            return
        self._ready = True
        self._moved_s = time.monotonic()

    def _exchange(self) -> None:
        """Hand questions to TLS and answers to those who wait. Raises ssl.SSLError."""
        if self._plain:
            self._tls.write(self._plain)
            self._plain.clear()
        over = False
        try:
            while data := self._tls.read(CHUNK):
                self._received += data
            over = True
        except ssl.SSLWantReadError:
            pass
        self._hand_out()
        if over:
            raise ConnectionResetError("closed the connection")

    def _hand_out(self) -> None:
        while len(self._received) >= 2:
            end = 2 + _LENGTH.unpack_from(self._received)[0]
            if len(self._received) < end:
                return
            message = bytes(self._received[2:end])
            del self._received[:end]
            question = self._waiting.pop(int.from_bytes(message[:2]), None)
            if question is not None:
                self.answered, self._moved_s = True, time.monotonic()
                if not question.closed:
                    question.on_data(question.data[:2] + message[2:])

    def _send(self) -> None:
        """Send what TLS has made; wait for room where there is none. Raises OSError."""
        self._unsent += self._outgoing.read()
        try:
            sent = self._sock.send(self._unsent) if self._unsent else 0
        except BlockingIOError:
            sent = 0
        del self._unsent[:sent]
        watch = self._loop.on_writable if self._unsent else self._loop.on_readable
        watch(self._sock, self._go_on)


class Links:
    """A connection to each server that is asked, kept while it is of use."""

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self._links: dict[tuple[str, int, str, str], Link] = {}
        self._contexts: dict[str, ssl.SSLContext] = {}

    def ask(
        self, server: tuple[str, int], name: str, ca: str, data: bytes, on_data: OnData, on_failure: OnFailure
    ) -> Question:
        """Ask the server that has a certificate for ``name`` from ``ca`` (PEM), else from the well-known.

        Raises OSError where no connection could be begun.
        """
        question = Question(data, on_data, on_failure)
        self._ask((*server, name, ca), question)
        return question

    def _ask(self, key: tuple[str, int, str, str], question: Question) -> None:
        link = self._links.get(key)
        if link is None or link.silent:
            address, port, name, ca = key

            def on_end(ended: Link, left: list[Question], reason: str) -> None:
                self._ended(key, ended, left, reason)

            link = self._links[key] = Link(self._loop, (address, port), self._context(ca), name, on_end)
        link.ask(question)

    def _context(self, ca: str) -> ssl.SSLContext:
        if ca not in self._contexts:
            context = ssl.create_default_context(cadata=ca or None)
            context.minimum_version = ssl.TLSVersion.TLSv1_2
            self._contexts[ca] = context
        return self._contexts[ca]

    def _ended(self, key: tuple[str, int, str, str], ended: Link, left: list[Question], reason: str) -> None:
        """Ask again what an old connection took with it; tell the rest that it failed (RFC 7766 6.2.4)."""
        if self._links.get(key) is ended:
            del self._links[key]
        for question in left:
            if not ended.answered or question.moved:
                question.on_failure(reason)
                continue
            question.moved = True
            try:
                self._ask(key, question)
            except OSError as error:
                question.on_failure(str(error))


def _connecting(server: tuple[str, int]) -> socket.socket:
    """Return a socket that is connecting. Raises OSError."""
    family = socket.AF_INET6 if ":" in server[0] else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)
    try:
        sock.connect(server)
    except BlockingIOError:
        pass
    except OSError:
        sock.close()
        raise
    return sock
