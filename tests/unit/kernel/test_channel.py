# SPDX-License-Identifier: GPL-2.0-or-later
"""The control channel carries configuration, descriptors and events, for one user, across restarts."""

from __future__ import annotations

import os
import queue
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from patronus.core.errors import InvalidRequest, KernelError, NotFound, PatronusError, Unavailable
from patronus.kernel.channel import Channel
from patronus.kernel.descriptors import DESCRIPTORS_PER_SEND, Receiver, send
from patronus.kernel.endpoint import MOST_WAITING, Endpoint
from patronus.kernel.loop import Loop

INTERFACE = "io.patronus.test.v1"
LONG_S = 20.0


class Process:
    """A server process's end, in a thread."""

    def __init__(self, path: Path, peer: int | None = None) -> None:
        self.told: queue.Queue[tuple[dict[str, Any], list[bytes]]] = queue.Queue()
        self.loop = Loop()
        handlers = {"Configure": self.configure, "Fail": self.fail}
        self.endpoint = Endpoint(
            self.loop,
            path,
            peer=os.getuid() if peer is None else peer,
            interface=INTERFACE,
            handlers=handlers,
            snapshot=lambda: [{"kind": "snapshot"}],
        )
        self.thread = threading.Thread(target=self.loop.run, daemon=True)
        self.thread.start()

    def configure(self, parameters: dict[str, Any], descriptors: tuple[int, ...]) -> dict[str, Any]:
        contents = []
        for descriptor in descriptors:
            contents.append(os.pread(descriptor, 100, 0))
            os.close(descriptor)
        if parameters.get("bad"):
            raise InvalidRequest("not like this")
        self.told.put((parameters, contents))
        return {"count": len(contents)}

    def fail(self, _: dict[str, Any], __: tuple[int, ...]) -> dict[str, Any]:
        raise NotFound("no such thing")

    def stop(self) -> None:
        self.loop.call_soon(self.endpoint.close)
        self.loop.call_soon(self.loop.stop)
        self.thread.join(LONG_S)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "patronus-test").mkdir()
    return tmp_path / "patronus-test" / "control.sock"


@pytest.fixture
def process(path: Path) -> Iterator[Process]:
    running = Process(path)
    yield running
    running.stop()


@pytest.fixture
def channel(path: Path) -> Iterator[Channel]:
    made = Channel(path, INTERFACE, lambda event: None)
    yield made
    made.stop()


def opened(folder: Path, *contents: bytes) -> list[int]:
    descriptors = []
    for index, content in enumerate(contents):
        file = folder / f"file-{index}"
        file.write_bytes(content)
        descriptors.append(os.open(file, os.O_RDONLY))
    return descriptors


def test_configuration_and_descriptors_arrive_together(
    process: Process, channel: Channel, tmp_path: Path
) -> None:
    channel.push({"a": 1}, opened(tmp_path, b"one", b"two"))
    assert process.told.get(timeout=LONG_S) == ({"a": 1}, [b"one", b"two"])
    assert channel.taken


def test_more_descriptors_than_one_send_takes_arrive_in_order(
    process: Process, channel: Channel, tmp_path: Path
) -> None:
    contents = [str(number).encode() for number in range(2 * DESCRIPTORS_PER_SEND + 7)]
    descriptors = opened(tmp_path, *contents)
    channel.push({}, descriptors)
    assert process.told.get(timeout=LONG_S) == ({}, contents)
    for descriptor in descriptors:
        os.close(descriptor)


def test_a_large_configuration_arrives_whole(process: Process, channel: Channel) -> None:
    large = {"rows": [f"row {number}" for number in range(100_000)]}
    channel.push(large, [])
    assert process.told.get(timeout=LONG_S)[0] == large


def test_what_the_server_refuses_is_an_error(process: Process, channel: Channel) -> None:
    with pytest.raises(KernelError, match="not like this"):
        channel.push({"bad": True}, [])
    assert not channel.taken


def test_errors_of_calls_come_back_as_they_are(process: Process, channel: Channel) -> None:
    with pytest.raises(NotFound, match="no such thing"):
        channel.call("Fail")
    with pytest.raises(PatronusError):
        channel.call("Unheard")


def test_an_event_that_is_not_understood_ends_nothing(path: Path, process: Process) -> None:
    """The thread that configures a server that comes back must outlive what the server says."""
    told = threading.Semaphore(0)

    def stumble(event: dict[str, Any]) -> None:
        told.release()
        raise KeyError("lease")

    channel = Channel(path, INTERFACE, stumble)
    channel.start()
    assert told.acquire(timeout=LONG_S) and told.acquire(timeout=LONG_S)
    channel.stop()


def test_a_server_that_comes_later_gets_the_configuration(
    path: Path, channel: Channel, tmp_path: Path
) -> None:
    channel.start()
    (descriptor,) = opened(tmp_path, b"kept")
    channel.push({"a": 1}, [descriptor])
    os.close(descriptor)
    assert not channel.taken
    late = Process(path)
    assert late.told.get(timeout=LONG_S) == ({"a": 1}, [b"kept"])
    late.stop()


def test_a_server_that_restarts_gets_it_again(path: Path, channel: Channel, tmp_path: Path) -> None:
    first = Process(path)
    channel.start()
    channel.push({"a": 1}, opened(tmp_path, b"kept"))
    assert first.told.get(timeout=LONG_S) == ({"a": 1}, [b"kept"])
    wait_for(lambda: channel.connected)
    first.stop()
    second = Process(path)
    while second.told.get(timeout=LONG_S) != ({"a": 1}, [b"kept"]):
        pass
    second.stop()


def test_a_change_by_a_person_fails_where_the_server_stays_away(channel: Channel) -> None:
    channel.start()
    with pytest.raises(KernelError, match="does not answer"):
        channel.push({}, [], patience_s=0.2)
    with pytest.raises(Unavailable):
        channel.call("Anything")


def wait_for(condition: Callable[[], bool]) -> None:
    done = threading.Event()
    for _ in range(int(LONG_S * 100)):
        if condition():
            return
        done.wait(0.01)
    raise AssertionError("it never came true")


def test_events_follow_the_snapshot_and_begin_again_after_a_restart(path: Path) -> None:
    events: queue.Queue[dict[str, Any]] = queue.Queue()
    channel = Channel(path, INTERFACE, events.put)
    channel.start()
    for number in range(2):
        process = Process(path)
        assert events.get(timeout=LONG_S) == {"kind": "snapshot"}
        wait_for(lambda: process.endpoint.watched)  # noqa: B023 - called within the turn
        process.loop.call_soon(lambda: process.endpoint.publish({"number": number}))  # noqa: B023
        assert events.get(timeout=LONG_S) == {"number": number}
        process.stop()
    channel.stop()


def test_a_watcher_that_does_not_read_keeps_nobody_waiting_and_misses_nothing(
    process: Process, channel: Channel, path: Path
) -> None:
    """More than a socket holds; calls are answered meanwhile."""
    count, filling = 3000, "x" * 1000
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(LONG_S)
        sock.connect(str(path))
        send(sock, {"method": f"{INTERFACE}.Watch", "more": True})
        wait_for(lambda: process.endpoint.watched)

        def publish() -> None:
            for number in range(count):
                process.endpoint.publish({"number": number, "filling": filling})

        process.loop.call_soon(publish)
        channel.push({"a": 1}, [])
        assert process.told.get(timeout=LONG_S) == ({"a": 1}, [])
        receiver = Receiver(sock)
        numbers: list[int | None] = []
        while len(numbers) < count:
            numbers += [one.message["parameters"].get("number") for one in receiver.receive()]
            if numbers[:1] == [None]:  # the snapshot
                del numbers[0]
    assert numbers == list(range(count))


def test_a_watcher_that_is_far_behind_has_to_watch_again(process: Process, path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(LONG_S)
        sock.connect(str(path))
        send(sock, {"method": f"{INTERFACE}.Watch", "more": True})
        wait_for(lambda: process.endpoint.watched)
        process.loop.call_soon(lambda: process.endpoint.publish({"filling": "x" * (MOST_WAITING + 2**22)}))
        wait_for(lambda: not process.endpoint.watched)


def test_another_user_is_refused(path: Path, channel: Channel) -> None:
    stranger = Process(path, peer=os.getuid() + 1)
    with pytest.raises(Unavailable):
        channel.call("Fail")
    stranger.stop()


@pytest.mark.parametrize(
    "data", [b"garbage\0", b"[]\0", b'{"descriptors": 3, "method": "x"}\0', b"\xff" * 5000 + b"\0"]
)
def test_garbage_ends_its_connection_and_nothing_else(
    process: Process, path: Path, channel: Channel, data: bytes
) -> None:
    with socket.socket(socket.AF_UNIX) as sock:
        sock.connect(str(path))
        sock.settimeout(LONG_S)
        sock.sendall(data)
        assert sock.recv(1) == b""
    channel.push({}, [])
    assert process.told.get(timeout=LONG_S) == ({}, [])
