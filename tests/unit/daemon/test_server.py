# SPDX-License-Identifier: GPL-2.0-or-later
"""Calls cross a real socket: results, errors, streams, garbage, and more connections than there are slots."""

from __future__ import annotations

import errno
import gc
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from patronus.client import Client
from patronus.core.errors import NotFound, PatronusError, Unavailable
from patronus.core.varlink import Message
from patronus.daemon import server as server_module
from patronus.daemon.peer import Peer
from patronus.daemon.server import LARGE, Server
from patronus.daemon.slots import PER_USER


def answer(peer: Peer, method: str, parameters: dict[str, Any]) -> Iterator[Message]:
    if method.endswith("Count"):
        for number in range(parameters["to"]):
            yield {"parameters": {"number": number}, "continues": True}
        yield {"parameters": {"number": -1}}
    elif method.endswith("Break"):
        raise ZeroDivisionError
    elif method.endswith("Echo"):
        yield {"parameters": {"peer": peer.name, **parameters}}
    else:
        raise NotFound(method)


@pytest.fixture
def path(tmp_path: Path) -> Iterator[Path]:
    place = tmp_path / "patronus.sock"
    server = Server(place, answer)
    server.start()
    yield place
    server.stop()


def test_a_call_returns_the_result_and_the_peer_is_known(path: Path) -> None:
    with Client(path) as client:
        result = client.call("test.Echo", {"text": "ü"}, session="s", origin="o")
    assert result.pop("peer")
    assert result == {"text": "ü", "session": "s", "origin": "o"}


def test_a_connection_that_waits_holds_nothing_of_the_last_call(path: Path) -> None:
    """Ten faces that wait would hold ten files of rules."""
    mark = "of this test alone"

    def held() -> list[object]:
        found = (one.get("text") for one in gc.get_objects() if type(one) is dict)
        return [text for text in found if isinstance(text, list) and text[:1] == [mark]]

    with Client(path) as client:
        assert client.call("test.Echo", {"text": [mark]})["text"] == [mark]
        end = time.monotonic() + 30
        while held() and time.monotonic() < end:
            time.sleep(0.01)
        assert not held()
        assert client.call("test.Echo", {"text": [mark]})["text"] == [mark]


@pytest.mark.parametrize(("size", "given"), [(LARGE, 1), (LARGE // 2, 0)])
def test_what_a_large_call_left_free_is_given_back(
    path: Path, monkeypatch: pytest.MonkeyPatch, size: int, given: int
) -> None:
    calls: list[None] = []
    monkeypatch.setattr(server_module, "give_back", lambda: calls.append(None))
    with Client(path) as client:
        for _ in range(2):
            client.call("test.Echo", {"text": "x" * size})
        client.call("test.Echo")  # the thread is done with the second one
    assert len(calls) == 2 * given


def test_it_serves_on_after_the_machine_ran_out_of_threads_and_descriptors(
    path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        for _ in range(PER_USER + 1):
            with pytest.raises(Unavailable), Client(path) as client:
                client.call("test.Echo")
    accept, left = socket.socket.accept, iter([1, 2])

    def exhausted(self: socket.socket) -> tuple[socket.socket, Any]:
        if next(left, None):
            raise OSError(errno.EMFILE, "Too many open files")
        return accept(self)

    monkeypatch.setattr(socket.socket, "accept", exhausted)
    for _ in range(4):
        with Client(path) as client:
            assert client.call("test.Echo")["peer"]
    assert "Too many open files" in caplog.text


def test_an_error_arrives_as_itself_and_the_connection_lives_on(path: Path) -> None:
    with Client(path) as client:
        with pytest.raises(NotFound, match=r"io\.patronus\.test\.v1\.Missing"):
            client.call("test.Missing")
        with pytest.raises(PatronusError, match="internal error"):
            client.call("test.Break")
        assert client.call("test.Echo")["peer"]


def test_a_stream_yields_until_its_end(path: Path) -> None:
    with Client(path) as client:
        numbers = [item["number"] for item in client.stream("test.Count", {"to": 3})]
        assert numbers == [0, 1, 2, -1]
        assert client.call("test.Echo")["peer"]


@pytest.mark.parametrize("garbage", [b"GET / HTTP/1.1\r\n\r\n\0", b"[1]\0", b'{"method": 5}\0', b"\0\0"])
def test_garbage_ends_its_own_connection_only(path: Path, garbage: bytes) -> None:
    with socket.socket(socket.AF_UNIX) as bad, Client(path) as good:
        bad.connect(str(path))
        bad.sendall(garbage)
        bad.settimeout(5)
        assert bad.recv(100) == b""
        assert good.call("test.Echo")["peer"]


def test_too_many_connections_are_turned_away_until_one_ends(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_module, "uid_of", lambda connection: 1000)
    crowd = [Client(path) for _ in range(PER_USER)]
    for client in crowd:
        client.call("test.Echo")
    with Client(path) as late, pytest.raises(Unavailable):
        late.call("test.Echo")
    crowd.pop().close()
    assert any(gets_in(path) for _ in range(100))
    for client in crowd:
        client.close()


def gets_in(path: Path) -> bool:
    try:
        with Client(path) as client:
            return bool(client.call("test.Echo")["peer"])
    except Unavailable:
        time.sleep(0.05)
        return False


def test_no_daemon_is_said_plainly(tmp_path: Path) -> None:
    with (
        Client(tmp_path / "none.sock") as client,
        pytest.raises(Unavailable, match="patronusd does not answer"),
    ):
        client.call("test.Echo")
