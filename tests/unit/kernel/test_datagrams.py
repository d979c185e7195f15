# SPDX-License-Identifier: GPL-2.0-or-later
"""Each client gets its own reply, with its own id, from the address that it asked, in batches or alone."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from patronus.kernel.datagrams import COUNT, SLOT, Batch, Ready, Route, reply
from patronus.kernel.sockets import IP_PKTINFO

LONG_S = 60.0
LOOPBACK = {socket.AF_INET: ("127.0.0.2", "127.0.0.1"), socket.AF_INET6: ("::1", "::1")}


class Service:
    """A socket that is asked, its replies that are ready, and what was handed on."""

    def __init__(self, family: socket.AddressFamily) -> None:
        self.family, self.batch, self.ready = family, Batch(), Ready()
        self.others: list[tuple[bytes, Route]] = []
        self.socket = socket.socket(family, socket.SOCK_DGRAM)
        self.socket.bind(("0.0.0.0" if family == socket.AF_INET else "::", 0))
        if family == socket.AF_INET:
            self.socket.setsockopt(socket.IPPROTO_IP, IP_PKTINFO, 1)
        else:
            self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)

    def client(self) -> socket.socket:
        """Return a client that hears only the address that it asks."""
        made = socket.socket(self.family, socket.SOCK_DGRAM)
        made.settimeout(LONG_S)
        asked, own = LOOPBACK[self.family]
        made.bind((own, 0))
        made.connect((asked, self.socket.getsockname()[1]))
        return made

    def serve(self) -> tuple[int, int]:
        return self.batch.serve(
            self.socket.fileno(), self.ready.found, lambda data, route: self.others.append((data, route))
        )


@pytest.fixture(params=[socket.AF_INET, socket.AF_INET6])
def service(request: pytest.FixtureRequest) -> Iterator[Service]:
    made = Service(request.param)
    yield made
    made.socket.close()


def test_a_reply_that_is_ready_goes_out_with_the_id_of_each_question(service: Service) -> None:
    service.ready.put(b"\0\0name", b"\0\0an answer")
    clients = [service.client() for _ in range(3)]
    for number, client in enumerate(clients):
        client.send(bytes((number, 7)) + b"name")
    assert service.serve() == (3, 3)
    assert [client.recv(100) for client in clients] == [bytes((n, 7)) + b"an answer" for n in range(3)]
    assert service.others == [] and service.serve() == (0, 0)


def test_what_has_none_is_handed_on_and_answered_alone(service: Service) -> None:
    service.ready.put(b"\0\0known", b"\0\0yes")
    clients = [service.client() for _ in range(5)]
    for number, client in enumerate(clients):
        client.send(bytes((number, 0)) + (b"known" if number % 2 else b"other"))
    assert service.serve() == (5, 2)
    assert [data for data, _ in service.others] == [bytes((number, 0)) + b"other" for number in (0, 2, 4)]
    for data, route in service.others:
        reply(service.socket.fileno(), route, data[:2] + b"late")
    assert [client.recv(100)[2:] for client in clients] == [b"late", b"yes", b"late", b"yes", b"late"]


def test_more_than_a_batch_comes_in_several(service: Service) -> None:
    service.ready.put(b"\0\0name", b"\0\0yes")
    client = service.client()
    for number in range(COUNT + 5):
        client.send(number.to_bytes(2) + b"name")
    assert (service.serve(), service.serve()) == ((COUNT, COUNT), (5, 5))
    assert {int.from_bytes(client.recv(100)[:2]) for _ in range(COUNT + 5)} == set(range(COUNT + 5))


def test_one_that_is_too_long_is_cut_and_an_empty_one_is_no_question(service: Service) -> None:
    client = service.client()
    client.send(b"x" * (SLOT + 100))
    client.send(b"")
    assert service.serve() == (2, 0)
    assert [len(data) for data, _ in service.others] == [SLOT, 0]


def test_what_is_forgotten_is_not_sent_and_what_has_no_room_is_not_kept(service: Service) -> None:
    small = Ready(10)
    small.put(b"\0\0a", b"\0\0" + b"x" * 8)
    small.put(b"\0\0b", b"\0\0" + b"y" * 8)
    assert list(small.found) == [b"a"]
    small.clear()
    small.put(b"\0\0b", b"\0\0" + b"y" * 8)
    service.ready = small
    client = service.client()
    client.send(b"\1\1a")
    client.send(b"\1\2b")
    assert service.serve() == (2, 1)
    assert client.recv(100) == b"\1\2" + b"y" * 8


def test_a_socket_that_is_closed_is_an_error(service: Service) -> None:
    with socket.socket(service.family, socket.SOCK_DGRAM) as gone:
        descriptor = gone.fileno()
    with pytest.raises(OSError, match="descriptor"):
        service.batch.serve(descriptor, {}, lambda _data, _route: None)
