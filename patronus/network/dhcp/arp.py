# SPDX-License-Identifier: GPL-2.0-or-later
"""Who uses an address on a link: the question (RFC 5227 section 2.1.1) and its answer (RFC 826). Pure."""

from __future__ import annotations

import struct

_ETHERNET = struct.Struct("!6s6sH")
_ARP = struct.Struct("!HHBBH6sI6sI")
_ETHERNET_ARP, _ETHERNET_IPV4 = 0x0806, 0x0800
_FORM = (1, _ETHERNET_IPV4, 6, 4)
"""Ethernet and IPv4, and how long an address of each is."""
_REQUEST, _REPLY = 1, 2
_EVERYONE = b"\xff" * 6


def probe(mac: bytes, address: int) -> bytes:
    """Return the frame that asks who has the address; it names none of ours, so nobody's table changes."""
    arp = _ARP.pack(*_FORM, _REQUEST, mac, 0, bytes(6), address)
    return _ETHERNET.pack(_EVERYONE, mac, _ETHERNET_ARP) + arp


def holder(frame: bytes) -> tuple[int, bytes] | None:
    """Return the address and the hardware address of whoever says in a reply that it is theirs."""
    if len(frame) < _ETHERNET.size + _ARP.size:
        return None
    *form, operation, mac, address, _, _ = _ARP.unpack_from(frame, _ETHERNET.size)
    return (address, mac) if tuple(form) == _FORM and operation == _REPLY else None
