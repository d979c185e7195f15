# SPDX-License-Identifier: GPL-2.0-or-later
"""No client keeps others from asking over TCP: its own places are few, and the quietest makes way."""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from patronus.kernel.crowd import Crowd
from patronus.kernel.incoming import MessageStream
from patronus.kernel.loop import Loop

LONG_S = 60.0


class Room:
    """A crowd of three places, two for each address, in a loop that runs until the end."""

    def __init__(self) -> None:
        self.loop = Loop()
        self.crowd = Crowd(self.loop, each=2, together=3)
        self._pool = ThreadPoolExecutor(1)
        self._running = self._pool.submit(self.loop.run)

    def _echo(self, data: bytes, respond: Callable[[bytes], None]) -> None:
        respond(data)

    def enter(self, address: str) -> socket.socket:
        """Let a client in from the loop's thread; its end may be closed at once."""
        ours, theirs = socket.socketpair()
        theirs.settimeout(LONG_S)
        self._in_loop(lambda: self.crowd.enter(ours, address, self._echo))
        return theirs

    def _in_loop(self, work: Callable[[], object]) -> None:
        ready, told = socket.socketpair()
        ready.settimeout(LONG_S)

        def run() -> None:
            work()
            told.send(b"\0")

        self.loop.call_soon(run)
        ready.recv(1)
        ready.close()
        told.close()

    def close(self) -> None:
        self.loop.call_soon(self.loop.stop)
        self._running.result(timeout=LONG_S)
        self._pool.shutdown()


def served(client: socket.socket) -> bool:
    """Return whether a message comes back, or the connection is closed."""
    try:
        client.send(struct.pack("!H", 2) + b"hi")
        return client.recv(100) == b"\0\2hi"
    except OSError:
        return False


@pytest.fixture
def room() -> Iterator[Room]:
    made = Room()
    yield made
    made.close()


def test_an_address_that_holds_its_places_gets_no_more_and_others_do(room: Room) -> None:
    greedy = [room.enter("192.0.2.1") for _ in range(3)]
    assert [served(client) for client in greedy] == [True, True, False]
    assert served(room.enter("192.0.2.2"))


def test_where_all_places_are_taken_the_quietest_makes_way(room: Room) -> None:
    first, second, third = (room.enter(f"192.0.2.{number}") for number in (1, 2, 3))
    assert served(first)
    assert served(room.enter("192.0.2.4"))
    assert (served(first), served(second), served(third)) == (True, False, True)


def test_who_leaves_gives_the_place_back(room: Room) -> None:
    first, _ = room.enter("192.0.2.1"), room.enter("192.0.2.1")
    assert served(first)
    first.shutdown(socket.SHUT_WR)
    assert first.recv(100) == b""
    assert served(room.enter("192.0.2.1"))


def test_a_stream_that_ends_in_the_midst_of_its_messages_is_heard_no_more() -> None:
    loop, heard = Loop(), []
    ours, theirs = socket.socketpair()

    def on_message(stream: MessageStream, data: bytes, _: Callable[[bytes], None]) -> None:
        heard.append(data)
        stream.close()

    stream = MessageStream(loop, ours, on_message, lambda _: None)
    theirs.send(b"\0\1a\0\1b")
    stream._read()
    assert heard == [b"a"]
    theirs.close()
