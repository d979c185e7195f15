# SPDX-License-Identifier: GPL-2.0-or-later
"""Asking upstream servers: what is sent, what is believed, whom to ask next. Pure; the sockets are handed in.

An answer is believed if it came to the port that asked, with the id, and with the question in the very case
that was drawn for it (RFC 5452; draft-vixie-dnsext-dns0x20). What fits but for the case is asked over TCP.
"""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from patronus.network.dns.config import UpstreamServer
from patronus.network.dns.cookies import BadOptions
from patronus.network.dns.health import TRY_TIMES_S, Upstreams
from patronus.network.dns.names import MalformedMessage
from patronus.network.dns.wire import (
    HEADER,
    HEADER_SIZE,
    QUESTION_TAIL,
    Flag,
    Rcode,
    Response,
    opt_record,
    parse_response,
    rcode_text,
)


class Closable(Protocol):
    """A question on its way."""

    def close(self) -> None:
        """End it."""


OnData = Callable[[bytes], None]
OnFailure = Callable[[str], None]


class Transport(Protocol):
    """What carries questions, and time."""

    def ask(self, server: UpstreamServer, data: bytes, on_data: OnData, on_failure: OnFailure) -> Closable:
        """Send to the server, over TCP where it says so. Raises OSError."""

    def later(self, delay_s: float, callback: Callable[[], None]) -> Closable:
        """Call back after a while, unless closed."""

    def now(self) -> float:
        """Return monotonic seconds."""


@dataclass(frozen=True)
class Question:
    """What is asked; ``name`` is in lower case."""

    name: bytes
    qtype: int
    qclass: int
    do: bool
    cd: bool


@dataclass(frozen=True)
class _Try:
    """One server's turn: which it was, and when the question left."""

    number: int
    sent_s: float


class Resolution:
    """One question on its way to an answer; ``finish`` is called once, with the response or None."""

    def __init__(
        self,
        question: Question,
        upstreams: Upstreams,
        transport: Transport,
        counters: Counter[str],
        finish: Callable[[Response | None], None],
    ) -> None:
        self._question = question
        self._upstreams = upstreams
        self._transport = transport
        self._counters = counters
        self._finish = finish
        self._order = upstreams.order(transport.now())
        self._tries = 0
        self._open: list[Closable] = []
        self._timer: Closable | None = None
        self._failure: Response | None = None
        self._done = False

    def start(self) -> None:
        """Ask the first server; without servers the resolution fails at once."""
        self._next()

    def _next(self) -> None:
        """Ask the next server, twice around at most, and set the time for the one after."""
        if self._timer is not None:
            self._timer.close()
        if self._done:
            return
        if not self._order or self._tries >= max(len(TRY_TIMES_S), len(self._order)):
            self._end(self._failure)
            return
        server = self._order[self._tries % len(self._order)]
        wait_s = TRY_TIMES_S[min(self._tries, len(TRY_TIMES_S) - 1)]
        self._tries += 1
        self._timer = self._transport.later(wait_s, lambda: self._timed_out(server))
        self._ask(server, self._tries)

    def _timed_out(self, server: UpstreamServer) -> None:
        health = self._upstreams.health(server)
        health.failed(self._transport.now(), health.problem or "does not answer in time")
        health.jar.refuse(self._transport.now())
        self._counters["upstream timeouts"] += 1
        self._next()

    def _ask(self, server: UpstreamServer, number: int) -> None:
        sent_s = self._transport.now()
        cookie = b"" if server.stream else self._upstreams.health(server).jar.offered(sent_s)
        sent = query_bytes(self._question, padded=server.private, cookie=cookie)
        try:
            exchange = self._transport.ask(
                server,
                sent,
                lambda data: self._received(server, sent, data, _Try(number, sent_s)),
                lambda reason: self._failed(server, reason, number),
            )
        except OSError as error:
            self._failed(server, str(error), number)
            return
        self._open.append(exchange)

    def _failed(self, server: UpstreamServer, reason: str, number: int) -> None:
        """Go on to the next server, unless the try that failed has been followed by another already."""
        self._upstreams.health(server).failed(self._transport.now(), reason)
        self._counters["upstream failures"] += 1
        if number == self._tries:
            self._next()

    def _received(self, server: UpstreamServer, sent: bytes, data: bytes, of: _Try) -> None:
        """Take an answer, go on with TCP, or wait on where it is not one to this question."""
        if self._done:
            return
        try:
            response = parse_response(data)
        except MalformedMessage:
            self._counters["upstream malformed"] += 1
            return
        asked = sent[HEADER_SIZE : HEADER_SIZE + len(self._question.name) + QUESTION_TAIL.size]
        got = data[HEADER_SIZE : response.question_end]
        if data[:2] != sent[:2] or got[-4:] != asked[-4:] or got[:-4].lower() != self._question.name:
            self._counters["upstream mismatches"] += 1
            return
        if response.flags & Flag.TC or got != asked:
            self._over_tcp(server, response, of)
        elif server.stream or self._fits_cookie(server, response, of):
            self._judge(server, response, of)

    def _fits_cookie(self, server: UpstreamServer, response: Response, of: _Try) -> bool:
        """Return whether a datagram has the cookie that it should; else it is passed over, or asked again.

        A server that has shown cookies and shows none now is asked over TCP, where nobody else can answer;
        one that takes none is asked without (RFC 7873 section 5.3).
        """
        jar, now_s = self._upstreams.health(server).jar, self._transport.now()
        try:
            cookie = response.cookie()
        except BadOptions:
            self._counters["upstream malformed"] += 1
            return False
        if cookie and not jar.takes(cookie):
            self._counters["upstream mismatches"] += 1
        elif response.rcode == Rcode.BADCOOKIE or jar.misses(cookie, now_s):
            self._over_tcp(server, response, of)
        elif response.rcode == Rcode.FORMERR and jar.refuse(now_s):
            self._ask(server, of.number)
        else:
            return True
        return False

    def _over_tcp(self, server: UpstreamServer, response: Response, of: _Try) -> None:
        if server.stream:
            self._judge(server, response, of)
            return
        self._counters["upstream over tcp"] += 1
        self._ask(UpstreamServer(server.id, server.address, server.port, "tcp"), of.number)

    def _judge(self, server: UpstreamServer, response: Response, of: _Try) -> None:
        """End with a usable answer; a server that cannot or will not answer passes the question on.

        That a name cannot be resolved (SERVFAIL) may lie with the name; any other error lies with the server.
        """
        whole, health = not response.flags & Flag.TC, self._upstreams.health(server)
        if whole and response.rcode in {Rcode.NOERROR, Rcode.NXDOMAIN}:
            health.worked(self._transport.now() - of.sent_s)
            self._end(response)
            return
        self._counters["upstream refusals"] += 1
        problem = f"answers {rcode_text(response.rcode)}" if whole else "truncates over a stream"
        if whole and response.rcode == Rcode.SERVFAIL:
            health.declined(problem)
        else:
            health.failed(self._transport.now(), problem)
        self._failure = response if whole else self._failure
        if of.number != self._tries:
            return
        if of.number >= len(self._order):
            self._end(self._failure)
        else:
            self._next()

    def _end(self, response: Response | None) -> None:
        if self._done:
            return
        self._done = True
        if self._timer is not None:
            self._timer.close()
        for exchange in self._open:
            exchange.close()
        self._finish(response)


def query_bytes(question: Question, *, padded: bool = False, cookie: bytes = b"") -> bytes:
    """Return the question as a message, its id and the case of its letters drawn anew.

    With ``padded`` its length says little of its name (RFC 8467 section 4.1).
    """
    flags = Flag.RD | (Flag.CD if question.cd else 0)
    header = HEADER.pack(secrets.randbits(16), flags, 1, 0, 0, 1)
    tail = QUESTION_TAIL.pack(question.qtype, question.qclass)
    message = header + mixed_case(question.name) + tail
    return message + opt_record(
        dnssec_ok=question.do, padded_from=len(message) if padded else None, cookie=cookie
    )


def mixed_case(name: bytes) -> bytes:
    """Return the name with each letter's case drawn at random; a length is never a letter's code."""
    drawn = secrets.randbits(8 * len(name)).to_bytes(len(name))
    return bytes(
        byte ^ (0x20 if 97 <= byte <= 122 and coin & 1 else 0) for byte, coin in zip(name, drawn, strict=True)
    )
