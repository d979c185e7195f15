# SPDX-License-Identifier: GPL-2.0-or-later
"""The socket for transactions of nf_tables, and why the kernel does not take one.

Source: linux/netfilter/nfnetlink.h, socket(7).
"""

from __future__ import annotations

import os
import socket
import struct
from dataclasses import dataclass

from patronus.kernel.nfnetlink import NETLINK_NETFILTER, NFTABLES, attribute

HEADER = struct.Struct("=IHHIIBBH")
"""A message's header and netfilter's behind it."""
REQUEST = 1
_BEGIN, _END = 0x10, 0x11
_SO_SNDBUFFORCE = 32
"""socket(7); the batch is one message to the socket, and has to fit its buffer."""
_SPARE = 1 << 16
_ANSWER = struct.Struct("=IHHII")
_ERROR = 2
_GENERATION = 1


@dataclass(frozen=True)
class Refusal:
    """Why the kernel did not take a transaction; ``position`` is that of the command, None for the whole."""

    position: int | None
    reason: str


class BatchSocket:
    """One netlink socket, in the network namespace of who makes it. One thread at a time."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER)
        self._socket.settimeout(0)

        self._room = 0

    def send(self, batch: bytes | bytearray, generation: int | None, *, commit: bool) -> Refusal | None:
        """Let the kernel take messages as one transaction; return why it refuses, or None.

        It refuses too where the ruleset has another number than ``generation`` by now; None is any. Without
        ``commit`` everything is tried and nothing stays. The kernel is done when the call returns.
        """
        begin = _ANY if generation is None else _begin(generation)
        try:
            self._make_room(len(batch) + _SPARE)
            self._socket.sendmsg((begin, batch, _COMMIT if commit else b""))
        except OSError as error:
            return Refusal(None, f"the batch could not be sent: {error.strerror or error}")
        return self._refusal()

    def _make_room(self, size: int) -> None:
        if size > self._room:
            self._socket.setsockopt(socket.SOL_SOCKET, _SO_SNDBUFFORCE, size)
            self._room = size

    def _refusal(self) -> Refusal | None:
        """Return the first refusal among all that the kernel says; where it takes everything it is silent."""
        first: Refusal | None = None
        while True:
            try:
                said = refusal_of(self._socket.recv(1 << 16))
                first = first or said
            except BlockingIOError:
                return first
            except OSError as error:
                return first or Refusal(None, error.strerror or str(error))


def refusal_of(answer: bytes) -> Refusal | None:
    """Return why a message was refused, None for one that was not; the answer repeats its header."""
    _, kind, *_ = _ANSWER.unpack_from(answer)
    code = -struct.unpack_from("=i", answer, _ANSWER.size)[0]
    if kind != _ERROR or not code:
        return None
    _, refused, _, position, _ = _ANSWER.unpack_from(answer, _ANSWER.size + 4)
    return Refusal(position if refused >> 8 == NFTABLES else None, os.strerror(code))


def _edge(kind: int, body: bytes) -> bytes:
    subsystem = socket.htons(NFTABLES)
    return HEADER.pack(HEADER.size + len(body), kind, REQUEST, 0, 0, 0, 0, subsystem) + body


def _begin(generation: int) -> bytes:
    return _edge(_BEGIN, attribute(_GENERATION, generation.to_bytes(4, "big")))


_ANY = _edge(_BEGIN, b"")
_COMMIT = _edge(_END, b"")
