# SPDX-License-Identifier: GPL-2.0-or-later
"""Records taken out of a message that came, and put into one of our own. Pure.

Names are written in full: a pointer of the old message means nothing in the new one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence, Set
from dataclasses import dataclass

from patronus.network.dns.names import NAME_LIMIT, MalformedMessage
from patronus.network.dns.upstream import Question
from patronus.network.dns.wire import (
    CLASS_IN,
    HEADER,
    QUESTION_TAIL,
    RECORD_FIXED,
    Flag,
    RecordSpan,
    Response,
    Type,
    parse_response,
    skip_name,
)

_TO_QUESTION = b"\xc0\x0c"
_SOA_NUMBERS = 20
"""Bytes behind the two names of an SOA record."""


@dataclass(frozen=True)
class Kept:
    """One record; ``owner`` None is the name that is asked for. Names in ``rdata`` are whole."""

    owner: bytes | None
    rtype: int
    ttl_s: int
    rdata: bytes


def own_records(
    question: Question, said: Response, spans: Iterable[RecordSpan], types: Set[int]
) -> Iterator[Kept]:
    """Yield the records of these types. Raises MalformedMessage."""
    for span in spans:
        if span.rtype in types and span.rclass == CLASS_IN:
            owner = whole_name(said.data, span.start).lower()
            yield Kept(
                None if owner == question.name else owner, span.rtype, span.ttl, _rdata(said.data, span)
            )


def _rdata(data: bytes, span: RecordSpan) -> bytes:
    if span.rtype in {Type.CNAME, Type.PTR}:
        return whole_name(data, span.data_at)
    if span.rtype == Type.SOA:
        second = skip_name(data, span.data_at)
        numbers = data[span.end - _SOA_NUMBERS : span.end]
        return whole_name(data, span.data_at) + whole_name(data, second) + numbers
    return data[span.data_at : span.end]


def whole_name(data: bytes, position: int) -> bytes:
    """Return the name that begins there, without pointers. Raises MalformedMessage."""
    name, least = bytearray(), position
    while position < len(data) and len(name) < NAME_LIMIT:
        length = data[position]
        if length >= 0xC0 and position + 1 < len(data):
            position = (length & 0x3F) << 8 | data[position + 1]
            if position >= least:
                break
            least = position
            continue
        if length > 63:
            break
        name += data[position : position + 1 + length]
        position += 1 + length
        if not length and len(name) <= NAME_LIMIT:
            return bytes(name)
    raise MalformedMessage("a name without end")


def message(
    question: Question, rcode: int, answers: Sequence[Kept], authorities: Sequence[Kept] = ()
) -> Response:
    """Return a response to the question that holds these records."""
    header = HEADER.pack(0, Flag.QR | Flag.RA | rcode & 15, 1, len(answers), len(authorities), 0)
    body = b"".join(
        (_TO_QUESTION if one.owner is None else one.owner)
        + RECORD_FIXED.pack(one.rtype, CLASS_IN, one.ttl_s, len(one.rdata))
        + one.rdata
        for one in (*answers, *authorities)
    )
    asked = question.name + QUESTION_TAIL.pack(question.qtype, question.qclass)
    return parse_response(header + asked + body)
