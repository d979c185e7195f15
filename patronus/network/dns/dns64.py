# SPDX-License-Identifier: GPL-2.0-or-later
"""DNS64: names that have addresses of IPv4 alone get addresses of IPv6 that lead to a translator (RFC 6147).

Pure. What another server said is rewritten into a message of its own, without compression of names, and goes
on from there as any other answer.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from patronus.core.embedded import WELL_KNOWN, embed, extract
from patronus.network.dns.answer import Answer, from_response
from patronus.network.dns.config import LocalRecord
from patronus.network.dns.names import MalformedMessage, wire_name
from patronus.network.dns.rebinding import is_private
from patronus.network.dns.rewriting import Kept, message, own_records
from patronus.network.dns.upstream import Question
from patronus.network.dns.wire import (
    CLASS_IN,
    QUESTION_TAIL,
    STREAM_SIZE,
    Flag,
    Query,
    Rcode,
    Response,
    Type,
    parse_response,
)

MAPPED = IPv6Network("::ffff:0:0/96")
"""Addresses of IPv4 in disguise: they never count as an answer (RFC 6147 section 5.1.4)."""
UNSPOKEN_TTL_S = 600
"""How long an answer lives at most where nobody said for how long there is no other (section 5.1.7)."""
KNOWN_NAME = "ipv4only.arpa"
KNOWN_ADDRESSES = (IPv4Address("192.0.0.170"), IPv4Address("192.0.0.171"))
"""By these hosts find the prefix (RFC 7050); whoever does DNS64 answers them itself (RFC 8880)."""
KNOWN_TTL_S = 3600
NOBODYS = tuple(map(IPv4Network, ("0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/3")))
"""Addresses that are no host's elsewhere: lists of blocked names give them, and nothing translates them."""
_REVERSE = b"\x03ip6\x04arpa\x00"
_REVERSE_SIZE = 32 * 2 + len(_REVERSE)
_SOA_MINIMUM = struct.Struct("!I")

Finish = Callable[[Response | None], None]
Ask = Callable[[Question, Finish], None]
Local = Callable[[bytes, int], Answer | None]
"""What the router itself says of a name and a type."""


@dataclass(frozen=True)
class Translation:
    """By which prefix the translator is reached, and which addresses of IPv6 count as none."""

    prefix: IPv6Network
    excluded: tuple[IPv6Network, ...] = ()

    @property
    def tag(self) -> bytes:
        """Return what tells answers of this translation from all others in the cache."""
        told = repr((self.prefix, self.excluded)).encode()
        return hashlib.blake2b(told, digest_size=8).digest()

    def concerns(self, query: Query) -> bool:
        """Return whether the answer may be another than what is known of the name.

        Who checks signatures itself is told nothing made up (RFC 6147 section 5.5).
        """
        if query.qclass != CLASS_IN:
            return False
        if query.qtype == Type.AAAA:
            return not (query.dnssec_ok and query.flags & Flag.CD)
        return query.qtype == Type.PTR and self.reversed_name(query.name) is not None

    def reversed_name(self, name: bytes) -> bytes | None:
        """Return the name under which IPv4 has the reverse of an address of the prefix; None for others."""
        if len(name) != _REVERSE_SIZE or not name.endswith(_REVERSE):
            return None
        digits = name[1 : -len(_REVERSE) : 2][::-1]
        try:
            packed = bytes.fromhex(digits.decode("ascii"))
        except ValueError:
            return None
        address = extract(self.prefix, packed) if len(packed) == 16 else None
        return wire_name(address.reverse_pointer) if address is not None else None

    def counts(self, packed: bytes) -> bool:
        """Return whether a host of IPv6 alone can use this address of an answer."""
        address = IPv6Address(packed) if len(packed) == 16 else None
        return address is not None and not any(address in one for one in (MAPPED, *self.excluded))

    def translated(self, packed: bytes) -> bytes | None:
        """Return the address of IPv6 for one of IPv4; None for one that nobody translates."""
        if len(packed) != 4 or any(ip_address(packed) in one for one in NOBODYS):
            return None
        if self.prefix == WELL_KNOWN and is_private(packed):  # RFC 6052 section 3.1
            return None
        return embed(self.prefix, IPv4Address(packed)).packed

    def local(self, query: Query, found: Answer | None, local: Local, now_s: float) -> Answer | None:
        """Return what the router itself answers, given what it knows of the very question."""
        if query.qtype == Type.PTR:
            return (
                found if found is not None and found.counts[0] else self._local_reverse(query, local, now_s)
            )
        if found is None or any(one.rtype == Type.AAAA for one in _said(found, query, now_s).answers):
            return found
        known = local(query.name, Type.A)
        if known is None:
            return found
        said = _said(known, query._replace(qtype=Type.A), now_s)
        made = self._synthesised(_question(query), said, UNSPOKEN_TTL_S)
        return found if made is None else from_response(made, now_s)

    def _local_reverse(self, query: Query, local: Local, now_s: float) -> Answer | None:
        name = self.reversed_name(query.name) or query.name
        known = local(name, Type.PTR)
        if known is None:
            return None
        said = _said(known, query._replace(name=name), now_s)
        return from_response(self._reverse(_question(query), said), now_s)

    # -- what others answer

    def ask(self, question: Question, ask: Ask, finish: Finish) -> None:
        """Ask what has to be asked, and finish with what the client shall be told."""
        if question.qtype == Type.PTR:
            name = self.reversed_name(question.name) or question.name
            ask(replace(question, name=name), guarded(lambda said: self._reverse(question, said), finish))
        else:
            ask(question, lambda said: self._judge(question, said, ask, finish))

    def _judge(self, question: Question, said: Response | None, ask: Ask, finish: Finish) -> None:
        """Take an answer that has an address; else ask for those of IPv4 (RFC 6147 section 5.1)."""
        if said is None or said.rcode == Rcode.NXDOMAIN:
            finish(said)
            return
        addresses = [said.data[one.data_at : one.end] for one in said.answers if one.rtype == Type.AAAA]
        usable = [self.counts(packed) for packed in addresses] if said.rcode == Rcode.NOERROR else []
        if usable and all(usable):
            finish(said)
            return
        left = guarded(lambda answer: self._without_excluded(question, answer), finish) if usable else finish
        if any(usable):
            left(said)
            return
        ttl_s = _negative_ttl_s(said)

        def second(other: Response | None) -> None:
            try:
                made = self._synthesised(question, other, ttl_s) if other is not None else None
            except MalformedMessage:
                made = None
            if made is None:
                left(said)
            else:
                finish(made)

        ask(replace(question, qtype=Type.A), second)

    def _synthesised(self, question: Question, said: Response, ttl_s: int) -> Response | None:
        """Return the answer made of addresses of IPv4; None where there is none to make it of."""
        if said.rcode != Rcode.NOERROR:
            return None
        records = []
        for one in own_records(question, said, said.answers, {Type.CNAME, Type.A}):
            six = self.translated(one.rdata) if one.rtype == Type.A else None
            if one.rtype == Type.CNAME or six is not None:
                rtype, rdata = (one.rtype, one.rdata) if six is None else (Type.AAAA, six)
                records.append(Kept(one.owner, rtype, min(one.ttl_s, ttl_s), rdata))
        if all(one.rtype != Type.AAAA for one in records):
            return None
        return message(question, Rcode.NOERROR, records)

    def _without_excluded(self, question: Question, said: Response) -> Response:
        """Return the answer without the addresses that count as none."""
        found = own_records(question, said, said.answers, {Type.CNAME, Type.AAAA})
        kept = [one for one in found if one.rtype == Type.CNAME or self.counts(one.rdata)]
        return message(question, Rcode.NOERROR, kept)

    def _reverse(self, question: Question, said: Response) -> Response:
        """Return the reverse of an address of the prefix: an alias to that of IPv4 (section 5.3.1)."""
        name = self.reversed_name(question.name) or question.name
        answers = list(own_records(question, said, said.answers, {Type.CNAME, Type.PTR}))
        soas = list(own_records(question, said, said.authorities, {Type.SOA}))
        ttl_s = min((one.ttl_s for one in answers), default=0)
        alias = [Kept(None, Type.CNAME, ttl_s, name)] if answers else []
        return message(question, said.rcode, alias + answers, soas)


def _question(query: Query) -> Question:
    return Question(query.name, query.qtype, query.qclass, query.dnssec_ok, cd=False)


def _said(answer: Answer, query: Query, now_s: float) -> Response:
    """Return an answer of our own as if another server had given it."""
    question = query.name + QUESTION_TAIL.pack(query.qtype, CLASS_IN)
    plain = query._replace(question=question, edns=False, cookie=b"")
    return parse_response(answer.reply(plain, now_s, STREAM_SIZE))


def guarded(make: Callable[[Response], Response], finish: Finish) -> Finish:
    """Return what finishes with the answer made of another; with none where that cannot be read."""

    def done(said: Response | None) -> None:
        try:
            made = make(said) if said is not None else None
        except MalformedMessage:
            made = None
        finish(made)

    return done


def _negative_ttl_s(said: Response) -> int:
    """Return for how long the name is known to have no address of IPv6 (RFC 2308 section 5)."""
    for span in said.authorities:
        if span.rtype == Type.SOA and span.end - span.data_at >= 22:
            (minimum_s,) = _SOA_MINIMUM.unpack_from(said.data, span.end - _SOA_MINIMUM.size)
            return min(span.ttl, int(minimum_s))
    return UNSPOKEN_TTL_S


def known_records() -> Iterator[LocalRecord]:
    """Yield the records by which hosts find the prefix; those of IPv6 are made of them as of any."""
    for address in KNOWN_ADDRESSES:
        yield LocalRecord(KNOWN_NAME, Type.A, KNOWN_TTL_S, address.packed.hex())
