# SPDX-License-Identifier: GPL-2.0-or-later
"""The kernel's tracked connections over ctnetlink: list them, end one. Needs CAP_NET_ADMIN.

Source: linux/netfilter/nfnetlink_conntrack.h. The tuple that names an entry goes back to the kernel byte for
byte as it came, so entries of every protocol can be ended. Numbers in attributes are big-endian.
"""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import IPv4Address, IPv6Address

from patronus.core.connection import Connection, Tracked, Way
from patronus.core.errors import KernelError

NETLINK_NETFILTER = 12
_GET, _DELETE = 0x0101, 0x0102  # NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_GET, _DELETE
_REQUEST, _ACK, _DUMP = 0x1, 0x4, 0x300
_ERROR, _DONE = 2, 3
_HEADER = struct.Struct("=IHHII")
_SUBJECT = struct.Struct(">BBH")  # struct nfgenmsg: family, version, resource
_ATTRIBUTE = struct.Struct("=HH")
_TYPE = 0x3FFF
_NESTED = 0x8000
_TUPLE_ORIG, _TUPLE_REPLY, _STATUS = 1, 2, 3
_PROTOCOL, _TIMEOUT, _MARK = 4, 7, 8
_EXPECTED, _ANSWERED, _DST_NAT, _OFFLOAD = 1 << 0, 1 << 1, 1 << 5, 1 << 14
_TCP_STATES = (
    "none", "syn-sent", "syn-received", "established", "fin-wait", "close-wait", "last-ack", "time-wait",
    "close", "syn-sent2",
)  # fmt: skip
"""enum tcp_conntrack of linux/netfilter/nf_conntrack_tcp.h, by number."""
_BUFFER = 1 << 20


class Conntrack:
    """The connections of this network namespace."""

    def tracked(self) -> tuple[Tracked, ...]:
        """Return every entry with its state, both families. Raises KernelError."""
        with _socket() as link:
            _send(link, _GET, _REQUEST | _DUMP, b"")
            return tuple(item for body in _answers(link) if (item := _tracked(body)) is not None)

    def end(self, connection: Connection) -> bool:
        """Forget an entry, so that its next packet is judged as new; return whether it was still there."""
        version = connection.original.source.version
        family = socket.AF_INET if version == 4 else socket.AF_INET6
        with _socket() as link:
            _send(link, _DELETE, _REQUEST | _ACK, _attribute(_TUPLE_ORIG | _NESTED, connection.key), family)
            try:
                list(_answers(link))
            except FileNotFoundError:
                return False
        return True


@contextmanager
def _socket() -> Iterator[socket.socket]:
    try:
        with socket.socket(
            socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, NETLINK_NETFILTER
        ) as link:
            link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
            link.bind((0, 0))
            yield link
    except FileNotFoundError:
        raise
    except OSError as error:
        raise KernelError(f"conntrack: {error.strerror or error}") from error


def _send(
    link: socket.socket, kind: int, flags: int, attributes: bytes, family: int = socket.AF_UNSPEC
) -> None:
    body = _SUBJECT.pack(family, 0, 0) + attributes
    link.send(_HEADER.pack(_HEADER.size + len(body), kind, flags, 1, 0) + body)


def _answers(link: socket.socket) -> Iterator[bytes]:
    """Yield the body of each message until the last one. Raises OSError as the kernel says."""
    while True:
        data = link.recv(_BUFFER)
        at = 0
        while at + _HEADER.size <= len(data):
            length, kind, _, _, _ = _HEADER.unpack_from(data, at)
            body = data[at + _HEADER.size : at + length]
            at += length + 3 & ~3
            if kind == _DONE:
                return
            if kind == _ERROR:
                code = -int.from_bytes(body[:4], "little", signed=True)
                if code:
                    raise OSError(code, os.strerror(code))
                return
            yield body


def _attribute(kind: int, value: bytes) -> bytes:
    padding = b"\0" * (-len(value) % 4)
    return _ATTRIBUTE.pack(_ATTRIBUTE.size + len(value), kind) + value + padding


def _attributes(data: bytes) -> dict[int, bytes]:
    found: dict[int, bytes] = {}
    at = 0
    while at + _ATTRIBUTE.size <= len(data):
        length, kind = _ATTRIBUTE.unpack_from(data, at)
        found[kind & _TYPE] = data[at + _ATTRIBUTE.size : at + length]
        at += length + 3 & ~3
    return found


def _tracked(body: bytes) -> Tracked | None:
    """Return an entry with its state, or None where it lacks a direction."""
    found = _attributes(body[_SUBJECT.size :])
    connection = _entry(found)
    if connection is None:
        return None
    status = int.from_bytes(found.get(_STATUS, b""), "big")
    return Tracked(
        connection,
        state=_tcp_state(found.get(_PROTOCOL, b"")),
        answered=bool(status & _ANSWERED),
        remaining_s=int.from_bytes(found.get(_TIMEOUT, b""), "big"),
        mark=int.from_bytes(found.get(_MARK, b""), "big"),
        offloaded=bool(status & _OFFLOAD),
    )


def _tcp_state(data: bytes) -> str:
    """Return TCP's state from CTA_PROTOINFO, in which CTA_PROTOINFO_TCP is 1 and its state 1."""
    number = _attributes(_attributes(data).get(1, b"")).get(1, b"")
    return _TCP_STATES[number[0]] if number and number[0] < len(_TCP_STATES) else ""


def _entry(found: dict[int, bytes]) -> Connection | None:
    if _TUPLE_ORIG not in found or _TUPLE_REPLY not in found:
        return None
    status = int.from_bytes(found.get(_STATUS, b"\0"), "big")
    return Connection(
        original=_way(found[_TUPLE_ORIG]),
        reply=_way(found[_TUPLE_REPLY]),
        expected=bool(status & _EXPECTED),
        translated=bool(status & _DST_NAT),
        key=found[_TUPLE_ORIG],
    )


def _way(data: bytes) -> Way:
    """Return CTA_TUPLE as a value: CTA_TUPLE_IP is 1, CTA_TUPLE_PROTO 2."""
    parts = _attributes(data)
    ends, protocol = _attributes(parts[1]), _attributes(parts[2])
    icmp = protocol.get(5, protocol.get(8))  # CTA_PROTO_ICMP_TYPE, CTA_PROTO_ICMPV6_TYPE
    return Way(
        source=IPv4Address(ends[1]) if 1 in ends else IPv6Address(ends[3]),
        destination=IPv4Address(ends[2]) if 2 in ends else IPv6Address(ends[4]),
        protocol=protocol[1][0],
        source_port=int.from_bytes(protocol.get(2, b""), "big"),
        destination_port=int.from_bytes(protocol.get(3, b""), "big"),
        icmp=icmp[0] if icmp else None,
    )
