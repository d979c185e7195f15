# SPDX-License-Identifier: GPL-2.0-or-later
"""One host that opens all the connections it can, or lets each trickle, keeps nobody else from the page."""

from __future__ import annotations

import http.client
import socket
import ssl
import struct
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from tests.web.conftest import PORT, Machine, Visitor
from webui.server import BUSY, CONNECTIONS

GREEDY = "127.0.0.66"
LONG_S = 60


def connect() -> socket.socket:
    made = socket.create_connection(("127.0.0.1", PORT), timeout=LONG_S, source_address=(GREEDY, 0))
    made.settimeout(LONG_S)
    return made


def tls() -> ssl.SSLSocket:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context.wrap_socket(connect())


@contextmanager
def held(count: int, *, speaking: bool) -> Iterator[list[socket.socket]]:
    """Hold connections that say nothing, or that have begun a request and never end it."""
    with ExitStack() as stack:
        found: list[socket.socket] = []
        for _ in range(count):
            try:
                found.append(stack.enter_context(tls() if speaking else connect()))
                if speaking:
                    found[-1].sendall(b"GET / HT")
            except OSError:
                continue
        yield found


def is_open(connection: socket.socket) -> bool:
    """Return whether the server still holds the connection; a closed one says so at once."""
    connection.settimeout(0.05)
    try:
        return bool(connection.recv(1))
    except TimeoutError:
        return True
    except OSError:
        return False


def say_and_reset(connection: socket.socket, said: bytes) -> None:
    """Say something and reset the connection, as a host does that is switched off."""
    with connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.sendall(said)


def answer(connection: socket.socket) -> int:
    """Read one answer; return its status."""
    response = http.client.HTTPResponse(connection)
    response.begin()
    response.read()
    return response.status


def served(visitor: Visitor) -> int:
    return visitor.ask("GET", "/static/patronus.css").status


def test_many_silent_connections_of_one_host(machine: Machine, admin: Visitor) -> None:
    with held(3 * CONNECTIONS, speaking=False) as crowd:
        assert served(admin) == 200
        assert sum(map(is_open, crowd)) <= CONNECTIONS
    assert served(machine.visitor(GREEDY)) == 200


def test_many_unfinished_requests_of_one_host(machine: Machine, admin: Visitor) -> None:
    with held(40, speaking=True) as crowd:
        assert served(admin) == 200
        assert 0 < sum(map(is_open, crowd)) <= BUSY
        assert served(admin) == 200


def test_a_connection_that_is_reset_at_once_ends_no_other(machine: Machine, admin: Visitor) -> None:
    with held(4, speaking=True) as others:
        for _ in range(20):
            say_and_reset(connect(), b"GET")
        assert served(admin) == 200
        assert all(map(is_open, others)), "the server died of a reset connection and was started again"


def test_what_one_connection_died_of_is_not_said_of_another(machine: Machine, admin: Visitor) -> None:
    name = f"Host: a\r\nAuthorization: Bearer {admin.bearer}\r\n"
    body = "Content-Type: application/json\r\nContent-Length: 12\r\n"
    with tls() as kept:
        for _ in range(40):
            for _ in range(4):
                say_and_reset(tls(), f"GET /api/v1/openapi.json HTTP/1.1\r\n{name}\r\n".encode())
            kept.sendall(f"POST /api/v1/config/check HTTP/1.1\r\n{name}{body}\r\n".encode())
            time.sleep(0.05)  # the server waits for the body
            kept.sendall(b'{"files":{}}')
            assert answer(kept) == 200
