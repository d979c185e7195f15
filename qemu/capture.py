# SPDX-License-Identifier: GPL-2.0-or-later
"""Frames as they pass a link, taken with a packet socket (packet(7)), VLAN tags put back where they were."""

from __future__ import annotations

import select
import socket
import struct
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from qemu.errors import Timeout
from qemu.namespace import Namespace

ETH_P_ALL = 0x0003
_SOL_PACKET, _PACKET_AUXDATA = 263, 8
_TP_STATUS_VLAN_VALID = 1 << 4
_AUXDATA = struct.Struct("=IIIHHHH")  # struct tpacket_auxdata
_IDLE_S = 0.1


def packet_socket(namespace: Namespace, link: str) -> socket.socket:
    """Open a packet socket on the link; what is sent on it leaves by the link as it is."""

    def open_it() -> socket.socket:
        end = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
        end.bind((link, ETH_P_ALL))
        end.setsockopt(_SOL_PACKET, _PACKET_AUXDATA, 1)
        end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
        return end

    return namespace.inside(open_it)


class Capture:
    """All frames on a link, both directions, from ``with`` until its end."""

    def __init__(self, namespace: Namespace, link: str) -> None:
        self._socket = packet_socket(namespace, link)
        self._frames: list[bytes] = []
        self._changed = threading.Condition()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"capture-{link}", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()
        self._socket.close()

    def frames(self, matching: Callable[[bytes], bool] = lambda _frame: True) -> list[bytes]:
        """Return the frames so far that match."""
        with self._changed:
            return [frame for frame in self._frames if matching(frame)]

    def count(self, content: bytes) -> int:
        """Return how many frames so far hold these bytes."""
        return len(self.frames(lambda frame: content in frame))

    def wait(self, matching: Callable[[bytes], bool], *, timeout_s: float = 10.0) -> bytes:
        """Return the first frame that matches, past or to come."""
        deadline = time.monotonic() + timeout_s
        with self._changed:
            while not (found := [frame for frame in self._frames if matching(frame)]):
                if not self._changed.wait(deadline - time.monotonic()):
                    raise Timeout(f"no such frame within {timeout_s:.0f} s")
            return found[0]

    def _run(self) -> None:
        while not self._stop.is_set():
            if select.select([self._socket], [], [], _IDLE_S)[0]:
                frame = _receive(self._socket)
                with self._changed:
                    self._frames.append(frame)
                    self._changed.notify_all()


def _receive(end: socket.socket) -> bytes:
    """Take one frame; the kernel hands the outer VLAN tag over beside it."""
    frame, extras, _flags, _address = end.recvmsg(65536, 128)
    for level, kind, data in extras:
        if (level, kind) == (_SOL_PACKET, _PACKET_AUXDATA):
            status, *_rest, tci, tpid = _AUXDATA.unpack(data[: _AUXDATA.size])
            if status & _TP_STATUS_VLAN_VALID:
                return frame[:12] + struct.pack("!HH", tpid or 0x8100, tci) + frame[12:]
    return frame
