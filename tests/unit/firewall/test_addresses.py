# SPDX-License-Identifier: GPL-2.0-or-later
"""Sets of addresses: merged, searched, and written as prefixes."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

from hypothesis import given
from hypothesis import strategies as st

from patronus.core.values import parse_address_range
from patronus.firewall.addresses import AddressSet, IpNetwork, ends

NETWORKS = st.builds(
    lambda number, length: ip_network((number >> (32 - length) << (32 - length), length)),
    st.integers(0, 2**32 - 1),
    st.integers(1, 32),
)


@given(st.lists(NETWORKS, max_size=20), st.integers(0, 2**32 - 1))
def test_a_set_holds_exactly_what_its_parts_hold(networks: list[object], number: int) -> None:
    found = AddressSet.of(networks)  # type: ignore[arg-type]
    address = ip_address(number)
    assert (address in found) == any(address in network for network in networks)  # type: ignore[operator]


@given(st.lists(NETWORKS, max_size=20))
def test_prefixes_of_a_set_are_the_same_set(networks: list[object]) -> None:
    found = AddressSet.of(networks)  # type: ignore[arg-type]
    assert AddressSet.of(found.networks()) == found
    assert all(left[1] + 1 < right[0] for left, right in zip(found.ipv4, found.ipv4[1:], strict=False))


def test_families_stay_apart() -> None:
    found = AddressSet.of([ip_network("10.0.0.0/8"), parse_address_range("fd00::1-fd00::9")])
    assert found.versions == (4, 6)
    assert ip_address("fd00::9") in found
    assert ip_address("fd00::a") not in found
    assert ip_address("::10.0.0.1") not in found


def test_covers_means_every_address() -> None:
    found = AddressSet.of([ip_network("10.0.0.0/25"), ip_network("10.0.0.128/25")])
    assert found.covers(ip_network("10.0.0.0/24"))
    assert not found.covers(ip_network("10.0.0.0/23"))


@given(NETWORKS, st.integers(0, 128), st.integers(0, 2**128 - 1))
def test_the_ends_of_a_prefix_are_its_first_and_last_address(
    four: IpNetwork, length: int, number: int
) -> None:
    six = ip_network((number >> (128 - length) << (128 - length), length))
    for prefix in (four, six):
        assert ends(prefix) == (int(prefix[0]), int(prefix[-1]))
