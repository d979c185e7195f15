# SPDX-License-Identifier: GPL-2.0-or-later
"""Sockets bound to one device: opened by patronusd, passed on to servers that hold no capability."""

from __future__ import annotations

import array
import logging
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from patronus.core.errors import KernelError

log = logging.getLogger(__name__)

ANY_V4 = "0.0.0.0"  # noqa: S104 - the device restricts it, and nftables decides who reaches it
BACKLOG = 128
ROOM = 1 << 20
"""Bytes of datagrams that may wait for a server: a thousand hosts ask at once when the power comes back."""
DEVICE_NAME = 16
"""IFNAMSIZ of netdevice(7)."""
SO_ATTACH_FILTER = 26
SO_LOCK_FILTER = 44
SO_RCVBUFFORCE = 33
IP_PKTINFO = 8
PKTINFO_V4 = struct.Struct("=I4s4s")
"""struct in_pktinfo of ip(7): interface index, our address, destination in the header."""
PKTINFO_V6 = struct.Struct("=16sI")
"""struct in6_pktinfo of ipv6(7): our address, interface index."""
ETH_P_ARP = 0x0806
Program = tuple[tuple[int, int, int, int], ...]
"""Classic BPF: code, steps ahead if true and if false, value."""
_NOTHING: Program = ((0x06, 0, 0, 0),)
"""``ret #0``: no packet passes."""
_ARP_REPLIES: Program = (
    (0x28, 0, 0, 12),
    (0x15, 0, 3, ETH_P_ARP),
    (0x28, 0, 0, 20),
    (0x15, 0, 1, 2),
    (0x06, 0, 0, 64),
    (0x06, 0, 0, 0),
)
"""``ldh [12]; jne #0x806, no; ldh [20]; jne #2, no; ret #64; no: ret #0``."""


def udp_socket(device: str, port: int, family: socket.AddressFamily = socket.AF_INET) -> socket.socket:
    """Return a UDP socket on one device; it tells to which address a packet came. Raises KernelError."""
    sock = _bound(device, port, family, socket.SOCK_DGRAM)
    with suppress(PermissionError):  # without CAP_NET_ADMIN it stays at what the kernel gives
        sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, ROOM)
    if family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
    else:
        sock.setsockopt(socket.IPPROTO_IP, IP_PKTINFO, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
    return sock


def join_group(sock: socket.socket, group: str, index: int) -> None:
    """Let a UDP socket of IPv6 hear a multicast group on the device of this index. Raises KernelError."""
    request = socket.inet_pton(socket.AF_INET6, group) + struct.pack("@I", index)
    try:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, request)
    except OSError as error:
        raise KernelError(f"group {group}: {error}") from error


def tcp_listener(device: str, port: int, family: socket.AddressFamily = socket.AF_INET) -> socket.socket:
    """Return a listening TCP socket for the port on one device. Raises KernelError."""
    sock = _bound(device, port, family, socket.SOCK_STREAM)
    sock.listen(BACKLOG)
    return sock


def bound_device(sock: socket.socket) -> str:
    """Return the device that the socket is bound to, or nothing where it is to none or the device is gone."""
    try:
        return sock.getsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, DEVICE_NAME).rstrip(b"\0").decode()
    except OSError:
        return ""


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
    return _packet_socket(device, _NOTHING, 0)


def arp_socket(device: str) -> socket.socket:
    """Return a packet socket that hears replies of ARP on one device alone. Raises KernelError."""
    return _packet_socket(device, _ARP_REPLIES, ETH_P_ARP)


def _packet_socket(device: str, program: Program, protocol: int) -> socket.socket:
    """Return a packet socket with a filter that nobody can take off again."""
    try:
        sock = socket.socket(
            socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK, 0
        )
    except OSError as error:
        raise KernelError(f"packet socket for {device}: {error}") from error
    try:
        code = array.array("B", b"".join(struct.pack("=HBBI", *step) for step in program))
        filters = struct.pack("@HP", len(program), code.buffer_info()[0])
        sock.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, filters)
        sock.setsockopt(socket.SOL_SOCKET, SO_LOCK_FILTER, 1)
        sock.bind((device, protocol))
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


@contextmanager
def unless_gone(device: str) -> Iterator[None]:
    """Pass over what fails as the device has gone meanwhile: who follows the links opens it again.

    Raises KernelError where it is there.
    """
    try:
        yield
    except KernelError as error:
        if device_index(device):
            raise
        log.warning("%s is gone: %s", device, error)


def hardware_address(device: str) -> bytes:
    """Return the device's hardware address. Raises KernelError."""
    try:
        with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as sock:
            sock.bind((device, 0))
            address: bytes = sock.getsockname()[4]
    except OSError as error:
        raise KernelError(f"{device}: {error}") from error
    return address
