# SPDX-License-Identifier: GPL-2.0-or-later
"""A raw ICMPv6 socket on one device: hears hosts ask for a router, speaks to all of them. CAP_NET_RAW."""

from __future__ import annotations

import errno
import socket
import struct
from collections.abc import Iterator
from contextlib import suppress
from ipaddress import IPv6Address

from patronus.core.errors import KernelError
from patronus.kernel.sockets import PKTINFO_V6, device_index, hardware_address

ALL_HOSTS, ALL_ROUTERS = "ff02::1", "ff02::2"
_SOLICITATION = 133
_ICMP6_FILTER = 1
"""ICMP6_FILTER of linux/icmpv6.h: a bit for each type that is kept out."""
_HOPS = 255
_INTEGER = struct.Struct("@i")
_MESSAGE_LIMIT = 1500
_DISCARD_PORT = 9


def _filter() -> bytes:
    """Return the filter that lets router solicitations alone in."""
    words = [0xFFFFFFFF] * 8
    words[_SOLICITATION >> 5] &= ~(1 << (_SOLICITATION & 31))
    return struct.pack("@8I", *words)


class RouterSocket:
    """The router on one device. Not to be used by two threads at once.

    ``index`` is that of the device that it was opened on: one that came later under its name is another.
    """

    def __init__(self, device: str) -> None:
        """Open it. Raises KernelError."""
        self.device, self.index = device, device_index(device)
        try:
            self._socket = socket.socket(
                socket.AF_INET6, socket.SOCK_RAW | socket.SOCK_NONBLOCK, socket.IPPROTO_ICMPV6
            )
        except OSError as error:
            raise KernelError(f"ICMPv6 on {device}: {error}") from error
        try:
            self._set_up()
        except OSError as error:
            self._socket.close()
            raise KernelError(f"ICMPv6 on {device}: {error}") from error

    def _set_up(self) -> None:
        sock = self._socket
        sock.setsockopt(socket.IPPROTO_ICMPV6, _ICMP6_FILTER, _filter())
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, self.device.encode() + b"\0")
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, _HOPS)
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_LOOP, 0)
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVHOPLIMIT, 1)
        group = socket.inet_pton(socket.AF_INET6, ALL_ROUTERS) + struct.pack("@I", self.index)
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, group)

    def fileno(self) -> int:
        """Return the descriptor, for poll(2)."""
        return self._socket.fileno()

    def messages(self) -> Iterator[tuple[bytes, int]]:
        """Yield the ICMPv6 messages that wait, each with the hop limit that it arrived with."""
        with suppress(BlockingIOError):
            while True:
                data, ancillary, _, _ = self._socket.recvmsg(_MESSAGE_LIMIT, socket.CMSG_SPACE(_INTEGER.size))
                hops = [
                    _INTEGER.unpack(value)[0] for _, kind, value in ancillary if kind == socket.IPV6_HOPLIMIT
                ]
                yield data, hops[0] if hops else 0

    def mac(self) -> bytes:
        """Return the device's hardware address. Raises KernelError."""
        return hardware_address(self.device)

    def tell_all(self, message: bytes) -> None:
        """Send an ICMPv6 message to all hosts, from our link-local address. Raises KernelError."""
        source = self._link_local()
        where = socket.IPPROTO_IPV6, socket.IPV6_PKTINFO, PKTINFO_V6.pack(source.packed, self.index)
        try:
            self._socket.sendmsg([message], [where], 0, (ALL_HOSTS, 0, 0, self.index))
        except OSError as error:
            raise KernelError(f"cannot speak on {self.device}: {error}") from error

    def _link_local(self) -> IPv6Address:
        """Return the address that the kernel would send from: hosts believe link-local routers alone."""
        try:
            with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, self.device.encode() + b"\0")
                probe.connect((ALL_HOSTS, _DISCARD_PORT, 0, self.index))
                found = IPv6Address(probe.getsockname()[0].partition("%")[0])
        except OSError as error:
            if error.errno not in (errno.EADDRNOTAVAIL, errno.ENETUNREACH):
                raise KernelError(f"cannot speak on {self.device}: {error}") from error
            found = IPv6Address(0)
        if not found.is_link_local:
            raise KernelError(f"{self.device} has no link-local address yet")
        return found

    def close(self) -> None:
        """Close it."""
        self._socket.close()
