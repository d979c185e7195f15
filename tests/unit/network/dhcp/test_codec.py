# SPDX-License-Identifier: GPL-2.0-or-later
"""The codec reads what RFC 2131, 2132 and 3396 define, and refuses the rest in one way only."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scapy.layers.dhcp import BOOTP, DHCP

from patronus.network.dhcp.codec import (
    FILE,
    HEADER,
    MAGIC,
    SMALLEST_REPLY,
    Code,
    Kind,
    MalformedPacket,
    Packet,
    decode,
    encode,
)

HARDWARE = bytes.fromhex("525400000002")
BARE = Packet(op=1, xid=0x12345678, hardware=HARDWARE, options={Code.MESSAGE_TYPE: b"\1"})


def raw(
    options: bytes, *, sname: bytes = b"", file: bytes = b"", magic: bytes = MAGIC, hlen: int = 6
) -> bytes:
    head = HEADER.pack(1, 1, hlen, 0, 9, 0, 0, 0, 0, 0, 0, HARDWARE, sname, file, magic)
    return head + options


def test_another_implementation_reads_our_bytes_as_we_mean_them() -> None:
    options: dict[int, bytes] = {
        Code.MESSAGE_TYPE: b"\5",
        Code.SERVER_ID: b"\xc0\xa8\1\1",
        Code.LEASE_TIME: (3600).to_bytes(4),
    }
    sent = Packet(op=2, xid=77, hardware=HARDWARE, flags=0x8000, yiaddr=0xC0A80164, options=options)
    seen = BOOTP(encode(sent))
    assert (seen.op, seen.xid, seen.yiaddr, seen.chaddr[:6]) == (2, 77, "192.168.1.100", HARDWARE)
    assert seen.flags == 0x8000
    assert ("message-type", 5) in seen[DHCP].options
    assert ("server_id", "192.168.1.1") in seen[DHCP].options
    assert ("lease_time", 3600) in seen[DHCP].options


def test_we_read_another_implementations_bytes() -> None:
    sent = BOOTP(op=1, xid=5, chaddr=HARDWARE, ciaddr="192.168.1.7") / DHCP(
        options=[
            ("message-type", "request"),
            ("hostname", b"laptop"),
            ("requested_addr", "192.168.1.9"),
            "end",
        ]
    )
    seen = decode(bytes(sent))
    assert (seen.op, seen.xid, seen.ciaddr, seen.hardware) == (1, 5, 0xC0A80107, HARDWARE)
    assert seen.number(Code.MESSAGE_TYPE, 1) == Kind.REQUEST
    assert seen.options[Code.HOSTNAME] == b"laptop"
    assert seen.address(Code.REQUESTED_ADDRESS) == 0xC0A80109


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (b"\x35", "has no length"),
        (b"\x35\x02\x01", "longer than its field"),
        (b"\x34\x01\x04\xff", "overload"),
        (b"\x34\x02\x01\x01\xff", "overload"),
    ],
)
def test_options_that_leave_their_field_are_refused(options: bytes, why: str) -> None:
    with pytest.raises(MalformedPacket, match=why):
        decode(raw(options))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        raw(b"")[:239],
        raw(b"\xff", magic=b"\0\0\0\0"),
        raw(b"\xff", hlen=17),
        raw(b"\xff", hlen=0),
        bytes(5000),
    ],
)
def test_what_is_no_dhcp_message_is_refused(data: bytes) -> None:
    with pytest.raises(MalformedPacket):
        decode(data)


def test_padding_is_skipped_and_nothing_counts_after_the_end() -> None:
    seen = decode(raw(b"\0\0\x35\x01\x03\0\xff\x0c\x01x"))
    assert seen.options == {Code.MESSAGE_TYPE: b"\3"}


def test_parts_of_an_option_are_joined() -> None:
    """RFC 3396 section 5."""
    assert decode(raw(b"\x0c\x02ab\x35\x01\1\x0c\x02cd\xff")).options[Code.HOSTNAME] == b"abcd"


def test_overload_reads_file_before_sname() -> None:
    """RFC 2132 section 9.3, RFC 3396 section 5."""
    data = raw(b"\x34\x01\x03\x35\x01\x01\xff", sname=b"\x0c\x02cd\xff", file=b"\x0c\x02ab\xff")
    seen = decode(data)
    assert seen.options == {Code.MESSAGE_TYPE: b"\1", Code.HOSTNAME: b"abcd"}
    assert decode(data.replace(b"\x34\x01\x03", b"\0\0\0")).options == {Code.MESSAGE_TYPE: b"\1"}


def test_options_that_do_not_fit_go_into_file_and_sname() -> None:
    options = {Code.MESSAGE_TYPE: b"\2"} | {200 + index: bytes((index,)) * 60 for index in range(7)}
    data = encode(Packet(op=2, xid=1, hardware=HARDWARE, options=options), limit=548)
    assert len(data) <= 548
    assert data[FILE] != bytes(128)
    assert decode(data).options == options


def test_the_least_that_a_client_takes_is_never_exceeded() -> None:
    options = {Code.MESSAGE_TYPE: b"\2"} | {200 + index: bytes(100) for index in range(20)}
    data = encode(Packet(op=2, xid=1, hardware=HARDWARE, options=options))
    assert len(data) <= 548
    assert decode(data).options[Code.MESSAGE_TYPE] == b"\2"


def test_a_long_option_is_split_and_joined() -> None:
    packet = Packet(
        op=2, xid=1, hardware=HARDWARE, options={Code.MESSAGE_TYPE: b"\2", 200: bytes(range(250)) * 2}
    )
    assert decode(encode(packet, limit=1472)).options[200] == bytes(range(250)) * 2


def test_short_replies_are_padded() -> None:
    assert len(encode(BARE)) == SMALLEST_REPLY


OPTIONS = st.dictionaries(
    st.integers(1, 254).filter(lambda code: code != 52), st.binary(max_size=40), max_size=8
)


@given(OPTIONS, st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1), st.binary(min_size=1, max_size=16))
def test_what_is_written_is_read_again(
    options: dict[int, bytes], xid: int, address: int, hardware: bytes
) -> None:
    packet = Packet(
        op=2, xid=xid, hardware=hardware, yiaddr=address, ciaddr=address, giaddr=1, options=options
    )
    assert decode(encode(packet, limit=1472)) == packet


@given(st.binary(max_size=700))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    for start in (b"", raw(b"")):
        try:
            decode(start + data)
        except MalformedPacket:
            continue


@settings(max_examples=20)
@given(st.integers(0, 2**32))
def test_mutated_packets_are_read_or_refused(seed: int) -> None:
    draw = random.Random(seed)
    good = encode(
        Packet(op=1, xid=1, hardware=HARDWARE, options={53: b"\1", 61: b"\1abc", 55: bytes(9), 12: b"x"})
    )
    for _ in range(100):
        data = bytearray(good)
        for _ in range(draw.randrange(1, 8)):
            data[draw.randrange(len(data))] = draw.randrange(256)
        try:
            decode(bytes(data[: draw.randrange(len(data))] if draw.random() < 0.3 else data))
        except MalformedPacket:
            continue
