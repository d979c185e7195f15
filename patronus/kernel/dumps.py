# SPDX-License-Identifier: GPL-2.0-or-later
"""Whole tables of rtnetlink(7), read by hand, which takes a twentieth of what pyroute2 needs to make objects.

A change looks at links, addresses and routes again and again, and a router that speaks BGP may have
hundreds of thousands of routes.
"""

from __future__ import annotations

import errno
import os
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager

from patronus.core.errors import KernelError

LINKS, ADDRESSES, ROUTES, RULES = 18, 22, 26, 34
"""RTM_GET... of linux/rtnetlink.h: the kinds that can be asked for."""
_HEADER, _CODE = struct.Struct("=IHHII"), struct.Struct("=i")
_BODIES = {LINKS: bytes(16), ADDRESSES: bytes(8), ROUTES: bytes(12), RULES: bytes(12)}
"""struct ifinfomsg, ifaddrmsg, rtmsg and fib_rule_hdr; zeros ask for all."""
_REQUEST, _DUMP, _INTERRUPTED, _ERROR, _DONE = 0x1, 0x300, 0x10, 2, 3
_BUFFER = 1 << 16
_TRIES = 8
"""Dumps that a change may interrupt before we give up."""


@contextmanager
def reading(what: str) -> Iterator[socket.socket]:
    """Lend a socket of the calling thread's network namespace. Raises KernelError for what goes wrong."""
    try:
        with socket.socket(
            socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, socket.NETLINK_ROUTE
        ) as link:
            link.bind((0, 0))
            yield link
    except OSError as error:
        raise KernelError(f"cannot {what}: {error}") from error


def dumped(link: socket.socket, kind: int) -> list[bytes]:
    """Return the bodies of all that the kernel has of a kind, of all families, at one moment.

    Raises OSError.
    """
    body = _BODIES[kind]
    for _ in range(_TRIES):
        link.send(_HEADER.pack(_HEADER.size + len(body), kind, _REQUEST | _DUMP, 1, 0) + body)
        found = list(_messages(link))
        if not any(flags & _INTERRUPTED for flags, _ in found):
            return [one for _, one in found]
    raise OSError(errno.EBUSY, "the kernel's tables change too fast to be read")


def _messages(link: socket.socket) -> Iterator[tuple[int, bytes]]:
    """Yield flags and body of each message up to the end of a dump. Raises OSError as the kernel refuses."""
    while True:
        data, at = link.recv(_BUFFER), 0
        while at + _HEADER.size <= len(data):
            length, kind, flags, _, _ = _HEADER.unpack_from(data, at)
            if kind in (_ERROR, _DONE):  # a dump that fails on its way says so at its end
                code = -_CODE.unpack_from(data, at + _HEADER.size)[0]
                if code:
                    raise OSError(code, os.strerror(code))
                return
            yield flags, data[at + _HEADER.size : at + length]
            at += length + 3 & ~3
