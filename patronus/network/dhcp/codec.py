# SPDX-License-Identifier: GPL-2.0-or-later
"""DHCP messages to bytes and back (RFC 2131 section 2, RFC 2132, RFC 3396), with strict bounds.

Addresses are ints in host order here: the machine does arithmetic on them for every packet.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping
from enum import IntEnum
from types import MappingProxyType
from typing import NamedTuple

MAGIC = b"\x63\x82\x53\x63"
HEADER = struct.Struct("!BBBBIHHIIII16s64s128s4s")
_FIXED = struct.Struct("!BBBBIHHIIII16s")
_NAMELESS = struct.Struct("!BBBBIHHIIII16s192x4s")
_read = _NAMELESS.unpack_from
_NAMES = struct.Struct("!64s128s")
_SIZE = HEADER.size
SMALLEST_REPLY = 300
"""Bytes of a BOOTP message; some clients drop what is shorter (RFC 1542 section 2.1)."""
LARGEST_REQUEST = 4096
DEFAULT_REPLY_LIMIT = 548
"""Bytes of a message that every client takes: 576 less the IP and UDP headers (RFC 2131 section 2)."""
BROADCAST_FLAG = 0x8000
SNAME = slice(44, 108)
FILE = slice(108, 236)


class Kind(IntEnum):
    """The message types of option 53 (RFC 2132 section 9.6)."""

    DISCOVER = 1
    OFFER = 2
    REQUEST = 3
    DECLINE = 4
    ACK = 5
    NAK = 6
    RELEASE = 7
    INFORM = 8


class Code(IntEnum):
    """The options that the server itself reads or writes (RFC 2132)."""

    PAD = 0
    SUBNET_MASK = 1
    ROUTER = 3
    DNS_SERVERS = 6
    HOSTNAME = 12
    DOMAIN_NAME = 15
    INTERFACE_MTU = 26
    NTP_SERVERS = 42
    REQUESTED_ADDRESS = 50
    LEASE_TIME = 51
    OVERLOAD = 52
    MESSAGE_TYPE = 53
    SERVER_ID = 54
    PARAMETER_LIST = 55
    MESSAGE = 56
    MAXIMUM_SIZE = 57
    RENEWAL_TIME = 58
    REBINDING_TIME = 59
    VENDOR_CLASS = 60
    CLIENT_ID = 61
    TFTP_SERVER = 66
    BOOT_FILE = 67
    USER_CLASS = 77
    CLIENT_FQDN = 81
    RELAY_AGENT = 82
    CAPTIVE_PORTAL = 114
    DOMAIN_SEARCH = 119
    STATIC_ROUTES = 121
    END = 255


_OVERLOAD, _END = int(Code.OVERLOAD), int(Code.END)
"""Plain numbers: an option's code is compared with them for every option of every packet."""


class MalformedPacket(ValueError):
    """The bytes are no DHCP message; the message names the first thing wrong."""


class Packet(NamedTuple):
    """One message. ``hardware`` is the client's address of ``hlen`` bytes; options map code to bytes.

    ``file`` is the name of a file to boot, of a reply alone; it goes where no options have to.
    """

    op: int
    xid: int
    hardware: bytes
    hardware_type: int = 1
    secs: int = 0
    flags: int = 0
    ciaddr: int = 0
    yiaddr: int = 0
    siaddr: int = 0
    giaddr: int = 0
    hops: int = 0
    file: bytes = b""
    options: Mapping[int, bytes] = MappingProxyType({})

    def address(self, code: Code) -> int | None:
        """Return the option's address, or None where it is absent or not four bytes long."""
        value = self.options.get(code)
        return int.from_bytes(value) if value is not None and len(value) == 4 else None

    def number(self, code: Code, size: int) -> int | None:
        """Return the option's unsigned number of ``size`` bytes, or None where it is absent or odd."""
        value = self.options.get(code)
        return int.from_bytes(value) if value is not None and len(value) == size else None


_new = tuple.__new__
"""Makes a packet of all its fields, without looking for defaults."""


def decode(data: bytes) -> Packet:
    """Return the message in the bytes. Raises MalformedPacket."""
    if not _SIZE <= len(data) <= LARGEST_REQUEST:
        raise MalformedPacket(f"{len(data)} bytes are no DHCP message")
    op, htype, hlen, hops, xid, secs, flags, ciaddr, yiaddr, siaddr, giaddr, chaddr, magic = _read(data)
    if magic != MAGIC:
        raise MalformedPacket("the magic cookie is missing")
    if not 1 <= op <= 2 or not 1 <= hlen <= 16:
        raise MalformedPacket(f"op {op} with a hardware address of {hlen} bytes")
    options: dict[int, bytes] = {}
    _read_options(data, _SIZE, options)
    if _OVERLOAD in options:
        _read_overloaded(data, options)
    hardware = chaddr[:hlen]
    fields = op, xid, hardware, htype, secs, flags, ciaddr, yiaddr, siaddr, giaddr, hops, b"", options
    return _new(Packet, fields)


def _read_overloaded(data: bytes, options: dict[int, bytes]) -> None:
    """Add the options of the other two fields that may hold them (RFC 2132 section 9.3)."""
    overload = options.pop(_OVERLOAD)
    if len(overload) != 1 or overload[0] > 3:
        raise MalformedPacket("the overload option has no such value")
    if overload[0] & 1:
        _read_options(data[FILE], 0, options)
    if overload[0] & 2:
        _read_options(data[SNAME], 0, options)


def _read_options(data: bytes, position: int, options: dict[int, bytes]) -> None:
    """Add the options from the position on; parts of one option are joined in order (RFC 3396)."""
    code = 0
    try:
        while (code := data[position]) != _END:
            if not code:  # a pad
                position += 1
                continue
            start = position + 2
            position = start + data[position + 1]
            if code in options:
                options[code] += data[start:position]
            else:
                options[code] = data[start:position]
    except IndexError:
        _check_end(code, position, len(data))


def _check_end(code: int, position: int, end: int) -> None:
    """Accept a field that ends behind a whole option, without the one that says so."""
    if position > end:
        raise MalformedPacket(f"option {code} is longer than its field")
    if position < end:
        raise MalformedPacket(f"option {code} has no length")


def encode(packet: Packet, limit: int = DEFAULT_REPLY_LIMIT, body: bytearray | None = None) -> bytes:
    """Return the message as bytes, of at most ``limit`` bytes; the last options that do not fit stay out.

    Options go to the options field, then to file and sname by overload (RFC 2131 section 4.1). ``body`` is
    what ``written`` makes of them, where it is known.
    """
    op, xid, hardware, htype, secs, flags, ciaddr, yiaddr, siaddr, giaddr, hops, file, options = packet
    if body is None:
        body = written(options)
    room, size = limit - _SIZE - 1, len(hardware)
    if not file and body is not None and len(body) <= room:
        header = _NAMELESS.pack(
            op, htype, size, hops, xid, secs, flags, ciaddr, yiaddr, siaddr, giaddr, hardware, MAGIC
        )
        return (header + body + b"\xff").ljust(SMALLEST_REPLY, b"\0")
    fixed = _FIXED.pack(op, htype, size, hops, xid, secs, flags, ciaddr, yiaddr, siaddr, giaddr, hardware)
    fields, overload = _place(options, room)
    if overload:
        fields, overload = _place(options, room - 3)
        fields[0] += bytes((_OVERLOAD, 1, overload))
    names = _NAMES.pack(fields[2], fields[1] or file[: FILE.stop - FILE.start - 1])
    return (fixed + names + MAGIC + fields[0] + b"\xff").ljust(SMALLEST_REPLY, b"\0")


def written(options: Mapping[int, bytes]) -> bytearray | None:
    """Return the options one behind the other, or None where one is longer than its length can say."""
    body = bytearray()
    try:
        for code, value in options.items():
            body.append(code)
            body.append(len(value))
            body += value
    except ValueError:
        return None
    return body


def _place(options: Mapping[int, bytes], room: int) -> tuple[list[bytes], int]:
    """Return the bytes for options, file and sname, and the value of the overload option."""
    fields = [b"", b"", b""]
    space = [room, FILE.stop - FILE.start - 1, SNAME.stop - SNAME.start - 1]
    for code, value in options.items():
        encoded = _encode_option(code, value)
        for index in range(3):
            if len(fields[index]) + len(encoded) <= space[index]:
                fields[index] += encoded
                break
    overload = (1 if fields[1] else 0) | (2 if fields[2] else 0)
    return [fields[0], *(part + b"\xff" if part else b"" for part in fields[1:])], overload


def _encode_option(code: int, value: bytes) -> bytes:
    parts = [value[start : start + 255] for start in range(0, len(value), 255)] or [b""]
    return b"".join(bytes((code, len(part))) + part for part in parts)


def addresses(values: Iterable[int]) -> bytes:
    """Return addresses as an option's bytes."""
    return b"".join(value.to_bytes(4) for value in values)
