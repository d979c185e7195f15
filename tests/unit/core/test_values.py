# SPDX-License-Identifier: GPL-2.0-or-later
"""Each value: what is taken and what it becomes, what is refused and with which words."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from ipaddress import IPv4Address, IPv4Interface, IPv4Network, IPv6Address, IPv6Network, ip_network
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, PlainValidator, TypeAdapter

from patronus.core import values as v

PEM = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
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
    (v.parse_certificates, PEM, PEM.strip()),
    (v.parse_certificates, PEM * 2, (PEM * 2).strip()),
    (v.parse_address, "192.0.2.1", IPv4Address("192.0.2.1")),
    (v.parse_address, "FD00::1", IPv6Address("fd00::1")),
    (v.parse_prefix, "192.0.2.0/24", IPv4Network("192.0.2.0/24")),
    (v.parse_prefix, "192.0.2.7", IPv4Network("192.0.2.7/32")),
    (v.parse_prefix, "fd00:1::/64", IPv6Network("fd00:1::/64")),
    (v.parse_prefix, "0.0.0.0/0", IPv4Network("0.0.0.0/0")),
    (v.parse_translation_prefix, "64:ff9b::/96", IPv6Network("64:ff9b::/96")),
    (v.parse_translation_prefix, "2001:DB8::/32", IPv6Network("2001:db8::/32")),
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
    (v.parse_ipv4_address, "192.0.2.1", IPv4Address("192.0.2.1")),
    (v.parse_ipv6_address, "FE80::1", IPv6Address("fe80::1")),
    (
        v.parse_address_range,
        "192.0.2.1 - 192.0.2.9",
        v.Range(IPv4Address("192.0.2.1"), IPv4Address("192.0.2.9")),
    ),
    (v.parse_address_range, "fd00::1", v.Range(IPv6Address("fd00::1"), IPv6Address("fd00::1"))),
    (v.parse_port_range, "1000-2000", v.PortRange(1000, 2000)),
    (v.parse_percentage, "40%", 40),
    (v.parse_percentage, "100%", 100),
    (v.parse_byte_size, "64MiB", 2**26),
    (v.parse_byte_size, "512b", 512),
    (v.parse_as_number, 64512, 64512),
    (v.parse_as_number, "1.10", 65546),
    (v.parse_as_number, "4200000000", 4200000000),
    (v.parse_dscp, "EF", 46),
    (v.parse_dscp, "af41", 34),
    (v.parse_dscp, 63, 63),
    (v.parse_mark, "0x10/0xff", v.Mark(16, 255)),
    (v.parse_mark, 7, v.Mark(7)),
    (v.parse_hex_bytes, "0A:1b-2c", "0a1b2c"),
    (v.parse_duid, "00:03:00:01:52:54:00:00:00:01", "00030001525400000001"),
    (v.parse_iaid, "00:00:00:0f", 15),
    (v.parse_iaid, 15, 15),
    (v.parse_device_path, "pci-0000:00:02.0", "pci-0000:00:02.0"),
    (
        v.parse_public_key,
        "xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=",
        "xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=",
    ),
    (v.parse_country, "de", "DE"),
    (v.parse_mail_address, "Admin+router@Home.Example", "Admin+router@home.example"),
    (v.parse_account, "anna@home.example", "anna@home.example"),
    (v.parse_host_port, "vpn.example:51820", v.Socket("vpn.example", 51820)),
    (v.parse_host_port, "[2001:DB8::1]:443", v.Socket("2001:db8::1", 443)),
    (v.parse_host_port, "192.0.2.1:53", v.Socket("192.0.2.1", 53)),
    (v.parse_interface_suffix, "::1", IPv6Address("::1")),
    (v.parse_interface_suffix, "::a:b:c:d", IPv6Address("::a:b:c:d")),
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
    (v.parse_port_range, "1-2-3", "not a port"),
    (v.parse_percentage, 40, 'did you mean "40%"?'),
    (v.parse_percentage, "101%", "not a share"),
    (v.parse_percentage, "4.5%", "whole numbers"),
    (v.parse_byte_size, 64, "did you mean 64MiB?"),
    (v.parse_byte_size, "64M", "did you mean 64MiB?"),
    (v.parse_byte_size, "64MB", "did you mean 64MiB?"),
    (v.parse_byte_size, "big", "not a size"),
    (v.parse_as_number, 0, "nobody may have"),
    (v.parse_as_number, 2**32, "not an AS number"),
    (v.parse_as_number, "70000.1", "not an AS number"),
    (v.parse_as_number, 1.5, "put it in quotes"),
    (v.parse_dscp, 64, "not a DSCP"),
    (v.parse_dscp, "af44", "not a DSCP"),
    (v.parse_dscp, True, "not a DSCP"),
    (v.parse_mark, "0x100/0xff", "did you mean 0x0/0xff?"),
    (v.parse_mark, "0x1/0", "not a mark"),
    (v.parse_mark, 2**32, "not a mark"),
    (v.parse_hex_bytes, "0a1", "no bytes"),
    (v.parse_hex_bytes, "00" * 256, "has 256 bytes"),
    (v.parse_duid, "0003", "not a DUID"),
    (v.parse_duid, "00090001525400000001", "types are 0001 to 0004"),
    (v.parse_iaid, -1, "not an IAID"),
    (v.parse_iaid, "00:0f", "not an IAID"),
    (v.parse_device_path, "0000:00:02.0", "did you mean pci-0000:00:02.0?"),
    (v.parse_device_path, "02:00.0", "did you mean pci-0000:02:00.0?"),
    (v.parse_device_path, "a b", "not a place on the bus"),
    (v.parse_public_key, "c2hvcnQ=", "not a public key"),
    (v.parse_public_key, "x" * 44, "32 bytes in base64"),
    (v.parse_country, "Germany", "two letters"),
    (v.parse_country, "uk", "did you mean GB?"),
    (v.parse_country, False, "YAML reads no as false"),
    (v.parse_mail_address, "admin", "not a mail address"),
    (v.parse_mail_address, "a b@home.example", "not a mail address"),
    (v.parse_mail_address, "a@b@home.example", "not a mail address"),
    (v.parse_account, "an na", "not the name of an account"),
    (v.parse_account, "an:na", "without spaces and colons"),
    (v.parse_account, "a" * 129, "128 characters"),
    (v.parse_host_port, "vpn.example", "the port is missing"),
    (v.parse_host_port, "2001:db8::1:443", "did you mean [2001:db8::1:443]:PORT?"),
    (v.parse_host_port, "vpn.example:0", "0 is not a port"),
    (v.parse_host_port, "192.0.2.256:1", "not an address"),
    (v.parse_certificates, PEM[:-2], "PEM form"),
    (v.parse_certificates, PEM.replace("CERTIFICATE", "PRIVATE KEY"), "PEM form"),
    (v.parse_certificates, PEM * 2000, "PEM form"),
    (v.parse_certificates, 7, "not a certificate"),
    (v.parse_interface_suffix, "fd00::1", "did you mean ::1?"),
    (v.parse_interface_suffix, "::", "subnet's own"),
    (v.parse_translation_prefix, "64:ff9b::/95", "no prefix for addresses of IPv4"),
    (v.parse_translation_prefix, "10.0.0.0/8", "no prefix for addresses of IPv4"),
    (v.parse_translation_prefix, "2001:db8:0:0:100::/96", "bits 64 to 71 of such a prefix are 0"),
]


@functools.cache
def types() -> dict[Any, dict[str, Any]]:
    """Return parser → JSON Schema of the type that it makes."""
    found: dict[Any, dict[str, Any]] = {}
    for name in v.__all__:
        for part in getattr(getattr(v, name), "__metadata__", ()):
            if isinstance(part, PlainValidator):
                found[part.func] = TypeAdapter(getattr(v, name)).json_schema()
    return found


def test_every_value_has_good_cases_bad_cases_and_a_shape() -> None:
    tried = {parse for parse, *_ in GOOD} & {parse for parse, *_ in BAD}
    assert {
        parse for parse in vars(v).values() if getattr(parse, "__name__", "").startswith("parse_")
    } == tried
    assert len(tried) >= 35
    for schema in types().values():
        assert schema["x-written"]
        assert schema["examples"] or schema["minLength"]


@pytest.mark.parametrize(("parse", "written", "inside"), GOOD)
def test_no_pattern_is_stricter_than_its_parser(
    parse: Callable[[Any], Any], written: Any, inside: Any
) -> None:
    schema = types().get(parse, {})
    shapes = [one for one in (schema, *schema.get("anyOf", ())) if one.get("type") == "string"]
    if isinstance(written, str) and shapes:
        assert any(re.search(one.get("pattern", ""), f" {written} ") for one in shapes)


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


@given(st.integers(0, 10**9 - 1))
def test_sizes_round_trip(count: int) -> None:
    assert v.parse_byte_size(v.write_byte_size(count)) == count


@given(st.integers(0, 2**32 - 1), st.integers(1, 2**32 - 1))
def test_marks_round_trip(value: int, mask: int) -> None:
    mark = v.Mark(value & mask, mask)
    assert v.parse_mark(str(mark)) == mark


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


@given(
    st.one_of(
        st.text(alphabet="0123456789./:abf%", max_size=24),
        st.builds("{}/{}".format, st.ip_addresses(), st.integers(0, 140)),
        st.sampled_from(
            ["10.0.0.01", "10.1", "::ffff:10.0.0.1/120", "1::2::3", "10.0.0.0/08", "::/0", "1.2.3.4/"]
        ),
    )
)
def test_a_prefix_is_what_ipaddress_reads(text: str) -> None:
    """But for masks and scopes, which are refused."""
    length = text.partition("/")[2]
    try:
        expected = None if "%" in text or ("/" in text and not length.isdigit()) else ip_network(text)
    except ValueError:
        expected = None
    try:
        found = v.parse_prefix(text)
    except v.Refused:
        found = None
    assert (found, str(found)) == (expected, str(expected))
    if found is not None and expected is not None:
        made = {name: value for name, value in vars(expected).items() if name != "hosts"}
        assert {name: value for name, value in vars(found).items() if name != "hosts"} == made
        two = found.max_prefixlen - found.prefixlen == 1
        assert not two or list(found.hosts()) == list(expected.hosts())


@pytest.mark.parametrize("text", ["192.0.2.7", "192.0.2.7/32", "2001:db8::7", "192.0.2.0/31", "192.0.2.0/24"])
def test_an_address_among_thousands_carries_no_function_of_its_own(text: str) -> None:
    """A rule's sources are kept as long as the rule: what ``ipaddress`` adds was more than the address."""
    assert not any(type(value).__name__ == "function" for value in vars(v.parse_prefix(text)).values())


@given(words=st.lists(st.sampled_from([0, 0, 0, 1, 0x20, 0xFFFF]), min_size=8, max_size=8))
def test_an_address_of_ipv6_is_written_as_ipaddress_writes_it(words: list[int]) -> None:
    number = functools.reduce(lambda found, word: found << 16 | word, words, 0)
    assert v.ipv6_text(number) == str(IPv6Address(number))
