# SPDX-License-Identifier: GPL-2.0-or-later
"""The checks of an uplink on a wire: each kind is answered by who is well, and says why by who is not."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from ipaddress import ip_address
from typing import Any

import pytest

from patronus.network.uplinks.model import Uplink
from patronus.network.uplinks.server import failure_of
from patronus.network.uplinks.task import Task
from tests.netns.interfaces.router import eventually
from tests.netns.lab import Namespace, connect

HERE, THERE = "198.51.100.2", "198.51.100.1"
LONG_S = 20
"""For answers that come; what never comes is waited for as briefly as the model lets."""


@pytest.fixture
def there(namespace: Namespace, neighbour: Namespace) -> Namespace:
    """Wire the router to a gateway; no route leads to it but that of the link."""
    connect(namespace, "wan", neighbour, "gate")
    namespace.ip(f"address add {HERE}/24 dev wan")
    neighbour.ip(f"address add {THERE}/24 dev gate")
    for side, device in ((namespace, "wan"), (neighbour, "gate")):
        eventually(partial(link_locals, side, device), "a link-local address")
    return neighbour


def link_locals(namespace: Namespace, device: str) -> list[str]:
    """Return the addresses that the kernel gave a device, once its link is ready."""
    found = json.loads(namespace.ip(f"-json -6 address show {device} scope link -tentative"))
    return [address["local"] for one in found for address in one.get("addr_info", [])]


def link_local(namespace: Namespace, device: str) -> str:
    return link_locals(namespace, device)[0]


def asked(check: dict[str, Any], *more: dict[str, Any], timeout: int = LONG_S, **given: Any) -> str | None:
    given = {"id": "wan", "checks": [check, *more], "timeout": f"{timeout}s", **given}
    return failure_of(Task(Uplink.model_validate(given), "wan", ip_address(THERE)))


@contextmanager
def answering(inbox: socket.socket, port: int, answer: Callable[[socket.socket], None]) -> Iterator[None]:
    """Let a socket at the gateway answer until it is closed."""
    inbox.settimeout(None)
    if inbox.type == socket.SOCK_STREAM:  # a connection that the server ends keeps the port for a minute
        inbox.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    inbox.bind(("", port))
    if inbox.type == socket.SOCK_STREAM:
        inbox.listen()

    def serve() -> None:
        try:
            while True:
                answer(inbox)
        except OSError:
            return

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield
    finally:
        with suppress(OSError):
            inbox.shutdown(socket.SHUT_RDWR)  # wakes the thread; a datagram socket says that nobody was there
        inbox.close()


def web(*pieces: bytes) -> Callable[[socket.socket], None]:
    """Return what answers one connection in pieces, each in a packet of its own, and hangs up."""

    def answer(inbox: socket.socket) -> None:
        client = inbox.accept()[0]
        with client:
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            client.recv(1024)
            for piece in pieces:
                client.sendall(piece)

    return answer


def resolver(code: int) -> Callable[[socket.socket], None]:
    """Return what answers a question with a code."""

    def answer(inbox: socket.socket) -> None:
        question, client = inbox.recvfrom(512)
        if client is None:
            raise ConnectionError("closed")
        inbox.sendto(question[:2] + bytes([0x81, 0x80 | code]) + question[4:], client)

    return answer


def test_an_echo_is_answered_by_the_gateway_of_either_family(there: Namespace) -> None:
    assert asked({"kind": "icmp"}) is None
    assert asked({"kind": "icmp", "target": link_local(there, "gate")}) is None
    assert asked({"kind": "icmp", "target": "198.51.100.9"}, timeout=1) is not None


def test_a_connection_is_taken_by_whoever_listens(there: Namespace) -> None:
    check = {"kind": "tcp", "port": 443}
    assert asked(check) == f"tcp to {THERE}: Connection refused"
    with answering(there.socket(4, socket.SOCK_STREAM), 443, web()):
        assert asked(check) is None
    with answering(there.socket(6, socket.SOCK_STREAM), 443, web()):
        assert asked({**check, "target": link_local(there, "gate")}) is None


@pytest.mark.parametrize(
    ("pieces", "said"),
    [
        ((b"HTTP/1.1 200 OK\r\n", b"\r\n"), None),
        ((b"HTT", b"P/1.", b"1 404 Not Found\r\n"), None),
        ((b"HTTP/1.1 503 Busy\r\n",), "the server failed with 503"),
        ((b"SSH-2.0-x\r\n",), "that is no web server"),
        ((), "that is no web server"),
    ],
    ids=["page", "pieces", "fault", "other", "silent"],
)
def test_a_page_is_read_by_its_first_line(
    there: Namespace, pieces: tuple[bytes, ...], said: str | None
) -> None:
    with answering(there.socket(4, socket.SOCK_STREAM), 80, web(*pieces)):
        assert asked({"kind": "http"}) == said


@pytest.mark.parametrize(("code", "said"), [(0, None), (3, None), (2, "the server failed with code 2")])
def test_a_question_is_answered_by_whoever_knows(there: Namespace, code: int, said: str | None) -> None:
    with answering(there.socket(4, socket.SOCK_DGRAM), 53, resolver(code)):
        assert asked({"kind": "dns", "name": "example.com"}) == said


def test_of_several_checks_one_is_enough_or_all_are_needed(there: Namespace) -> None:
    well, ill = {"kind": "icmp"}, {"kind": "tcp", "port": 443}
    assert asked(ill, well) is None
    assert asked(ill, well, needed="all") == f"tcp to {THERE}: Connection refused"


def test_without_checks_an_uplink_is_well_with_a_gateway_or_without() -> None:
    item = Uplink.model_validate({"id": "wan", "checks": []})
    assert failure_of(Task(item, None, None, "wan has no device")) is None
    asks = Uplink.model_validate({"id": "wan"})
    assert failure_of(Task(asks, None, None, "wan has no device")) == "wan has no device"
