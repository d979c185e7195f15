# SPDX-License-Identifier: GPL-2.0-or-later
"""Connections to servers over TLS, each for many questions at a time (RFC 7766, RFC 7858, RFC 8484).

The bytes go through memory (``ssl.SSLObject``), so that the loop alone decides when to read and write.
"""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Callable
from typing import NamedTuple

from patronus.kernel.loop import Loop, Timer
from patronus.kernel.talk import OnData, OnFailure, Prefixed, Question, Talk

CHUNK = 65536
SILENCE_S = 0.75
"""A connection that owes an answer for so long gets no further questions: they take a new one."""
DEAD_S = 3.0
"""One that owes an answer for so long, or is not up yet, is given up."""
IDLE_S = 20.0
"""One that nobody asks is closed (RFC 7858 section 3.4)."""


class Peer(NamedTuple):
    """A server with a certificate for ``name`` from ``ca`` (PEM; empty: from those well known).

    Where there is a ``path`` it is asked there over HTTPS.
    """

    address: str
    port: int
    name: str
    ca: str
    path: str = ""


OnEnd = Callable[["Link", list[Question], str], None]
"""(link, questions without an answer, reason)."""


class Link:
    """One connection; it begins to connect at once, and ``on_end`` is called once, when it is over."""

    def __init__(self, loop: Loop, peer: Peer, tls: ssl.SSLContext, talk: Talk, on_end: OnEnd) -> None:
        """Begin to connect. Raises OSError."""
        self._loop = loop
        self._on_end = on_end
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = tls.wrap_bio(self._incoming, self._outgoing, server_hostname=peer.name)
        self._ready = False
        self._talk = talk
        self._unsent = bytearray()
        self._moved_s = time.monotonic()
        self._sock = _connecting(peer)
        self._timer: Timer = loop.call_later(DEAD_S, self._look)
        loop.on_writable(self._sock, self._go_on)

    @property
    def answered(self) -> bool:
        """Return whether any question had an answer on it."""
        return self._talk.concluded > 0

    @property
    def silent(self) -> bool:
        """Return whether it is up and owes an answer for too long to be asked anything else."""
        return self._ready and self._talk.owes and time.monotonic() - self._moved_s > SILENCE_S

    def ask(self, question: Question) -> None:
        """Ask the question, now or when the connection is up."""
        if not self._talk.owes:
            self._moved_s = time.monotonic()
        self._talk.ask(question)
        if self._ready:
            self._loop.call_soon(self._go_on)

    def close(self, reason: str) -> None:
        """End it and hand back what has no answer; harmless where it has ended."""
        if self._sock.fileno() < 0:
            return
        self._timer.close()
        self._loop.forget(self._sock)
        self._sock.close()
        left = [question for question in self._talk.open() if not question.closed]
        self._on_end(self, left, reason)

    def _look(self) -> None:
        """Give up a connection that owes something; close one that nobody needs."""
        still_s = time.monotonic() - self._moved_s
        if still_s >= DEAD_S and (self._talk.owes or not self._ready):
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
        """Go on with the handshake. Raises ssl.SSLError, ConnectionError."""
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            return
        self._talk.begin(self._tls.selected_alpn_protocol())
        self._ready = True
        self._moved_s = time.monotonic()

    def _exchange(self) -> None:
        """Hand questions to TLS and answers to those who wait. Raises ssl.SSLError, ConnectionError."""
        self._speak()
        over, data = False, bytearray()
        try:
            while part := self._tls.read(CHUNK):
                data += part
            over = True
        except ssl.SSLWantReadError:
            pass
        before = self._talk.concluded
        if data:
            self._talk.hear(bytes(data))
        if self._talk.concluded != before:
            self._moved_s = time.monotonic()
        self._speak()
        if over:
            raise ConnectionResetError("closed the connection")

    def _speak(self) -> None:
        said = self._talk.speak()
        if said:
            self._tls.write(said)

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
        self._links: dict[Peer, Link] = {}
        self._contexts: dict[tuple[str, tuple[str, ...]], ssl.SSLContext] = {}

    def ask(self, peer: Peer, data: bytes, on_data: OnData, on_failure: OnFailure) -> Question:
        """Ask the server. Raises OSError where no connection could be begun."""
        question = Question(data, on_data, on_failure)
        self._ask(peer, question)
        return question

    def _ask(self, peer: Peer, question: Question) -> None:
        link = self._links.get(peer)
        if link is None or link.silent:

            def on_end(ended: Link, left: list[Question], reason: str) -> None:
                self._ended(peer, ended, left, reason)

            talk = _talk(peer)
            context = self._context(peer.ca, talk.protocols)
            link = self._links[peer] = Link(self._loop, peer, context, talk, on_end)
        link.ask(question)

    def _context(self, ca: str, protocols: tuple[str, ...]) -> ssl.SSLContext:
        known = self._contexts.get((ca, protocols))
        if known is None:
            known = self._contexts[ca, protocols] = ssl.create_default_context(cadata=ca or None)
            known.minimum_version = ssl.TLSVersion.TLSv1_2
            if protocols:
                known.set_alpn_protocols(list(protocols))
        return known

    def _ended(self, peer: Peer, ended: Link, left: list[Question], reason: str) -> None:
        """Ask again what an old connection took with it; tell the rest that it failed (RFC 7766 6.2.4)."""
        if self._links.get(peer) is ended:
            del self._links[peer]
        for question in left:
            if not ended.answered or question.moved:
                question.on_failure(reason)
                continue
            question.moved = True
            try:
                self._ask(peer, question)
            except OSError as error:
                question.on_failure(str(error))


def _talk(peer: Peer) -> Talk:
    """Return what is said to the server; only who needs HTTP/2 loads it."""
    if not peer.path:
        return Prefixed()
    from patronus.kernel.https_talk import Requests

    return Requests(peer.name, peer.port, peer.path)


def _connecting(peer: Peer) -> socket.socket:
    """Return a socket that is connecting. Raises OSError."""
    family = socket.AF_INET6 if ":" in peer.address else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)
    try:
        sock.connect((peer.address, peer.port))
    except BlockingIOError:
        pass
    except OSError:
        sock.close()
        raise
    return sock
