# SPDX-License-Identifier: GPL-2.0-or-later
"""Published lists are read as they are written, and nothing else is taken for an address."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from patronus.lists.addresses import parse_interval, read_addresses
from patronus.lists.wanted import Wanted, merged


def number(text: str) -> int:
    return int(ip_address(text))


@pytest.mark.parametrize(
    ("line", "first", "last"),
    [
        ("192.0.2.1", "192.0.2.1", "192.0.2.1"),
        ("192.0.2.77/24", "192.0.2.0", "192.0.2.255"),
        ("192.0.2.0/24 ; SBL123", "192.0.2.0", "192.0.2.255"),
        ("192.0.2.3-192.0.2.7", "192.0.2.3", "192.0.2.7"),
        ("  2001:db8::1/64 # a network", "2001:db8::", "2001:db8::ffff:ffff:ffff:ffff"),
        ("192.0.2.9,scanner,2026-01-01", "192.0.2.9", "192.0.2.9"),
    ],
)
def test_a_line_is_an_interval(line: str, first: str, last: str) -> None:
    found = read_addresses([line])
    version = ip_address(first).version
    assert (found.found[version], len(found), found.odd) == ([(number(first), number(last))], 1, 0)


@pytest.mark.parametrize("line", ["", "   ", "# 192.0.2.1", "; 192.0.2.1"])
def test_comments_are_nothing(line: str) -> None:
    found = read_addresses([line])
    assert (len(found), found.odd) == (0, 0)


@pytest.mark.parametrize(
    "text",
    ["0.0.0.0/0", "::/0", "192.0.2.1/33", "192.0.2.1/-1", "192.0.2.1/+8", "192.0.2.9-192.0.2.1", "host",
     "0.0.0.0-255.255.255.255",
     "192.0.2.1-2001:db8::1", "192.0.2.1/", "-", "1.2.3", "<p>", "fe80::1%eth0/64"],
)  # fmt: skip
def test_what_is_no_interval_is_odd(text: str) -> None:
    with pytest.raises(ValueError):
        parse_interval(text)
    assert read_addresses([text]).odd == 1


def test_a_list_that_several_name_is_brought_in_once_as_often_as_any_asks() -> None:
    url = "https://lists.example/x"
    one = Wanted(url, "addresses", 86400, used_by=("alias a",))
    two = Wanted(url, "addresses", 3600, "a certificate", used_by=("alias b",))
    names = Wanted(url, "names", used_by=("blocklist c",))
    assert merged([one, two, names]) == (
        Wanted(url, "addresses", 3600, "a certificate", ("alias a", "alias b")),
        names,
    )
