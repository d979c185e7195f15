# SPDX-License-Identifier: GPL-2.0-or-later
"""The codec reads what RFC 8415 defines, and refuses the rest in one way only."""

from __future__ import annotations

import struct
from contextlib import suppress

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scapy.layers.dhcp6 import (
    DUID_LL,
    DHCP6_Reply,
    DHCP6_Request,
    DHCP6OptClientId,
    DHCP6OptIA_NA,
    DHCP6OptIA_PD,
    DHCP6OptIAAddress,
    DHCP6OptIAPrefix,
    DHCP6OptOptReq,
)

from patronus.network.dhcp6.codec import (
    Association,
    Code,
    Given,
    Kind,
    MalformedPacket,
    Status,
    association,
    decode,
    encode,
    option,
    status,
)
from tests.unit.network.dhcp6.packets import number

SENT = bytes(
    DHCP6_Request(trid=0xABCDEF)
    / DHCP6OptClientId(duid=DUID_LL(lladdr="52:54:00:00:00:02"))
    / DHCP6OptIA_NA(iaid=7, ianaopts=[DHCP6OptIAAddress(addr="fd00::5"), DHCP6OptIAAddress(addr="fd00::6")])
    / DHCP6OptIA_PD(iaid=8, iapdopt=[DHCP6OptIAPrefix(prefix="2001:db8::", plen=56)])
    / DHCP6OptOptReq(reqopts=[23, 24])
)


def test_we_read_another_implementations_bytes() -> None:
    found = decode(SENT)
    assert (found.kind, found.xid) == (Kind.REQUEST, 0xABCDEF)
    assert found.client == bytes.fromhex("00030001525400000002")
    assert found.requested == (23, 24)
    assert found.associations == (
        Association(Code.IA_NA, 7, (number("fd00::5"), number("fd00::6"))),
        Association(Code.IA_PD, 8, (number("2001:db8::"),), (56,)),
    )


def test_another_implementation_reads_our_bytes_as_we_mean_them() -> None:
    body = association(7, (100, 160), [Given(number("fd00::5"), 200, 300)], status(Status.SUCCESS, "well"))
    seen = DHCP6_Reply(
        encode(Kind.REPLY, 0x123456, [(Code.CLIENT_ID, b"\0\3\0\1abcdef"), (Code.IA_NA, body)])
    )
    found = seen[DHCP6OptIA_NA]
    assert (seen.trid, found.iaid, found.T1, found.T2) == (0x123456, 7, 100, 160)
    address, code = found.ianaopts
    assert (address.addr, address.preflft, address.validlft) == ("fd00::5", 200, 300)
    assert (code.statuscode, code.statusmsg) == (0, b"well")


def _message(*options: bytes) -> bytes:
    return b"\1\0\0\1" + b"".join(options)


NAMED = option(Code.CLIENT_ID, bytes(10))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"\1\0\0", "3 bytes"),
        (bytes(5000), "5000 bytes"),
        (_message(b"\0\1\0"), "no length"),
        (_message(b"\0\1\0\x09abc"), "option 1 is longer"),
        (_message(NAMED, NAMED), "option 1 is there twice"),
        (_message(option(Code.CLIENT_ID, b"\0")), "a DUID of 1 bytes"),
        (_message(option(Code.CLIENT_ID, bytes(131))), "a DUID of 131 bytes"),
        (_message(option(Code.IA_NA, bytes(11))), "an association of 11 bytes"),
        (_message(option(Code.IA_NA, bytes(12) + option(Code.IA_ADDRESS, bytes(23)))), "23 bytes"),
        (_message(option(Code.IA_PD, bytes(12) + option(Code.IA_PREFIX, bytes(24)))), "24 bytes"),
        (_message(option(Code.IA_NA, bytes(12) + b"\0\5\0\x30")), "option 5 is longer"),
        (_message(*[option(Code.IA_NA, bytes(12))] * 2), "one IAID"),
        (_message(*[option(Code.IA_NA, struct.pack("!III", n, 0, 0)) for n in range(17)]), "17 identity"),
    ],
)
def test_what_is_no_message_is_refused_with_the_reason(data: bytes, reason: str) -> None:
    with pytest.raises(MalformedPacket, match=reason):
        decode(data)


@settings(max_examples=300, deadline=None)
@given(
    st.one_of(
        st.binary(max_size=200),
        st.tuples(st.binary(max_size=60), st.integers(0, 140)).map(
            lambda part: SENT[: part[1]] + part[0] + SENT[part[1] + len(part[0]) :]
        ),
    )
)
@example(SENT)
def test_whatever_comes_is_read_or_refused(data: bytes) -> None:
    with suppress(MalformedPacket):
        found = decode(data)
        assert 0 <= found.xid < 1 << 24
        assert all(0 <= one < 1 << 128 for asked in found.associations for one in asked.addresses)
        assert all(isinstance(code, int) for code in found.requested)
