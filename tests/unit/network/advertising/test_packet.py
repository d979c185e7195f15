# SPDX-License-Identifier: GPL-2.0-or-later
"""Advertisements on the wire, byte by byte."""

from __future__ import annotations

from ipaddress import IPv6Address, IPv6Network
from string import ascii_lowercase

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patronus.network.advertising.packet import Advertisement, is_solicitation
from patronus.network.interfaces.onlink import OnLink

MAC = bytes.fromhex("525400000001")
SOLICITATION = bytes((133, 0, 0, 0, 0, 0, 0, 0))


def test_each_option_stands_as_its_rfc_has_it() -> None:
    said = Advertisement(
        MAC,
        1800,
        1400,
        (OnLink(IPv6Network("2001:db8::/64"), 2700, 5400),),
        ((IPv6Network("fd00::/48"), 1800),),
        ((IPv6Address("2001:db8::1"), 1800),),
        (("home.arpa", 1800),),
    ).encode()
    assert said.hex(" ", 4) == (
        "86000000 40000708 00000000 00000000"  # type, hops, lifetime
        " 01015254 00000001"  # source link-layer address
        " 05010000 00000578"  # MTU
        " 030440c0 00001518 00000a8c 00000000 20010db8 00000000 00000000 00000000"  # prefix, L and A
        " 18023000 00000708 fd000000 00000000"  # route
        " 19030000 00000708 20010db8 00000000 00000000 00000001"  # DNS server
        " 1f030000 00000708 04686f6d 65046172 70610000 00000000"  # search list
    )


def test_a_prefix_that_hosts_cannot_number_themselves_in_is_on_link_alone() -> None:
    said = Advertisement(MAC, prefixes=(OnLink(IPv6Network("2001:db8::/56")),)).encode()
    assert said[24:28].hex() == "03043880"
    assert said[28:36] == b"\xff" * 8


def test_the_host_part_of_a_long_route_is_not_lost() -> None:
    said = Advertisement(MAC, routes=((IPv6Network("2001:db8::1:0:0/96"), 60),)).encode()
    assert said[24:].hex(" ", 4) == "18036000 0000003c 20010db8 00000000 00000001 00000000"


@pytest.mark.parametrize(
    ("prefix", "option"),
    [
        ("64:ff9b::/96", "26020708 0064ff9b 00000000 00000000"),
        ("2001:db8:64::/64", "26020709 20010db8 00640000 00000000"),
        ("2001:db8::/32", "2602070d 20010db8 00000000 00000000"),
    ],
)
def test_the_way_to_ipv4_stands_as_rfc_8781_has_it(prefix: str, option: str) -> None:
    """The lifetime, 1800 s, in units of 8 s, beside the code of the length."""
    said = Advertisement(MAC, translators=((IPv6Network(prefix), 1800),)).encode()
    assert said[24:].hex(" ", 4) == option


def test_the_longest_lifetime_of_a_way_to_ipv4_fits_and_0_takes_it_back() -> None:
    prefix = IPv6Network("64:ff9b::/96")
    assert Advertisement(MAC, translators=((prefix, 2**31),)).encode()[26:28].hex() == "fff8"
    assert Advertisement(MAC, translators=((prefix, 0),)).encode()[26:28].hex() == "0000"
    assert Advertisement(MAC, translators=((prefix, 1),)).encode()[26:28].hex() == "0008"


@given(st.lists(st.text(ascii_lowercase, min_size=1, max_size=20), min_size=1, max_size=8))
def test_every_message_is_made_of_whole_units(labels: list[str]) -> None:
    said = Advertisement(MAC, domains=((".".join(labels), 60),)).encode()
    assert len(said) % 8 == 0 and said[25] * 8 == len(said) - 24


@pytest.mark.parametrize(
    ("message", "hops", "is_one"),
    [
        (SOLICITATION, 255, True),
        (SOLICITATION + b"\1\1" + MAC, 255, True),
        (SOLICITATION, 254, False),
        (SOLICITATION[:7], 255, False),
        (b"\x86" + SOLICITATION[1:], 255, False),
        (b"\x85\1" + SOLICITATION[2:], 255, False),
        (SOLICITATION + b"\1\0" + MAC, 255, False),
        (SOLICITATION + b"\1\2" + MAC, 255, False),
        (SOLICITATION + b"\1", 255, False),
        (b"", 255, False),
    ],
    ids=["bare", "with a MAC", "forwarded", "short", "type", "code", "no length", "beyond", "half", "empty"],
)
def test_only_a_question_from_this_link_is_one(message: bytes, hops: int, is_one: bool) -> None:
    assert is_solicitation(message, hops) is is_one


@given(st.binary(max_size=64))
def test_no_bytes_break_the_reading(data: bytes) -> None:
    assert is_solicitation(SOLICITATION + data, 255) in (True, False)
