# SPDX-License-Identifier: GPL-2.0-or-later
"""The blocklist's tables say exactly what a search through the prefixes says."""

from __future__ import annotations

import random
from ipaddress import IPv4Address, IPv4Network, IPv6Network, ip_network

from patronus.kernel.bpf_blocklist import FILTER_BYTES, BlockedIPv4, Never, Tables, paint_filter

SEED = 20251122
EVERYTHING = IPv4Network("0.0.0.0/0")
SIXTEEN = IPv4Network("203.0.0.0/16")


def says_blocked(tables: Tables, address: int) -> bool:
    """Look ``address`` up as the BPF program does."""
    index = (address >> 8) - (tables.first_page << 8)
    state = tables.states[index // 4] >> (index % 4 * 2) & 3
    if state == 2:
        return bool(tables.hosts[address >> 8] >> (address & 0xFF) & 1)
    return state == 1


def random_prefixes(source: random.Random, count: int, low: int = 13) -> list[IPv4Network]:
    found = []
    for _ in range(count):
        address = int(SIXTEEN.network_address) + source.randrange(1 << 16)
        length = source.choice([low, 16, 18, 22, 23, 24, 25, 27, 30, 31, 32, 32, 32])
        found.append(IPv4Network((address, length), strict=False))
    return found


def test_tables_agree_with_a_search_over_random_prefixes() -> None:
    source = random.Random(SEED)
    for _ in range(40):
        prefixes = random_prefixes(source, 12, low=source.choice([13, 18]))
        tables = BlockedIPv4(prefixes).tables(SIXTEEN)
        for _ in range(500):
            address = int(SIXTEEN.network_address) + source.randrange(1 << 16)
            expected = any(IPv4Address(address) in prefix for prefix in prefixes)
            assert says_blocked(tables, address) is expected, (IPv4Address(address), prefixes)


def test_the_edges_of_each_prefix_are_exact() -> None:
    for length in range(17, 33):
        prefix = IPv4Network(f"203.0.113.64/{length}", strict=False)
        tables = BlockedIPv4([prefix]).tables(SIXTEEN)
        low, high = int(prefix.network_address), int(prefix.broadcast_address)
        assert [says_blocked(tables, each) for each in (low, high)] == [True, True]
        assert not says_blocked(tables, high + 1)
        assert low == int(SIXTEEN.network_address) or not says_blocked(tables, low - 1)


def test_removing_one_of_two_overlapping_prefixes_keeps_the_other() -> None:
    wide, narrow = IPv4Network("203.0.113.0/24"), IPv4Network("203.0.113.7/32")
    blocked = BlockedIPv4([wide, narrow])
    assert blocked.remove(wide)
    tables = blocked.tables(wide)
    assert says_blocked(tables, int(narrow.network_address))
    assert not says_blocked(tables, int(narrow.network_address) + 1)
    assert blocked.add(wide)
    assert blocked.remove(narrow)
    assert says_blocked(blocked.tables(wide), int(narrow.network_address))


def test_adding_and_removing_twice_says_so() -> None:
    blocked = BlockedIPv4()
    assert blocked.add(SIXTEEN)
    assert not blocked.add(SIXTEEN)
    assert SIXTEEN in blocked
    assert blocked.remove(SIXTEEN)
    assert not blocked.remove(SIXTEEN)
    assert len(blocked) == 0


def test_everything_can_be_blocked_and_nothing_is_at_first() -> None:
    nothing = BlockedIPv4().tables(EVERYTHING)
    assert not any(nothing.states)
    everything = BlockedIPv4([EVERYTHING]).tables(EVERYTHING)
    assert set(everything.states) == {0x55}


def test_a_whole_blocked_24_needs_no_hosts() -> None:
    tables = BlockedIPv4([IPv4Network("203.0.113.0/24"), IPv4Network("203.0.113.7/32")]).tables(SIXTEEN)
    assert tables.hosts == {}


def test_the_filter_lets_every_covered_start_through() -> None:
    image = bytearray(FILTER_BYTES)
    paint_filter(image, IPv6Network("2001:db8::/29"))
    for start in range(0x20010DB8, 0x20010DC0):
        bit = (start * 0x9E3779B1 & 0xFFFFFFFF) >> 12
        assert image[bit >> 3] >> (bit & 7) & 1
    assert sum(each.bit_count() for each in image) == 8


def test_the_filter_is_open_for_very_short_prefixes() -> None:
    image = bytearray(FILTER_BYTES)
    paint_filter(image, IPv6Network("2000::/3"))
    assert set(image) == {0xFF}


def test_never_covers_what_lies_in_it_and_nothing_wider() -> None:
    never = Never([ip_network("192.168.1.0/24"), ip_network("2001:db8:1::/48")])
    assert never.covers(ip_network("192.168.1.0/24"))
    assert never.covers(ip_network("192.168.1.9/32"))
    assert never.covers(ip_network("2001:db8:1:2::/64"))
    assert not never.covers(ip_network("192.168.0.0/16"))
    assert not never.covers(ip_network("192.168.2.9/32"))
    assert not never.covers(ip_network("2001:db8:2::/48"))
