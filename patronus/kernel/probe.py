# SPDX-License-Identifier: GPL-2.0-or-later
"""Questions that leave by one device whatever the routes say, socket(7) SO_BINDTODEVICE.

An echo needs CAP_NET_RAW. Every call waits no longer than it is told.
"""

from __future__ import annotations

import os
import socket
import struct
import time

from patronus.core.link import IpAddress

_ECHO = struct.Struct(">BBHHH")
_REQUESTS = {4: 8, 6: 128}
_REPLIES = {4: 0, 6: 129}
_LARGEST = 2048


class NoAnswer(OSError):
    """Nobody answered in time."""


def echo(device: str, target: IpAddress, timeout_s: float) -> None:
    """Wait for the answer to an ICMP echo request (RFC 792, RFC 4443). Raises OSError."""
    number = int.from_bytes(os.urandom(2), "big")
    protocol = socket.IPPROTO_ICMP if target.version == 4 else socket.IPPROTO_ICMPV6
    payload = os.urandom(16)
    wanted = _ECHO.pack(_REPLIES[target.version], 0, 0, number, 1)[4:] + payload
    end_s = time.monotonic() + timeout_s
    with _socket(device, target, socket.SOCK_RAW, timeout_s, protocol) as link:
        link.sendto(_request(target.version, number, payload), (str(target), 0))
        while (left_s := end_s - time.monotonic()) > 0:
            link.settimeout(left_s)
            data, sender = _received(link)
            reply = data[(data[0] & 0x0F) * 4 :] if target.version == 4 else data
            is_reply = reply[:1] == bytes([_REPLIES[target.version]]) and reply[4:] == wanted
            if is_reply and sender == str(target):
                return
    raise NoAnswer(f"{target} does not answer")


def _received(link: socket.socket) -> tuple[bytes, str]:
    try:
        data, sender = link.recvfrom(_LARGEST)
    except TimeoutError as error:
        raise NoAnswer("no answer in time") from error
    return data, str(sender[0]).partition("%")[0] if sender else ""  # a stream names nobody


def _request(version: int, number: int, payload: bytes) -> bytes:
    """Return an echo request; the kernel fills in the checksum of ICMPv6."""
    bare = _ECHO.pack(_REQUESTS[version], 0, 0, number, 1) + payload
    checksum = _checksum(bare) if version == 4 else 0
    return _ECHO.pack(_REQUESTS[version], 0, checksum, number, 1) + payload


def _checksum(data: bytes) -> int:
    """Return the checksum of RFC 1071 of an even number of bytes."""
    total = int(sum(struct.unpack(f">{len(data) // 2}H", data)))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def datagram(device: str, target: IpAddress, port: int, words: bytes, timeout_s: float) -> bytes:
    """Return the answer to a datagram. Raises OSError."""
    with _socket(device, target, socket.SOCK_DGRAM, timeout_s) as link:
        link.connect((str(target), port))
        link.send(words)
        return _received(link)[0]


def stream(device: str, target: IpAddress, port: int, words: bytes, timeout_s: float) -> bytes:
    """Return the first line of what is said on a connection, after some words; nothing without words to say.

    All of it takes no longer than the time that is given. Raises OSError.
    """
    end_s = time.monotonic() + timeout_s
    with _socket(device, target, socket.SOCK_STREAM, timeout_s) as link:
        try:
            link.connect((str(target), port))
        except TimeoutError as error:
            raise NoAnswer(f"{target} does not answer") from error
        if not words:
            return b""
        link.sendall(words)
        return _line(link, end_s)


def _line(link: socket.socket, end_s: float) -> bytes:
    """Return the first line, which may come in pieces; what there is where the peer ends or says too much."""
    said = b""
    while b"\n" not in said and len(said) < _LARGEST:
        if (left_s := end_s - time.monotonic()) <= 0:
            raise NoAnswer("no answer in time")
        link.settimeout(left_s)
        more, _ = _received(link)
        if not more:
            break
        said += more
    return said


def _socket(
    device: str, target: IpAddress, kind: socket.SocketKind, timeout_s: float, protocol: int = 0
) -> socket.socket:
    family = socket.AF_INET if target.version == 4 else socket.AF_INET6
    link = socket.socket(family, kind | socket.SOCK_CLOEXEC, protocol)
    try:
        link.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, device.encode())
        link.settimeout(timeout_s)
    except OSError:
        link.close()
        raise
    return link
