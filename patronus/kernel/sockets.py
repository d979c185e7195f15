# SPDX-License-Identifier: GPL-2.0-or-later
"""Sockets bound to one device: opened by patronusd, passed on to servers that hold no capability."""

from __future__ import annotations

import array
import socket
import struct

from patronus.core.errors import KernelError

ANY_V4 = "0.0.0.0"  # noqa: S104 - the device restricts it, and nftables decides who reaches it
BACKLOG = 128
SO_ATTACH_FILTER = 26
SO_LOCK_FILTER = 44
IP_PKTINFO = 8
PKTINFO_V4 = struct.Struct("=I4s4s")
"""struct in_pktinfo of ip(7): interface index, our address, destination in the header."""
PKTINFO_V6 = struct.Struct("=16sI")
"""struct in6_pktinfo of ipv6(7): our address, interface index."""
_RETURN_NOTHING = struct.pack("=HBBI", 0x06, 0, 0, 0)
"""The classic BPF program ``ret #0``: no packet passes."""


def udp_socket(device: str, port: int, family: socket.AddressFamily = socket.AF_INET) -> socket.socket:
    """Return a UDP socket on one device; it tells to which address a packet came. Raises KernelError."""
    sock = _bound(device, port, family, socket.SOCK_DGRAM)
    if family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
    else:
        sock.setsockopt(socket.IPPROTO_IP, IP_PKTINFO, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
    return sock


def tcp_listener(device: str, port: int, family: socket.AddressFamily = socket.AF_INET) -> socket.socket:
    """Return a listening TCP socket for the port on one device. Raises KernelError."""
    sock = _bound(device, port, family, socket.SOCK_STREAM)
    sock.listen(BACKLOG)
    return sock


def _bound(device: str, port: int, family: socket.AddressFamily, kind: socket.SocketKind) -> socket.socket:
    sock = socket.socket(family, kind | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # The old daemon's sockets live on in the server until it has the new ones.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, device.encode() + b"\0")
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind(("::" if family == socket.AF_INET6 else ANY_V4, port))
    except OSError as error:
        sock.close()
        raise KernelError(f"port {port} on {device}: {error}") from error
    return sock


def sending_socket(device: str) -> socket.socket:
    """Return a packet socket that sends whole frames on one device and can never receive (packet(7)).

    It is bound to no protocol, and a filter that passes nothing is locked onto it: whoever holds it and
    binds it again still receives nothing. Raises KernelError.
    """
    try:
        sock = socket.socket(
            socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK, 0
        )
    except OSError as error:
        raise KernelError(f"packet socket for {device}: {error}") from error
    try:
        program = array.array("B", _RETURN_NOTHING)
        filters = struct.pack("@HP", 1, program.buffer_info()[0])
        sock.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, filters)
        sock.setsockopt(socket.SOL_SOCKET, SO_LOCK_FILTER, 1)
        sock.bind((device, 0))
    except OSError as error:
        sock.close()
        raise KernelError(f"packet socket for {device}: {error}") from error
    return sock


def device_index(device: str) -> int:
    """Return the kernel's index of the device, or 0 where there is none of that name."""
    try:
        return socket.if_nametoindex(device)
    except OSError:
        return 0


def hardware_address(device: str) -> bytes:
    """Return the device's hardware address. Raises KernelError."""
    try:
        with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as sock:
            sock.bind((device, 0))
            address: bytes = sock.getsockname()[4]
    except OSError as error:
        raise KernelError(f"{device}: {error}") from error
    return address
