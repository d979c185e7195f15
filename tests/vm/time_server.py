# SPDX-License-Identifier: GPL-2.0-or-later
"""A time server on a host of the laboratory: SNTP as RFC 4330 section 5 says it, with a clock of its own."""

import socket
import struct
import threading
import time
from types import TracebackType
from typing import Self

from qemu.topology import Host

PORT = 123
_EPOCH_1900_S = 2_208_988_800
"""From 1900, where NTP begins, to 1970."""
_SERVER_V4 = 0x24  # no leap second, version 4, mode 4
_HEAD = struct.Struct("!BBbbII4s")  # flags, stratum, poll, precision, root delay, root dispersion, reference


class TimeServer:
    """Counts who asks, and answers once it may; its clock is ``ahead_s`` before the host's."""

    def __init__(self, host: Host, address: str, *, ahead_s: float) -> None:
        self.asked = 0
        self.answers = False
        self._ahead_s = ahead_s
        self._socket = host.inside(lambda: _bound(address))
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()
        self._socket.close()

    def _serve(self) -> None:
        while not self._over.is_set():
            try:
                request, asker = self._socket.recvfrom(1024)
            except TimeoutError:
                continue
            if len(request) < 48:
                continue
            self.asked += 1
            if self.answers:
                self._socket.sendto(self._reply(request), asker)

    def _reply(self, request: bytes) -> bytes:
        now = time.time() + self._ahead_s + _EPOCH_1900_S
        stamp = struct.pack("!II", int(now), int(now % 1 * 2**32))
        return _HEAD.pack(_SERVER_V4, 1, 6, -20, 0, 0, b"LAB\0") + stamp + request[40:48] + stamp + stamp


def _bound(address: str) -> socket.socket:
    listening = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    listening.bind((address, PORT))
    listening.settimeout(0.2)
    return listening
