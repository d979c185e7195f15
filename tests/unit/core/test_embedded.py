# SPDX-License-Identifier: GPL-2.0-or-later
"""Addresses of IPv4 in IPv6: the examples of RFC 6052 section 2.4, and that nothing is lost on the way."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patronus.core.embedded import LENGTHS, embed, embed_network, extract

WHOLE = IPv6Address("2001:db8:122:344::")
NETWORKS = st.tuples(st.integers(0, 2**32 - 1), st.integers(0, 32)).map(
    lambda one: IPv4Network((one[0], one[1]), strict=False)
)


def prefix_of(length: int) -> IPv6Network:
    return IPv6Network((WHOLE, length), strict=False)


@pytest.mark.parametrize(
    ("prefix", "address"),
    [
        ("2001:db8::/32", "2001:db8:c000:221::"),
        ("2001:db8:100::/40", "2001:db8:1c0:2:21::"),
        ("2001:db8:122::/48", "2001:db8:122:c000:2:2100::"),
        ("2001:db8:122:300::/56", "2001:db8:122:3c0:0:221::"),
        ("2001:db8:122:344::/64", "2001:db8:122:344:c0:2:2100::"),
        ("2001:db8:122:344::/96", "2001:db8:122:344::192.0.2.33"),
        ("64:ff9b::/96", "64:ff9b::192.0.2.33"),
    ],
)
def test_the_examples_of_the_rfc(prefix: str, address: str) -> None:
    found = embed(IPv6Network(prefix), IPv4Address("192.0.2.33"))
    assert found == IPv6Address(address)
    assert extract(IPv6Network(prefix), found.packed) == IPv4Address("192.0.2.33")


@given(st.sampled_from(LENGTHS).map(prefix_of), st.ip_addresses(v=4))
def test_an_address_comes_out_as_it_went_in(prefix: IPv6Network, address: IPv4Address) -> None:
    six = embed(prefix, address)
    assert six in prefix and six.packed[8] == 0
    assert extract(prefix, six.packed) == address


@given(st.sampled_from(LENGTHS).map(prefix_of), NETWORKS, st.ip_addresses(v=4))
def test_a_network_stands_for_its_addresses_and_no_others(
    prefix: IPv6Network, network: IPv4Network, address: IPv4Address
) -> None:
    assert (embed(prefix, address) in embed_network(prefix, network)) == (address in network)


def test_an_address_of_another_prefix_stands_for_none() -> None:
    prefix = IPv6Network("64:ff9b::/96")
    assert extract(prefix, IPv6Address("64:ff9c::1").packed) is None
    assert extract(IPv6Network("2001:db8::/32"), IPv6Address("2001:db8:c000:221:100::").packed) is None
