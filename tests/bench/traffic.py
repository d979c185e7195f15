# SPDX-License-Identifier: GPL-2.0-or-later
"""What goes through a router while it is worked on: numbered datagrams, and held connections."""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import count, pairwise

from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Ether

from qemu.capture import packet_socket
from qemu.errors import Timeout
from qemu.topology import Host

PERIOD_S = 0.02
SETTLE_S = 3.0
"""So long a datagram may be on its way."""
PAUSE_S = 0.2
PATIENCE_S = 60.0
ECHO_PORT = 5002
LARGEST = 2048
MARKER = b"a datagram of the bench"
_NUMBER = struct.Struct("!Q")


@contextmanager
def at_work(*work: Callable[[threading.Event], None]) -> Iterator[None]:
    """Run each function in a thread until it is told to end."""
    end = threading.Event()
    threads = [threading.Thread(target=one, args=(end,)) for one in work]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        end.set()
        for thread in threads:
            thread.join()


class Datagrams:
    """A datagram every 20 ms from a host inside to one outside; times are ``time.monotonic``."""

    def __init__(self, client: Host, server: Host, router_mac: str, ends: tuple[str, str]) -> None:
        packet = IP(src=ends[0], dst=ends[1]) / UDP(sport=5000, dport=5001, chksum=0) / MARKER
        bare = bytes(Ether(src=client.mac(), dst=router_mac) / packet / bytes(_NUMBER.size))
        self._head = bare[: -_NUMBER.size]
        self._client, self._server = client, server
        self._sent: list[float] = []
        self._arrived: dict[int, float] = {}

    @contextmanager
    def running(self) -> Iterator[None]:
        """Send and listen from ``with`` until its end."""
        with at_work(self._listen, self._send):
            yield

    def _send(self, end: threading.Event) -> None:
        with packet_socket(self._client.namespace, self._client.link) as wire:
            for number in count():
                if end.wait(PERIOD_S):
                    return
                self._sent.append(time.monotonic())
                wire.send(self._head + _NUMBER.pack(number))

    def _listen(self, end: threading.Event) -> None:
        with packet_socket(self._server.namespace, self._server.link) as wire:
            wire.settimeout(1.0)
            while not end.is_set():
                try:
                    frame = wire.recv(LARGEST)
                except TimeoutError:
                    continue
                if MARKER in frame:
                    (number,) = _NUMBER.unpack_from(frame, len(self._head))
                    self._arrived.setdefault(number, time.monotonic())

    def counted(self, since: float, until: float) -> tuple[int, int]:
        """Return how many were sent between two moments, and how many of them never came out."""
        time.sleep(max(0.0, until + SETTLE_S - time.monotonic()))
        numbers = [number for number, sent in enumerate(list(self._sent)) if since <= sent <= until]
        return len(numbers), sum(number not in self._arrived for number in numbers)

    def await_one(self, since: float, limit_s: float) -> None:
        """Wait until one has come out after a moment. Raises Timeout."""
        deadline = time.monotonic() + limit_s
        while not any(arrived > since for arrived in list(self._arrived.values())[-5:]):
            if time.monotonic() > deadline:
                raise Timeout(f"nothing was forwarded in {limit_s:.0f} s")
            time.sleep(0.05)

    def longest_gap_s(self, since: float) -> float:
        """Return the longest time, after a moment, in which none came out."""
        times = sorted(arrived for arrived in list(self._arrived.values()) if arrived >= since)
        return max(later - earlier for earlier, later in pairwise(times))


class Connections:
    """Connections through the router on which a few bytes go there and back, again and again."""

    def __init__(self, client: Host, server: Host, address: str, number: int) -> None:
        self._client, self._server, self._address = client, server, address
        self._number = number
        self.lost: list[str] = []
        """Why each one that did not live was lost."""

    @contextmanager
    def open(self) -> Iterator[None]:
        """Hold them from ``with`` until its end."""
        with ExitStack() as stack:
            listener = stack.enter_context(
                self._server.inside(lambda: socket.create_server((self._address, ECHO_PORT)))
            )
            ends = []
            for _ in range(self._number):
                end = self._client.inside(
                    lambda: socket.create_connection((self._address, ECHO_PORT), PATIENCE_S)
                )
                ends.append(stack.enter_context(end))
                echo = stack.enter_context(listener.accept()[0])
                threading.Thread(target=_send_back, args=(echo,), daemon=True).start()
            with at_work(*(self._holding(end) for end in ends)):
                yield

    def _holding(self, connection: socket.socket) -> Callable[[threading.Event], None]:
        def hold(end: threading.Event) -> None:
            try:
                while not end.wait(PAUSE_S):
                    connection.sendall(MARKER)
                    if connection.recv(len(MARKER), socket.MSG_WAITALL) != MARKER:
                        raise ConnectionError("it was closed")
            except OSError as error:
                self.lost.append(str(error))

        return hold


def _send_back(connection: socket.socket) -> None:
    try:
        while said := connection.recv(LARGEST):
            connection.sendall(said)
    except OSError:
        return  # its other end says what was lost
