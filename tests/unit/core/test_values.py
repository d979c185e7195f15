# SPDX-License-Identifier: GPL-2.0-or-later
"""Each value: what is taken and what it becomes, what is refused and with which words."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import IPv4Address, IPv4Interface, IPv4Network, IPv6Address, IPv6Network
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from patronus.core import values as v

GOOD: list[tuple[Callable[[Any], Any], Any, Any]] = [
    (v.parse_id, "r-7f3a", "r-7f3a"),
    (v.parse_id, "a" * 32, "a" * 32),
    (v.parse_interface_id, "eth-a", "eth-a"),
    (v.parse_name, " the  box ", "the  box"),
    (v.parse_hostname, "Printer", "printer"),
    (v.parse_domain_name, "NAS.home.arpa.", "nas.home.arpa"),
    (v.parse_domain_name, "_sip._tcp.example", "_sip._tcp.example"),
    (v.parse_time_zone, "UTC", "UTC"),
    (v.parse_url, "https://lists.example/ads.txt", "https://lists.example/ads.txt"),
    (v.parse_address, "192.0.2.1", IPv4Address("192.0.2.1")),
    (v.parse_address, "FD00::1", IPv6Address("fd00::1")),
    (v.parse_prefix, "192.0.2.0/24", IPv4Network("192.0.2.0/24")),
    (v.parse_prefix, "192.0.2.7", IPv4Network("192.0.2.7/32")),
    (v.parse_prefix, "fd00:1::/64", IPv6Network("fd00:1::/64")),
    (v.parse_prefix, "0.0.0.0/0", IPv4Network("0.0.0.0/0")),
    (v.parse_address_with_prefix, "192.168.1.1/24", IPv4Interface("192.168.1.1/24")),
    (v.parse_address_with_prefix, "192.0.2.0/31", IPv4Interface("192.0.2.0/31")),
    (v.parse_mac_address, "52-54-00-AB-00-01", "52:54:00:ab:00:01"),
    (v.parse_port, 22, 22),
    (v.parse_port, "65535", 65535),
    (v.parse_ports, 80, (v.PortRange(80, 80),)),
    (v.parse_ports, [443, "1000-2000"], (v.PortRange(443, 443), v.PortRange(1000, 2000))),
    (v.parse_duration, "90s", 90),
    (v.parse_duration, "12h", 43200),
    (v.parse_duration, "7d", 604800),
    (v.parse_duration, "0s", 0),
    (v.parse_rate, "10/s", v.Frequency(10, 1)),
    (v.parse_rate, "5/minute", v.Frequency(5, 60)),
    (v.parse_bit_rate, "100mbit", 100_000_000),
    (v.parse_bit_rate, "1.5Gbit", 1_500_000_000),
    (v.parse_vlan_tag, 4094, 4094),
]

BAD: list[tuple[Callable[[Any], Any], Any, str]] = [
    (v.parse_id, "R 1", "did you mean r-1?"),
    (v.parse_id, "-a", "not an id"),
    (v.parse_id, "a" * 33, "at most 32"),
    (v.parse_id, 12, "put it in quotes"),
    (v.parse_interface_id, "sixteen-letters-", "at most 15"),
    (v.parse_interface_id, "lo", "keeps for itself"),
    (v.parse_name, "two\nlines", "one line"),
    (v.parse_name, "", "empty text"),
    (v.parse_hostname, "nas.home.arpa", "before the first dot"),
    (v.parse_hostname, "under_score", "not a host name"),
    (v.parse_domain_name, "bücher.example", "xn--"),
    (v.parse_domain_name, "192.0.2.1", "looks like an address"),
    (v.parse_domain_name, "a..b", "not a domain name"),
    (v.parse_domain_name, "https://a.example", "not a URL"),
    (v.parse_time_zone, "Europe Berlin", "not a time zone"),
    (v.parse_url, "lists.example/ads.txt", "did you mean https://lists.example/ads.txt?"),
    (v.parse_url, "ftp://lists.example", "https or http"),
    (v.parse_url, "https://a.example:99999/", "not a URL"),
    (v.parse_address, "192.0.2.256", "not an address"),
    (v.parse_address, "192.0.2.1/24", "leave out the prefix length"),
    (v.parse_address, "fe80::1%eth0", "leave out what follows %"),
    (v.parse_address, 5, "not an address"),
    (v.parse_ipv4_address, "fd00::1", "not an IPv4 address"),
    (v.parse_ipv6_address, "192.0.2.1", "not an IPv6 address"),
    (v.parse_prefix, "192.168.1.5/24", "did you mean 192.168.1.0/24?"),
    (v.parse_prefix, "10.0.0.0/255.0.0.0", "did you mean 10.0.0.0/8?"),
    (v.parse_prefix, "10.0.0.0/33", "not a prefix"),
    (v.parse_prefix, "010.0.0.0/8", "not a prefix"),
    (v.parse_address_with_prefix, "192.168.1.1", "did you mean 192.168.1.1/24?"),
    (v.parse_address_with_prefix, "192.168.1.0/24", "did you mean 192.168.1.1/24?"),
    (v.parse_address_with_prefix, "192.168.1.255/24", "broadcast"),
    (v.parse_address_with_prefix, "224.0.0.1/24", "one host's"),
    (v.parse_address_range, "192.0.2.9-192.0.2.1", "did you mean 192.0.2.1-192.0.2.9?"),
    (v.parse_address_range, "192.0.2.1-9", "did you mean 192.0.2.1-192.0.2.9?"),
    (v.parse_address_range, "192.0.2.1-fd00::1", "not an address range"),
    (v.parse_mac_address, "52:54:00:00:00", "six bytes"),
    (v.parse_mac_address, "01:00:5e:00:00:01", "one station's"),
    (v.parse_mac_address, 525400000001, "put it in quotes"),
    (v.parse_port, 0, "1-65535"),
    (v.parse_port, 70000, "70000 is not a port"),
    (v.parse_port, True, "true is not a port"),
    (v.parse_port, "ssh", "not a port"),
    (v.parse_ports, "2000-1000", 'did you mean "1000-2000"?'),
    (v.parse_ports, [], "leave the key out"),
    (v.parse_ports, [80, 70000], "70000 is not a port"),
    (v.parse_duration, 90, "did you mean 90s?"),
    (v.parse_duration, "90", "did you mean 90s?"),
    (v.parse_duration, "2 hours", "did you mean 2h?"),
    (v.parse_duration, "1h30m", "not a duration"),
    (v.parse_duration, "٣s", "not a duration"),
    (v.parse_rate, "0/s", "not a rate"),
    (v.parse_rate, "10", "did you mean 10/s?"),
    (v.parse_bit_rate, 100, "did you mean 100mbit?"),
    (v.parse_bit_rate, "100Mbps", "not in bytes or bps"),
    (v.parse_bit_rate, "0.5bit", "not a bit rate"),
    (v.parse_vlan_tag, 4095, "1-4094"),
    (v.parse_vlan_tag, 0, "1-4094"),
]


@pytest.mark.parametrize(("parse", "written", "inside"), GOOD)
def test_good_values(parse: Callable[[Any], Any], written: Any, inside: Any) -> None:
    assert parse(written) == inside


@pytest.mark.parametrize(("parse", "written", "words"), BAD)
def test_bad_values_say_why(parse: Callable[[Any], Any], written: Any, words: str) -> None:
    with pytest.raises(v.Refused) as caught:
        parse(written)
    assert words in str(caught.value)


def test_a_time_zone_that_does_not_exist_is_refused_with_the_likely_one() -> None:
    with pytest.raises(v.Refused, match=r"did you mean Europe/Berlin\?"):
        v.parse_time_zone("Europe/Berlim")


class Everything(BaseModel):
    prefix: v.Prefix = IPv4Network("10.0.0.0/8")
    address: v.AddressWithPrefix | None = None
    pool: v.AddressRange | None = None
    ports: v.Ports = ()
    lease: v.Duration = 43200
    rate: v.Rate | None = None
    speed: v.BitRate | None = None
    names: dict[v.Address, v.MacAddress] = {}


def test_a_model_writes_back_what_a_person_wrote() -> None:
    written = {
        "prefix": "192.0.2.7",
        "address": "192.168.1.1/24",
        "pool": "192.0.2.1-192.0.2.9",
        "ports": [80, "1000-2000"],
        "lease": "12h",
        "rate": "10/s",
        "speed": "100mbit",
        "names": {"192.0.2.1": "52:54:00:00:00:01"},
    }
    assert Everything.model_validate(written).model_dump(mode="json") == written
    schema = Everything.model_json_schema()["properties"]
    assert schema["lease"]["type"] == "string" and schema["ports"]["anyOf"][0]["maximum"] == 65535


def test_a_range_knows_what_it_holds() -> None:
    pool = v.parse_address_range("192.0.2.10-192.0.2.19")
    assert pool.size == 10 and IPv4Address("192.0.2.19") in pool
    assert IPv4Address("192.0.2.20") not in pool and IPv6Address("::c000:20a") not in pool
    assert pool.overlaps(v.parse_address_range("192.0.2.19")) and pool.overlaps(
        v.parse_address_range("192.0.2.0-192.0.2.255")
    )
    assert not pool.overlaps(v.parse_address_range("192.0.2.20-192.0.2.30"))


@given(st.integers(0, 10**9 - 1))
def test_durations_round_trip(seconds: int) -> None:
    assert v.parse_duration(v.write_duration(seconds)) == seconds


@given(st.integers(1, 10**12))
def test_bit_rates_round_trip(bits: int) -> None:
    written = v.write_bit_rate(bits)
    if len(written) < 13:
        assert v.parse_bit_rate(written) == bits


@given(st.one_of(st.text(), st.integers(), st.floats(), st.booleans(), st.none(), st.lists(st.integers())))
def test_no_value_breaks_a_parser(value: Any) -> None:
    for parse in {one for one, *_ in GOOD}:
        try:
            parse(value)
        except v.Refused as refused:
            assert refused.message
