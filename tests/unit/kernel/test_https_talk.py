# SPDX-License-Identifier: GPL-2.0-or-later
"""DNS over HTTPS against the server's side of the library: what is sent, believed, refused, asked later."""

from __future__ import annotations

import random
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import pytest
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import Event, RequestReceived
from h2.exceptions import StreamClosedError
from h2.settings import SettingCodes

from patronus.kernel.https_talk import LONGEST, MEDIA_TYPE, Requests
from patronus.kernel.talk import Question

MESSAGE = b"\x12\x34" + bytes(30)
PART = 16_000
GOOD = ((":status", "200"), ("content-type", MEDIA_TYPE))


class Server:
    """A server of HTTP/2 and a client that speaks to it; bytes go over when ``carry`` is called."""

    def __init__(self, **settings: int) -> None:
        self.http = H2Connection(H2Configuration(client_side=False, header_encoding="utf-8"))
        self.http.initiate_connection()
        if settings:
            self.http.update_settings({SettingCodes[name]: value for name, value in settings.items()})
        self.talk = Requests("dns.example", 443, "/dns-query")
        self.events: list[Event] = []
        self.said: list[tuple[str, bytes | str]] = []

    def begin(self) -> Server:
        self.talk.begin("h2")
        self.carry()
        return self

    def carry(self) -> None:
        """Let both say what they have until they have nothing more."""
        while said := self.talk.speak():
            self.events += self.http.receive_data(said)
            self.talk.hear(self.http.data_to_send())

    def ask(self, message: bytes = MESSAGE, name: str = "q") -> Question:
        question = Question(
            message,
            lambda data: self.said.append((name, data)),
            lambda reason: self.said.append((name, reason)),
        )
        self.talk.ask(question)
        self.carry()
        return question

    def requests(self) -> list[Any]:
        return [event for event in self.events if isinstance(event, RequestReceived)]

    def reply(
        self, body: bytes, headers: Sequence[tuple[str, str]] = GOOD, stream: int | None = None
    ) -> None:
        at = stream or self.requests()[-1].stream_id
        self.http.send_headers(at, headers)
        for start in range(0, len(body), PART):
            part = body[start : start + PART]
            with suppress(StreamClosedError):  # the client has heard enough
                self.http.send_data(at, part, end_stream=start + PART >= len(body))
            self.talk.hear(self.http.data_to_send())
            self.carry()


def test_a_question_is_a_request_that_says_nothing_of_who_asks() -> None:
    server = Server().begin()
    server.ask()
    (request,) = server.requests()
    assert request.headers == [
        (":method", "POST"),
        (":scheme", "https"),
        (":authority", "dns.example"),
        (":path", "/dns-query"),
        ("accept", "application/dns-message"),
        ("content-type", "application/dns-message"),
        ("content-length", "32"),
    ]
    body = b"".join(getattr(event, "data", None) or b"" for event in server.events)
    assert body == bytes(32), "the id is 0"
    assert server.talk.owes


@pytest.mark.parametrize(
    ("name", "port", "authority"),
    [
        ("dns.example", 8443, "dns.example:8443"),
        ("198.51.100.5", 443, "198.51.100.5"),
        ("2001:db8::53", 443, "[2001:db8::53]"),
        ("2001:db8::53", 8443, "[2001:db8::53]:8443"),
    ],
)
def test_the_server_is_named_as_in_a_url(name: str, port: int, authority: str) -> None:
    server = Server()
    server.talk = Requests(name, port, "/q?x=1")
    server.begin().ask()
    assert dict(server.requests()[0].headers)[":authority"] == authority


def test_answers_come_in_any_order_under_their_own_ids() -> None:
    server = Server().begin()
    first = server.ask(b"\x11\x11" + bytes(10), "first")
    server.ask(b"\x22\x22" + bytes(10), "second")
    one, two = (request.stream_id for request in server.requests())
    server.reply(b"\0\0second answer", stream=two)
    assert server.talk.open() == [first]
    server.reply(b"\0\0first answer", stream=one)
    assert server.said == [("second", b"\x22\x22second answer"), ("first", b"\x11\x11first answer")]
    assert (server.talk.owes, server.talk.concluded) == (False, 2)


def test_a_long_answer_and_many_of_them_come_whole() -> None:
    """A client that does not say what it has taken in hears no more after 64 KiB."""
    server = Server().begin()
    for number in range(20):
        server.ask()
        server.reply(b"\0\0" + bytes([number]) * 40_000)
    assert [data for _, data in server.said] == [b"\x12\x34" + bytes([n]) * 40_000 for n in range(20)]


def test_a_message_of_another_kind_is_asked_for_under_any_capitals_and_parameters() -> None:
    server = Server().begin()
    server.ask()
    server.reply(b"\0\0yes", ((":status", "200"), ("content-type", "Application/DNS-message; charset=x")))
    assert server.said == [("q", b"\x12\x34yes")]


@pytest.mark.parametrize(
    ("headers", "body", "reason"),
    [
        (((":status", "404"), ("content-type", MEDIA_TYPE)), b"\0\0no", "answers with the HTTP status 404"),
        (((":status", "302"), ("location", "https://other.example/")), b"x", "the HTTP status 302"),
        (((":status", "200"), ("content-type", "text/html")), b"<html>", "with text/html in place of a DNS"),
        (((":status", "200"),), b"\0\0x", "with something in place of a DNS message"),
        (GOOD, bytes(LONGEST + 1), "with more than a DNS message holds"),
        (GOOD, bytes(3 * LONGEST), "with more than a DNS message holds"),
    ],
    ids=["an error", "a detour", "a page", "anything", "a byte too much", "far too much"],
)
def test_what_is_no_answer_is_refused_and_the_next_is_heard(
    headers: Sequence[tuple[str, str]], body: bytes, reason: str
) -> None:
    server = Server().begin()
    server.ask()
    server.reply(body, headers)
    ((_, said),) = server.said
    assert isinstance(said, str) and reason in said
    server.ask(name="next")
    server.reply(b"\0\0fine")
    assert server.said[1:] == [("next", b"\x12\x34fine")]


def test_a_request_that_the_server_gives_up_is_refused() -> None:
    server = Server().begin()
    server.ask()
    server.http.reset_stream(1, ErrorCodes.REFUSED_STREAM)
    server.talk.hear(server.http.data_to_send())
    assert server.said == [("q", "gives up the request (HTTP/2 error 7)")]
    assert not server.talk.owes


def test_no_more_are_under_way_than_the_server_takes() -> None:
    server = Server(MAX_CONCURRENT_STREAMS=2).begin()
    asked = [server.ask(name=f"q{number}") for number in range(5)]
    assert len(server.requests()) == 2 and len(server.talk.open()) == 5
    asked[2].close()
    for _ in range(4):
        server.reply(b"\0\0", stream=server.requests()[len(server.said)].stream_id)
    assert [name for name, _ in server.said] == ["q0", "q1", "q3", "q4"]
    assert len(server.requests()) == 4, "the one that nobody waits for is not sent"


def test_a_server_without_room_for_the_question_gets_it_when_there_is() -> None:
    server = Server(INITIAL_WINDOW_SIZE=8).begin()
    server.ask()
    assert server.requests() == [] and server.talk.owes
    server.http.update_settings({SettingCodes.INITIAL_WINDOW_SIZE: 1000})
    server.talk.hear(server.http.data_to_send())
    server.carry()
    server.reply(b"\0\0now")
    assert server.said == [("q", b"\x12\x34now")]


def test_what_was_asked_before_the_connection_was_up_is_sent_then() -> None:
    server = Server()
    server.ask()
    assert server.talk.speak() == b"" and server.talk.owes
    server.begin().reply(b"\0\0up")
    assert server.said == [("q", b"\x12\x34up")]


@pytest.mark.parametrize("protocol", [None, "http/1.1"])
def test_a_server_that_speaks_something_else_is_left(protocol: str | None) -> None:
    with pytest.raises(ConnectionError, match="does not speak HTTP/2"):
        Server().talk.begin(protocol)


def test_a_server_that_says_goodbye_has_answered_and_is_left() -> None:
    """What it has not answered goes on elsewhere."""
    server = Server().begin()
    server.ask(name="answered")
    left = server.ask(name="left")
    one = server.requests()[0].stream_id
    server.http.send_headers(one, GOOD)
    server.http.send_data(one, b"\0\0last", end_stream=True)
    server.http.close_connection()
    with pytest.raises(ConnectionError, match="closed the connection"):
        server.talk.hear(server.http.data_to_send())
    assert server.said == [("answered", b"\x12\x34last")]
    assert (server.talk.open(), server.talk.concluded) == ([left], 1)


@pytest.mark.parametrize(
    "data",
    [
        bytes(100),
        b"\x00\x00\x01\x01\x05\x00\x00\x00\x01\xff",
        b"\x00\x00\x06\x04\x00\x00\x00\x00\x00\x00\x02\x00\x00\x00\x07",
    ],
    ids=["data of no request", "headers that cannot be read", "a setting that cannot be"],
)
def test_what_is_no_http_2_ends_the_connection(data: bytes) -> None:
    server = Server().begin()
    question = server.ask()
    with pytest.raises(ConnectionError, match="breaks HTTP/2"):
        server.talk.hear(data)
    assert server.talk.open() == [question]


def test_pushed_pages_are_not_taken() -> None:
    server = Server().begin()
    assert not server.http.remote_settings.enable_push


def test_one_who_waits_no_more_is_told_nothing() -> None:
    server = Server().begin()
    server.ask().close()
    server.reply(b"\0\0late")
    assert server.said == [] and not server.talk.owes


@pytest.mark.parametrize("seed", range(20))
def test_whatever_comes_answers_refuses_or_ends_the_connection(seed: int) -> None:
    drawn = random.Random(seed)
    for _ in range(25):
        server = Server().begin()
        for name in ("a", "b"):
            server.ask(name=name)
        for request in server.requests():
            server.http.send_headers(request.stream_id, (*GOOD, ("cache-control", "max-age=60")))
            server.http.send_data(request.stream_id, bytes(50), end_stream=True)
        data = bytearray(server.http.data_to_send())
        for _ in range(drawn.randrange(1, 4)):
            at = drawn.randrange(len(data))
            data[at : at + drawn.randrange(4)] = drawn.randbytes(drawn.randrange(4))
        with suppress(ConnectionError):
            while data:
                server.talk.hear(bytes(data[:30]))
                server.talk.speak()
                del data[:30]
        assert server.talk.concluded + len(server.talk.open()) == 2
