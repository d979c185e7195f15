# SPDX-License-Identifier: GPL-2.0-or-later
"""Connections that leave by a device and from addresses of ours there, socket(7) SO_BINDTODEVICE.

A socket that is bound to no device yet needs no right for that.
"""

from __future__ import annotations

import socket
import ssl
import struct
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from patronus.core.errors import Unavailable

_LENGTH = struct.Struct("!H")


@dataclass(frozen=True)
class From:
    """By which device to leave and from which addresses, by family; without a device as the routes say.

    With a device, families without an address of ours there are not used; ``only``: no other family is.
    """

    device: str | None = None
    sources: Mapping[socket.AddressFamily, str] = field(default_factory=dict)
    only: socket.AddressFamily | None = None

    def allows(self, family: socket.AddressFamily) -> bool:
        """Return whether a connection of a family can leave so."""
        return self.only in (None, family) and (self.device is None or family in self.sources)

    def prepare(self, link: socket.socket) -> None:
        """Bind a socket to the device and to our address there. Raises OSError."""
        if self.device is not None:
            link.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, self.device.encode())
            link.bind((self.sources[link.family], 0))


def connected(host: str, port: int, leaving: From, timeout_s: float) -> socket.socket:
    """Return a connection to the first of a host's addresses that answers. Raises OSError."""
    failure = OSError(f"{host} has no address that can be reached from here")
    for family, kind, protocol, _, target in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        if not leaving.allows(family):
            continue
        link = socket.socket(family, kind | socket.SOCK_CLOEXEC, protocol)
        try:
            link.settimeout(timeout_s)
            leaving.prepare(link)
            link.connect(target)
        except OSError as error:
            link.close()
            failure = error
            continue
        return link
    raise failure


def exchange(host: str, port: int, leaving: From, message: bytes, timeout_s: float = 30.0) -> bytes:
    """Return the answer to a DNS message over TCP (RFC 7766). Raises Unavailable."""
    end = time.monotonic() + timeout_s
    try:
        with connected(host, port, leaving, timeout_s) as link:
            link.sendall(_LENGTH.pack(len(message)) + message)
            (length,) = _LENGTH.unpack(_read(link, _LENGTH.size, end))
            return _read(link, length, end)
    except (OSError, ValueError) as error:
        why = reason(error) if isinstance(error, OSError) else "its name is none"
        raise Unavailable(f"{host} cannot be reached: {why}") from None


def _read(link: socket.socket, length: int, end: float) -> bytes:
    """Return so many bytes. Raises OSError where they do not come in time."""
    found = bytearray()
    while len(found) < length:
        link.settimeout(max(end - time.monotonic(), 0.001))
        if not (piece := link.recv(length - len(found))):
            raise OSError("it ended in the middle of its answer")
        found += piece
    return bytes(found)


def reason(error: OSError) -> str:
    """Return why a server was not reached."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not good: {error.verify_message}"
    return error.strerror or str(error)
