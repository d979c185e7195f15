# SPDX-License-Identifier: GPL-2.0-or-later
"""Queries and responses are walked within their bounds; what another library writes, we read alike."""

from __future__ import annotations

import random
from string import ascii_lowercase, digits

import dnslib
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from patronus.network.dns.names import MalformedMessage, parents, wire_name
from patronus.network.dns.wire import Flag, Rcode, error_reply, parse_query, parse_response

ID = 0x1234
"""Chosen, so that the tests have the same names in every process."""


def question(name: str) -> dnslib.DNSRecord:
    record = dnslib.DNSRecord.question(name)
    record.header.id = ID
    return record


PLAIN = bytes(question("www.example").pack())


def with_edns(name: str = "www.example", *, version: int = 0, size: int = 4096, flags: str = "") -> bytes:
    record = question(name)
    record.add_ar(dnslib.EDNS0(udp_len=size, flags=flags, version=version))
    return bytes(record.pack())


def test_a_plain_question_is_read() -> None:
    query = parse_query(PLAIN)
    assert query.name == b"\3www\7example\0"
    assert (query.qtype, query.qclass, query.edns, query.size, query.rcode) == (1, 1, False, 512, 0)
    assert query.flags & Flag.RD


def test_edns_is_read_and_its_size_bounded() -> None:
    query = parse_query(with_edns(flags="do"))
    assert (query.edns, query.dnssec_ok, query.size, query.rcode) == (True, True, 1232, 0)
    assert parse_query(with_edns(size=100)).size == 512
    assert parse_query(with_edns(version=1)).rcode == Rcode.BADVERS


def test_the_key_is_the_same_whatever_the_case_and_another_for_type_do_and_cd() -> None:
    keys = {
        parse_query(bytes(dnslib.DNSRecord.question(name).pack())).key
        for name in ("www.example", "WWW.example", "wWw.eXample")
    }
    assert len(keys) == 1
    other = {
        parse_query(bytes(dnslib.DNSRecord.question("www.example", "AAAA").pack())).key,
        parse_query(with_edns(flags="do")).key,
        parse_query(PLAIN[:3] + b"\x10" + PLAIN[4:]).key,
    }
    assert len(keys | other) == 4


@pytest.mark.parametrize(
    "data",
    [
        b"",
        PLAIN[:11],
        PLAIN[:-1],
        PLAIN[:12] + b"\x40" + PLAIN[13:],
        PLAIN[:12] + b"\xc0\x0c" + PLAIN[-4:],
        PLAIN[:12] + (b"\x3f" + b"x" * 63) * 4 + b"\0\0\1\0\1",
        PLAIN[:2] + b"\x81\x80" + PLAIN[4:],
        with_edns()[:-1],
    ],
    ids=[str(number) for number in range(8)],
)
def test_what_is_no_question_is_not_answered(data: bytes) -> None:
    with pytest.raises(MalformedMessage):
        parse_query(data)


@pytest.mark.parametrize(
    ("data", "rcode"),
    [
        (PLAIN[:2] + b"\x28\x00" + PLAIN[4:], Rcode.NOTIMP),
        (PLAIN[:4] + b"\0\2" + PLAIN[6:], Rcode.FORMERR),
        (PLAIN[:4] + b"\0\0" + PLAIN[6:12], Rcode.FORMERR),
        (PLAIN[:6] + b"\0\1" + PLAIN[8:], Rcode.FORMERR),
    ],
    ids=["opcode", "two questions", "no question", "an answer"],
)
def test_what_we_do_not_do_is_answered_so(data: bytes, rcode: Rcode) -> None:
    query = parse_query(data)
    assert query.rcode == rcode
    assert dnslib.DNSRecord.parse(error_reply(query, rcode)).header.rcode == rcode


def response() -> bytes:
    record = question("www.example").reply()
    record.add_answer(*dnslib.RR.fromZone("www.example 60 CNAME web.example\nweb.example 30 A 198.51.100.7"))
    record.add_auth(*dnslib.RR.fromZone("example 600 NS ns.example"))
    record.add_ar(*dnslib.RR.fromZone("ns.example 600 A 198.51.100.1"))
    record.add_ar(dnslib.EDNS0(udp_len=1232))
    return bytes(record.pack())


def test_a_response_is_walked_to_its_end() -> None:
    seen = parse_response(response())
    assert [span.rtype for span in seen.answers] == [5, 1]
    assert [span.ttl for span in seen.records()] == [60, 30, 600, 600]
    assert seen.opt is not None
    address = seen.answers[1]
    assert seen.data[address.data_at : address.end] == bytes((198, 51, 100, 7))


@pytest.mark.parametrize("data", [response()[:-1], response() + b"x", PLAIN, response()[:5]])
def test_a_response_that_is_cut_or_too_long_is_refused(data: bytes) -> None:
    with pytest.raises(MalformedMessage):
        parse_response(data)


def test_a_pointer_forwards_or_to_itself_is_refused() -> None:
    data = bytearray(response())
    at = data.index(b"\xc0\x0c")
    data[at + 1] = at
    with pytest.raises(MalformedMessage):
        parse_response(bytes(data))


@settings(max_examples=30)
@given(st.integers(0, 2**32))
def test_mutated_messages_are_read_or_refused(seed: int) -> None:
    draw = random.Random(seed)
    for good, parse in ((with_edns(flags="do"), parse_query), (response(), parse_response)):
        for _ in range(100):
            data = bytearray(good)
            for _ in range(draw.randrange(1, 6)):
                data[draw.randrange(len(data))] = draw.randrange(256)
            try:
                parse(bytes(data[: draw.randrange(len(data))] if draw.random() < 0.3 else data))
            except MalformedMessage:
                continue


LABELS = st.lists(st.text(ascii_lowercase + digits, min_size=1, max_size=20), min_size=1, max_size=8)


@given(LABELS)
def test_names_are_written_as_another_library_writes_them(labels: list[str]) -> None:
    name = ".".join(labels)
    assert parse_query(bytes(dnslib.DNSRecord.question(name).pack())).name == wire_name(name.upper())
    assert len(list(parents(wire_name(name)))) == len(labels)


@pytest.mark.parametrize("name", ["a..b", "x" * 64, ".".join(["x" * 60] * 5)])
def test_what_is_no_name_is_refused(name: str) -> None:
    with pytest.raises(MalformedMessage):
        wire_name(name)
