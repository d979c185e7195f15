# SPDX-License-Identifier: GPL-2.0-or-later
"""A table of the kernel is read whole, or it is said that it was not."""

from __future__ import annotations

import errno
import socket
import struct
from collections.abc import Callable

import pytest

from patronus.kernel.dumps import LINKS, dumped

LINK, DONE, ERROR, INTERRUPTED = 16, 3, 2, 0x10


def message(kind: int, body: bytes, flags: int = 0) -> bytes:
    padding = bytes(-len(body) % 4)
    return struct.pack("=IHHII", 16 + len(body), kind, flags, 1, 0) + body + padding


def ends(kind: int, code: int = 0) -> bytes:
    return message(kind, struct.pack("=i", -code))


def answered(*datagrams: bytes) -> Callable[[], list[bytes]]:
    """Return what reads a kernel that answers with these."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    for one in datagrams:
        theirs.send(one)

    def read() -> list[bytes]:
        with ours, theirs:
            return dumped(ours, LINKS)

    return read


def test_all_messages_up_to_the_end_are_read() -> None:
    read = answered(message(LINK, b"one") + message(LINK, b"second"), message(LINK, b"last") + ends(DONE))
    assert read() == [b"one", b"second", b"last"]


def test_a_dump_that_a_change_interrupted_is_read_again() -> None:
    torn = message(LINK, b"half", INTERRUPTED) + ends(DONE)
    assert answered(torn, message(LINK, b"whole") + ends(DONE))() == [b"whole"]
    with pytest.raises(OSError, match="too fast"):
        answered(*[torn] * 8)()


@pytest.mark.parametrize("kind", [ERROR, DONE])
def test_a_refusal_at_once_and_one_on_the_way_are_said(kind: int) -> None:
    with pytest.raises(OSError, match="Cannot allocate") as raised:
        answered(message(LINK, b"one"), ends(kind, errno.ENOMEM))()
    assert raised.value.errno == errno.ENOMEM
