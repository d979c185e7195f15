# SPDX-License-Identifier: GPL-2.0-or-later
"""What is told is put together once for hosts that ask alike: nobody gets what was meant for another."""

from __future__ import annotations

from itertools import product

import pytest

from patronus.network.dhcp.codec import Code, Kind, Packet, decode, encode
from patronus.network.dhcp.config import ClientClass, Pool
from patronus.network.dhcp.reply import REMEMBERED, Reply, reply_to
from tests.unit.network.dhcp.packets import FIRST, SERVER, packet, with_pool

PHONES = ClientClass(b"phone", b"", {Code.DOMAIN_NAME: b"phones.home.arpa"}, next_server=7)
LISTS = (None, bytes((Code.ROUTER,)), bytes((Code.DOMAIN_NAME, Code.ROUTER)), bytes((Code.NTP_SERVERS,)))
VENDORS = (None, b"phone 3")
IDENTIFIERS = (None, b"\x01first", b"\x01second")
TIMES_S = (600, 3600)
KINDS = (Kind.OFFER, Kind.ACK, Kind.NAK)


def asked(wanted: bytes | None, vendor: bytes | None, identifier: bytes | None) -> Packet:
    given = {Code.PARAMETER_LIST: wanted, Code.VENDOR_CLASS: vendor, Code.CLIENT_ID: identifier}
    return packet(Kind.DISCOVER, given={code: value for code, value in given.items() if value is not None})


def fresh() -> Pool:
    """A pool that has told nobody anything yet."""
    return with_pool(classes=(PHONES,))


def bare(reply: Reply) -> bytes:
    """What is encoded without anything that was remembered."""
    return encode(reply.packet, reply.limit)


def test_each_gets_what_a_pool_that_remembers_nothing_tells_it() -> None:
    """In an order in which neighbours differ in one thing alone, twice, so that all is remembered once."""
    pool = fresh()
    for kind, time_s, *what in [*product(KINDS, TIMES_S, LISTS, VENDORS, IDENTIFIERS)] * 2:
        lease_time_s = 0 if kind is Kind.NAK else time_s
        found = reply_to(asked(*what), kind, pool, FIRST, lease_time_s)
        expected = reply_to(asked(*what), kind, fresh(), FIRST, lease_time_s)
        assert found == expected
        assert found.bytes() == bare(expected)
        assert decode(found.bytes()).options == dict(expected.packet.options)
    assert len(pool.told) == len(KINDS[:2]) * len(TIMES_S) * len(LISTS) * 2 + len(LISTS) * 2


def test_what_is_remembered_stays_small_whatever_hosts_ask_for() -> None:
    pool = fresh()
    for number in range(3 * REMEMBERED):
        wanted = bytes((Code.ROUTER, *number.to_bytes(2)))
        reply = reply_to(asked(wanted, None, None), Kind.OFFER, pool, FIRST, 600)
        assert reply.packet.options[Code.ROUTER] == SERVER.to_bytes(4)
        assert 0 < len(pool.told) <= REMEMBERED


@pytest.mark.parametrize("length", [254, 255, 256])
def test_an_option_that_fills_its_length_goes_out_whole(length: int) -> None:
    pool = with_pool(options={Code.DOMAIN_SEARCH: bytes(range(200)) + bytes(length - 200)})
    for _ in range(2):
        reply = reply_to(asked(None, None, b"\x01me"), Kind.OFFER, pool, FIRST, 600)
        found = decode(reply.bytes()).options
        assert found[Code.DOMAIN_SEARCH] == pool.options[Code.DOMAIN_SEARCH]
        assert found[Code.CLIENT_ID] == b"\x01me"
