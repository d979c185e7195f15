# SPDX-License-Identifier: GPL-2.0-or-later
"""Ethernet, IPv4 and UDP around a reply to a client that cannot answer ARP yet (RFC 894, 791, 768)."""

from __future__ import annotations

import struct

SERVER_PORT = 67
CLIENT_PORT = 68
_IPV4 = struct.Struct("!BBHHHBBHII")
_UDP = struct.Struct("!HHHH")
_PSEUDO = struct.Struct("!IIBBH")
_ETHERNET_IPV4 = b"\x08\x00"
_DONT_FRAGMENT = 0x4000
_TTL = 64
_UDP_PROTOCOL = 17


def frame(source_mac: bytes, target_mac: bytes, source: int, target: int, payload: bytes) -> bytes:
    """Return the whole frame, from the server's port to the client's; addresses are ints in host order."""
    length = _UDP.size + len(payload)
    pseudo = _PSEUDO.pack(source, target, 0, _UDP_PROTOCOL, length)
    bare = _UDP.pack(SERVER_PORT, CLIENT_PORT, length, 0) + payload
    udp = _UDP.pack(SERVER_PORT, CLIENT_PORT, length, checksum(pseudo + bare) or 0xFFFF) + payload
    return target_mac + source_mac + _ETHERNET_IPV4 + _ipv4(source, target, len(udp)) + udp


def _ipv4(source: int, target: int, length: int) -> bytes:
    fields = (0x45, 0, _IPV4.size + length, 0, _DONT_FRAGMENT, _TTL, _UDP_PROTOCOL)
    header = _IPV4.pack(*fields, 0, source, target)
    return _IPV4.pack(*fields, checksum(header), source, target)


def checksum(data: bytes) -> int:
    """Return the Internet checksum (RFC 1071): arithmetic modulo 65535 is ones' complement addition."""
    if len(data) % 2:
        data += b"\0"
    total = int.from_bytes(data) % 0xFFFF
    return 0xFFFF - total if total or not any(data) else 0
