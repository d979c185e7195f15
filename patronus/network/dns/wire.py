# SPDX-License-Identifier: GPL-2.0-or-later
"""DNS messages as bytes: just enough to answer from a cache and to check what upstream sent (RFC 1035, 6891).

No object is made per record.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

from patronus.network.dns.cookies import BadOptions, cookie_in, cookie_option
from patronus.network.dns.names import NAME_LIMIT, MalformedMessage, skip_plain_name

HEADER = struct.Struct("!HHHHHH")
QUESTION_TAIL = struct.Struct("!HH")
KEY_TAIL = struct.Struct("!HH??B")
RECORD_FIXED = struct.Struct("!HHIH")
OPT_FIXED = struct.Struct("!BHHBBHH")
HEADER_SIZE = 12
PLAIN_UDP_SIZE = 512
STREAM_SIZE = 65535
"""Bytes that a message over TCP may have."""
OUR_UDP_SIZE = 1232
"""Bytes that pass every path unfragmented (DNS flag day 2020)."""
CLASS_IN = 1
OPT = 41
PADDING, PADDING_BLOCK = 12, 128


class Flag:
    """The bits of the header's second word; plain numbers, because an IntFlag costs a microsecond per use."""

    QR = 0x8000
    AA = 0x0400
    TC = 0x0200
    RD = 0x0100
    RA = 0x0080
    AD = 0x0020
    CD = 0x0010


class Rcode(IntEnum):
    """Response codes; those above 15 need the OPT record's upper bits."""

    NOERROR = 0
    FORMERR = 1
    SERVFAIL = 2
    NXDOMAIN = 3
    NOTIMP = 4
    REFUSED = 5
    BADVERS = 16
    BADCOOKIE = 23


def rcode_text(code: int) -> str:
    """Return a code as people write it."""
    return Rcode(code).name if code in Rcode.__members__.values() else str(code)


class Type(IntEnum):
    """The record types that the server itself looks at."""

    A = 1
    NS = 2
    CNAME = 5
    SOA = 6
    PTR = 12
    MX = 15
    TXT = 16
    AAAA = 28
    SRV = 33
    SVCB = 64
    HTTPS = 65
    IXFR = 251
    AXFR = 252
    ANY = 255


class Query(NamedTuple):
    """A question as it came. ``question`` is name, type and class in the client's case.

    ``size`` is what the client takes over UDP; ``rcode`` is set where the answer is an error at once;
    ``view`` is the number of the client's policy. ``cookie`` is the client's (RFC 7873), and what it is sent
    back once the server has put its own to it.
    """

    id: int
    flags: int
    question: bytes
    name: bytes
    qtype: int
    qclass: int
    edns: bool
    dnssec_ok: bool
    size: int
    rcode: int
    view: int = 0
    cookie: bytes = b""

    @property
    def key(self) -> bytes:
        """Return what the answer depends on: name, type, class, DO, CD, and who asks."""
        cd = self.flags & Flag.CD != 0
        return self.name + KEY_TAIL.pack(self.qtype, self.qclass, self.dnssec_ok, cd, self.view)


def name_of(key: bytes) -> bytes:
    """Return the name that an answer's key begins with."""
    return key[: skip_plain_name(key, 0)]


def parse_query(data: bytes) -> Query:
    """Return the question in the bytes. Raises MalformedMessage for what must not be answered at all."""
    if len(data) < HEADER_SIZE:
        raise MalformedMessage("shorter than a header")
    identity, flags, questions, answers, authorities, extras = HEADER.unpack_from(data)
    if flags & Flag.QR:
        raise MalformedMessage("a response")
    if flags & 0x7800:
        return _refused(identity, flags, Rcode.NOTIMP)
    if questions != 1 or answers or authorities or extras > 2:
        return _refused(identity, flags, Rcode.FORMERR)
    end = skip_plain_name(data, HEADER_SIZE) + QUESTION_TAIL.size
    if end > len(data):
        raise MalformedMessage("the question ends early")
    name = data[HEADER_SIZE : end - 4].lower()
    qtype, qclass = QUESTION_TAIL.unpack_from(data, end - 4)
    edns, do, size, rcode, cookie = _extras(data, end, extras) if extras else _NO_EXTRAS
    question = data[HEADER_SIZE:end]
    return Query(identity, flags, question, name, qtype, qclass, edns, do, size, rcode, 0, cookie)


def _refused(identity: int, flags: int, rcode: Rcode) -> Query:
    return Query(
        identity, flags, b"", b"", 0, 0, edns=False, dnssec_ok=False, size=PLAIN_UDP_SIZE, rcode=rcode
    )


_Extras = tuple[bool, bool, int, int, bytes]
_NO_EXTRAS: _Extras = (False, False, PLAIN_UDP_SIZE, 0, b"")


def _extras(data: bytes, position: int, count: int) -> _Extras:
    """Return (EDNS given, DO, UDP size, rcode, cookie) from a query's last section (RFC 6891 section 6)."""
    found: _Extras | None = None
    for _ in range(count):
        record = read_record(data, position)
        if record.rtype == OPT:
            if found is not None or data[position] != 0:
                return True, False, PLAIN_UDP_SIZE, Rcode.FORMERR, b""
            version, do = record.ttl >> 16 & 0xFF, bool(record.ttl & 0x8000)
            size = min(max(record.rclass, PLAIN_UDP_SIZE), OUR_UDP_SIZE)
            rcode, cookie = Rcode.BADVERS if version else Rcode.NOERROR, b""
            if record.data_at < record.end and not version:
                try:
                    cookie = cookie_in(data, record.data_at, record.end)
                except BadOptions:
                    rcode = Rcode.FORMERR
            found = True, do, size, rcode, cookie
        position = record.end
    return found or _NO_EXTRAS


def skip_name(data: bytes, position: int) -> int:
    """Return where a name ends that may end in a pointer backwards. Raises MalformedMessage."""
    start, end = position, len(data)
    while position < end:
        length = data[position]
        if not length:
            return position + 1
        if length >= 0xC0:
            if position + 2 > end or ((length & 0x3F) << 8 | data[position + 1]) >= start:
                break
            return position + 2
        position += length + 1
        if length > 63 or position - start > NAME_LIMIT - 1:
            break
    raise MalformedMessage("a name without end")


class RecordSpan(NamedTuple):
    """Where a record lies in its message: its owner at ``start``, its TTL, its data up to ``end``."""

    start: int
    rtype: int
    rclass: int
    ttl: int
    ttl_at: int
    data_at: int
    end: int


def read_record(data: bytes, position: int) -> RecordSpan:
    """Return the span of the record that starts at the position. Raises MalformedMessage."""
    fixed = skip_name(data, position)
    data_at = fixed + RECORD_FIXED.size
    if data_at > len(data):
        raise MalformedMessage("a record ends early")
    rtype, rclass, ttl, length = RECORD_FIXED.unpack_from(data, fixed)
    if data_at + length > len(data):
        raise MalformedMessage("a record's data ends early")
    return RecordSpan(position, rtype, rclass, ttl, fixed + 4, data_at, data_at + length)


@dataclass(frozen=True)
class Response:
    """What upstream sent, walked to its end: the records of each section, OPT apart."""

    data: bytes
    flags: int
    question_end: int
    answers: tuple[RecordSpan, ...]
    authorities: tuple[RecordSpan, ...]
    extras: tuple[RecordSpan, ...]
    opt: RecordSpan | None

    @property
    def rcode(self) -> int:
        """Return the code, with the upper bits that OPT holds (RFC 6891 section 6.1.3)."""
        return (self.flags & 15) | ((self.opt.ttl >> 24) << 4 if self.opt else 0)

    def cookie(self) -> bytes:
        """Return the cookie in it, or nothing. Raises BadOptions."""
        return cookie_in(self.data, self.opt.data_at, self.opt.end) if self.opt is not None else b""

    def records(self) -> Iterator[RecordSpan]:
        """Yield all records but OPT."""
        yield from self.answers
        yield from self.authorities
        yield from self.extras


def parse_response(data: bytes) -> Response:
    """Return the walked message; it has exactly one question. Raises MalformedMessage."""
    if len(data) < HEADER_SIZE:
        raise MalformedMessage("shorter than a header")
    _, flags, questions, *counts = HEADER.unpack_from(data)
    if questions != 1 or not flags & Flag.QR:
        raise MalformedMessage("not a response to one question")
    question_end = position = skip_plain_name(data, HEADER_SIZE) + QUESTION_TAIL.size
    sections: list[tuple[RecordSpan, ...]] = []
    for count in counts:
        spans = []
        for _ in range(count):
            span = read_record(data, position)
            spans.append(span)
            position = span.end
        sections.append(tuple(spans))
    if position != len(data):
        raise MalformedMessage("bytes after the last record")
    opts = [span for span in sections[2] if span.rtype == OPT]
    if len(opts) > 1:
        raise MalformedMessage("more than one OPT record")
    extras = tuple(span for span in sections[2] if span.rtype != OPT)
    return Response(data, flags, question_end, sections[0], sections[1], extras, opts[0] if opts else None)


def opt_record(
    *, dnssec_ok: bool, rcode: int = 0, padded_from: int | None = None, cookie: bytes = b""
) -> bytes:
    """Return our OPT record; with it a message of ``padded_from`` bytes fills whole blocks (RFC 7830)."""
    options = cookie_option(cookie) if cookie else b""
    if padded_from is not None:
        length = -(padded_from + OPT_FIXED.size + QUESTION_TAIL.size) % PADDING_BLOCK
        options = QUESTION_TAIL.pack(PADDING, length) + bytes(length)
    flags = 0x8000 if dnssec_ok else 0
    return OPT_FIXED.pack(0, OPT, OUR_UDP_SIZE, rcode >> 4, 0, flags, len(options)) + options


def error_reply(query: Query, rcode: int) -> bytes:
    """Return an answer without records: an error, or an empty answer."""
    flags = Flag.QR | Flag.RA | query.flags & (0x7800 | Flag.RD | Flag.CD) | rcode & 15
    header = HEADER.pack(query.id, flags, 1 if query.question else 0, 0, 0, 1 if query.edns else 0)
    tail = opt_record(dnssec_ok=query.dnssec_ok, rcode=rcode, cookie=query.cookie) if query.edns else b""
    return header + query.question + tail
