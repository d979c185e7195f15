# SPDX-License-Identifier: GPL-2.0-or-later
"""Peers that fall silent, or send a byte now and then, hold no thread of the admin page for long."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

server = pytest.importorskip("webui.server", exc_type=ImportError)


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


def test_a_silent_peer_counts_as_gone(
    pair: tuple[socket.socket, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "SILENCE_S", 0.01)
    request = server.Request(pair[0])
    request.begin()
    assert request.read() == b""


def test_a_request_must_be_whole_in_time_however_it_trickles(
    pair: tuple[socket.socket, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [100.0]
    monkeypatch.setattr(server.time, "monotonic", lambda: now[0])
    request = server.Request(pair[0])
    request.begin()
    got = []
    for _ in range(10):
        pair[1].send(b"x")
        got.append(request.read())
        now[0] += server.SILENCE_S * 0.9
    assert got == [b"x"] * 4 + [b""] * 6
    request.begin()
    assert request.read() == b"xxxxxx"


def test_what_is_sent_in_time_is_read(pair: tuple[socket.socket, socket.socket]) -> None:
    request = server.Request(pair[0])
    request.begin()
    pair[1].send(b"GET / HTTP/1.1\r\n")
    assert request.read() == b"GET / HTTP/1.1\r\n"
