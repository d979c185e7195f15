# SPDX-License-Identifier: GPL-2.0-or-later
"""DHCPv6 messages to bytes and back (RFC 8415 sections 8 and 21), with strict bounds. Pure.

Addresses are ints in host order. What a relay agent wraps is no message here, see ``relay``.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Mapping
from enum import IntEnum
from types import MappingProxyType
from typing import NamedTuple

LARGEST = 4096
"""Bytes of the largest message that is read."""
MOST_ASSOCIATIONS = 16
"""Identity associations in one message; hosts have one or two."""
LONGEST_DUID = 130
"""A type of two bytes and at most 128 more (RFC 8415 section 11.1)."""
_OPTION = struct.Struct("!HH")
_ASSOCIATION = struct.Struct("!III")
_ADDRESS = struct.Struct("!16sII")
_PREFIX = struct.Struct("!IIB16s")
_WHOLE = 128
"""The length of an address."""


class Kind(IntEnum):
    """The messages between client and server (RFC 8415 section 7.3)."""

    SOLICIT = 1
    ADVERTISE = 2
    REQUEST = 3
    CONFIRM = 4
    RENEW = 5
    REBIND = 6
    REPLY = 7
    RELEASE = 8
    DECLINE = 9
    INFORMATION_REQUEST = 11
    RELAY_FORWARD = 12
    RELAY_REPLY = 13


class Code(IntEnum):
    """The options that the server itself reads or writes."""

    CLIENT_ID = 1
    SERVER_ID = 2
    IA_NA = 3
    IA_ADDRESS = 5
    OPTION_REQUEST = 6
    PREFERENCE = 7
    RELAY_MESSAGE = 9
    STATUS = 13
    RAPID_COMMIT = 14
    INTERFACE_ID = 18
    DNS_SERVERS = 23
    DOMAIN_SEARCH = 24
    IA_PD = 25
    IA_PREFIX = 26
    REFRESH_TIME = 32
    CLIENT_FQDN = 39
    NTP_SERVERS = 56
    CLIENT_HARDWARE = 79


class Status(IntEnum):
    """Status codes (RFC 8415 section 21.13)."""

    SUCCESS = 0
    NO_ADDRESSES = 2
    NO_BINDING = 3
    NOT_ON_LINK = 4
    USE_MULTICAST = 5
    NO_PREFIXES = 6


_SINGLE = frozenset(
    {Code.CLIENT_ID, Code.SERVER_ID, Code.OPTION_REQUEST, Code.RAPID_COMMIT, Code.CLIENT_FQDN}
)
"""Options that a message has once at most (RFC 8415 section 24)."""
_ASSOCIATIONS = {int(Code.IA_NA): int(Code.IA_ADDRESS), int(Code.IA_PD): int(Code.IA_PREFIX)}


class MalformedPacket(ValueError):
    """The bytes are no DHCPv6 message; the message names the first thing wrong."""


class Association(NamedTuple):
    """An identity association: ``kind`` is IA_NA or IA_PD, ``addresses`` are those that the client lists.

    Of an IA_PD they are the first of each prefix, and ``lengths`` those of the prefixes, in the same order.
    """

    kind: int
    iaid: int
    addresses: tuple[int, ...] = ()
    lengths: tuple[int, ...] = ()


class Packet(NamedTuple):
    """One message. ``options`` map code to bytes, those that a message has once; of others the first."""

    kind: int
    xid: int
    options: Mapping[int, bytes] = MappingProxyType({})
    associations: tuple[Association, ...] = ()

    @property
    def client(self) -> bytes:
        """Return the client's DUID, or nothing."""
        return self.options.get(Code.CLIENT_ID, b"")

    @property
    def requested(self) -> tuple[int, ...]:
        """Return the codes of the options that the client asks for."""
        data = self.options.get(Code.OPTION_REQUEST, b"")
        return struct.unpack(f"!{len(data) // 2}H", data[: len(data) // 2 * 2])


def decode(data: bytes) -> Packet:
    """Return the message in the bytes. Raises MalformedPacket."""
    if not 4 <= len(data) <= LARGEST:
        raise MalformedPacket(f"{len(data)} bytes are no DHCPv6 message")
    options: dict[int, bytes] = {}
    associations: list[Association] = []
    for code, value in each_option(data, 4):
        if code in _ASSOCIATIONS:
            associations.append(_association(code, value))
        elif code in options and code in _SINGLE:
            raise MalformedPacket(f"option {code} is there twice")
        else:
            options.setdefault(code, value)
    _refuse(options, associations)
    return Packet(data[0], int.from_bytes(data[1:4], "big"), options, tuple(associations))


def _refuse(options: Mapping[int, bytes], associations: list[Association]) -> None:
    for code in (Code.CLIENT_ID, Code.SERVER_ID):
        if code in options and not 3 <= len(options[code]) <= LONGEST_DUID:
            raise MalformedPacket(f"option {code} is a DUID of {len(options[code])} bytes")
    if len(associations) > MOST_ASSOCIATIONS:
        raise MalformedPacket(f"{len(associations)} identity associations")
    if len({(one.kind, one.iaid) for one in associations}) < len(associations):
        raise MalformedPacket("two identity associations have one IAID")


def each_option(data: bytes, at: int) -> Iterator[tuple[int, bytes]]:
    """Yield code and bytes of each option from a place on. Raises MalformedPacket."""
    end = len(data)
    while at < end:
        if at + _OPTION.size > end:
            raise MalformedPacket("an option has no length")
        code, length = _OPTION.unpack_from(data, at)
        at += _OPTION.size
        if at + length > end:
            raise MalformedPacket(f"option {code} is longer than what holds it")
        yield code, data[at : at + length]
        at += length


def _association(code: int, value: bytes) -> Association:
    if len(value) < _ASSOCIATION.size:
        raise MalformedPacket(f"an association of {len(value)} bytes")
    inner = _ASSOCIATIONS[code]
    addresses: list[int] = []
    lengths: list[int] = []
    for found, body in each_option(value, _ASSOCIATION.size):
        if found != inner:
            continue
        if len(body) < (_ADDRESS.size if inner == Code.IA_ADDRESS else _PREFIX.size):
            raise MalformedPacket(f"option {found} has {len(body)} bytes")
        if inner == Code.IA_ADDRESS:
            address = body[:16]
        else:
            _, _, length, address = _PREFIX.unpack_from(body)
            if length > _WHOLE:
                raise MalformedPacket(f"a prefix of {length} bits")
            lengths.append(length)
        addresses.append(int.from_bytes(address, "big"))
    return Association(code, int.from_bytes(value[:4], "big"), tuple(addresses), tuple(lengths))


def encode(kind: Kind, xid: int, options: Iterable[tuple[int, bytes]]) -> bytes:
    """Return the message; options as given, in order."""
    return bytes((kind,)) + xid.to_bytes(3, "big") + b"".join(option(*one) for one in options)


def option(code: int, value: bytes) -> bytes:
    """Return one option."""
    return _OPTION.pack(code, len(value)) + value


class Given(NamedTuple):
    """An address, or a prefix of less than 128 bits, with its lifetimes in seconds; 0 takes it back."""

    address: int
    preferred_s: int
    valid_s: int
    length: int = _WHOLE

    def option(self) -> bytes:
        """Return the option that says it."""
        address = self.address.to_bytes(16, "big")
        if self.length < _WHOLE:
            return option(Code.IA_PREFIX, _PREFIX.pack(self.preferred_s, self.valid_s, self.length, address))
        return option(Code.IA_ADDRESS, _ADDRESS.pack(address, self.preferred_s, self.valid_s))


def association(
    iaid: int, times_s: tuple[int, int], addresses: Iterable[Given], status: bytes = b""
) -> bytes:
    """Return the value of an IA_NA or an IA_PD; ``times_s`` are T1 and T2."""
    parts = b"".join(one.option() for one in addresses)
    return _ASSOCIATION.pack(iaid, *times_s) + parts + (option(Code.STATUS, status) if status else b"")


def status(code: Status, text: str = "") -> bytes:
    """Return the value of a status code option."""
    return struct.pack("!H", code) + text.encode()
