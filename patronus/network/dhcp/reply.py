# SPDX-License-Identifier: GPL-2.0-or-later
"""Replies: which options a client gets, and where the packet must go (RFC 2131 sections 4.1 and 4.3.1)."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import NamedTuple

from patronus.network.dhcp.client import class_of
from patronus.network.dhcp.codec import (
    BROADCAST_FLAG,
    DEFAULT_REPLY_LIMIT,
    Code,
    Kind,
    Packet,
    encode,
    written,
)
from patronus.network.dhcp.config import ClientClass, Pool, Told

ETHERNET = 1
LARGEST_REPLY = 1472
"""Bytes that fit an Ethernet frame after the IP and UDP headers."""
HEADERS = 28
_ECHOED = (int(Code.CLIENT_ID), int(Code.RELAY_AGENT))
REMEMBERED = 256
"""Sets of options that a pool remembers: hosts of one kind ask for the same, and one may invent more."""


class Way(Enum):
    """How the packet leaves."""

    BROADCAST = "to 255.255.255.255"
    UNICAST = "to a client that has its address"
    LINK = "to a client that has no address yet, by its hardware address"
    RELAY = "to the relay agent"


class Reply(NamedTuple):
    """A packet and its way: ``address`` is its destination, ``server`` our source address."""

    packet: Packet
    way: Way
    address: int
    server: int
    limit: int
    body: bytearray | None = None

    def bytes(self) -> bytes:
        """Return the message as it goes over the wire."""
        return encode(self.packet, self.limit, self.body)


def reply_to(packet: Packet, kind: Kind, pool: Pool, address: int = 0, lease_time_s: int = 0) -> Reply:
    """Return the reply of that kind; ``address`` and ``lease_time_s`` are 0 for NAK and for INFORM's ACK."""
    nak = kind is Kind.NAK
    special = class_of(packet, pool) if pool.classes else None
    told = _told(packet, kind, pool, special, lease_time_s)
    options, body = _echoing(packet, told)
    answer = Packet(
        2,
        packet.xid,
        packet.hardware,
        packet.hardware_type,
        0,
        packet.flags | BROADCAST_FLAG if nak and packet.giaddr else packet.flags,
        packet.ciaddr if kind is Kind.ACK else 0,
        address,
        0 if nak else (special.next_server if special is not None else 0) or pool.next_server,
        packet.giaddr,
        0,
        told.file,
        options,
    )
    way, destination = _way(packet, nak=nak, address=address)
    return Reply(answer, way, destination, pool.server, _limit(packet), body)


def _way(packet: Packet, *, nak: bool, address: int) -> tuple[Way, int]:
    """Return the way and the destination (RFC 2131 section 4.1, last paragraphs)."""
    if packet.giaddr:
        return Way.RELAY, packet.giaddr
    if nak:
        return Way.BROADCAST, 0xFFFFFFFF
    if packet.ciaddr:
        return Way.UNICAST, packet.ciaddr
    if packet.flags & BROADCAST_FLAG or packet.hardware_type != ETHERNET or len(packet.hardware) != 6:
        return Way.BROADCAST, 0xFFFFFFFF
    return Way.LINK, address


def _told(packet: Packet, kind: Kind, pool: Pool, special: ClientClass | None, lease_time_s: int) -> Told:
    """Return what such a host is told; it is put together and written once for all that ask alike."""
    key = kind, packet.options.get(Code.PARAMETER_LIST), lease_time_s, id(special)
    told = pool.told.get(key)
    if told is None:
        if len(pool.told) >= REMEMBERED:
            pool.told.clear()
        told = pool.told[key] = _put_together(packet, kind, pool, special, lease_time_s)
    return told


def _put_together(
    packet: Packet, kind: Kind, pool: Pool, special: ClientClass | None, lease_time_s: int
) -> Told:
    options: dict[int, bytes] = {Code.MESSAGE_TYPE: bytes((kind,)), Code.SERVER_ID: pool.server.to_bytes(4)}
    if lease_time_s:
        options[Code.LEASE_TIME] = lease_time_s.to_bytes(4)
        options[Code.RENEWAL_TIME] = (lease_time_s // 2).to_bytes(4)
        options[Code.REBINDING_TIME] = (lease_time_s * 7 // 8).to_bytes(4)
    file = b""
    if kind is not Kind.NAK:
        own = pool.options if special is None else {**pool.options, **special.options}
        file = own.get(Code.BOOT_FILE, b"")
        options |= _configured(packet, pool, own)
    return Told(options, written(options), file)


def _echoing(packet: Packet, told: Told) -> tuple[Mapping[int, bytes], bytearray | None]:
    """Return what is told, and what host and relay want to see again (RFC 6842, RFC 3046 section 2.2)."""
    echoed = {code: packet.options[code] for code in _ECHOED if code in packet.options}
    if not echoed:
        return told.options, told.body
    again = written(echoed)
    body = None if told.body is None or again is None else told.body + again
    return {**told.options, **echoed}, body


def _configured(packet: Packet, pool: Pool, told: Mapping[int, bytes]) -> dict[int, bytes]:
    """Return the subnet mask and what is told, of that what the client lists, in its order."""
    known = {Code.SUBNET_MASK: int(pool.subnet.netmask).to_bytes(4), **told}
    wanted = packet.options.get(Code.PARAMETER_LIST)
    if wanted is None:
        return known
    return {Code.SUBNET_MASK: known[Code.SUBNET_MASK]} | {
        code: known[code] for code in wanted if code in known
    }


def _limit(packet: Packet) -> int:
    """Return how many bytes the client takes; nothing below 576 counts (RFC 2132 section 9.10)."""
    size = packet.number(Code.MAXIMUM_SIZE, 2)
    return (
        DEFAULT_REPLY_LIMIT if size is None else min(max(size - HEADERS, DEFAULT_REPLY_LIMIT), LARGEST_REPLY)
    )
