# SPDX-License-Identifier: GPL-2.0-or-later
"""From what an uplink was delegated to the prefixes of the networks, and to what their hosts are told."""

from __future__ import annotations

from ipaddress import IPv6Network, ip_interface
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patronus.core.link import Nic
from patronus.network.interfaces.learned import Delegation, Learned
from patronus.network.interfaces.model import Interfaces
from patronus.network.interfaces.onlink import Advertised, OnLink, cut, site_prefix
from patronus.network.interfaces.plan import Facts, InterfacesPlan, build

NICS = tuple(Nic(f"eth{n}", f"52:54:00:00:00:0{n}") for n in range(3))
WAN = {
    "id": "wan",
    "match": {"mac": NICS[0].mac},
    "zone": "wan",
    "ipv6": {"method": "slaac", "prefix_delegation": {}},
}
SITE = IPv6Network("fd12:3456:789a::/48")
PROVIDERS = Delegation(IPv6Network("2001:db8:aa00::/56"), 3600, 7200)


def network(number: int, **ipv6: Any) -> dict[str, Any]:
    given = {"method": "delegated", "from": "wan", "subnet": number, **ipv6}
    return {"id": f"lan{number}", "match": {"mac": NICS[number].mac}, "ipv6": given}


def planned(*items: dict[str, Any], prefixes: tuple[Delegation, ...] = (PROVIDERS,)) -> InterfacesPlan:
    model = Interfaces.model_validate({"interfaces": items})
    return build(model, Facts(NICS, {"eth0": Learned(prefixes=prefixes)}, SITE))


def test_each_network_has_its_own_prefix_and_the_router_its_first_address() -> None:
    plan = planned(WAN, network(1, ula=True), network(2))
    cut1 = OnLink(IPv6Network("2001:db8:aa00:1::/64"), 3600, 7200)
    local = OnLink(IPv6Network("fd12:3456:789a:1::/64"))
    assert plan.advertised == {
        "lan1": Advertised((local, cut1), (SITE,), is_way_out=True),
        "lan2": Advertised((OnLink(IPv6Network("2001:db8:aa00:2::/64"), 3600, 7200),), is_way_out=True),
    }
    assert plan.addresses["lan1"] == (
        ip_interface("fd12:3456:789a:1::1/64"),
        ip_interface("2001:db8:aa00:1::1/64"),
    )
    assert plan.addresses["lan2"] == (ip_interface("2001:db8:aa00:2::1/64"),)
    assert plan.site == SITE


def test_before_anything_is_delegated_only_the_local_prefix_stands_and_the_router_is_no_way_out() -> None:
    plan = planned(WAN, network(1, ula=True), network(2), prefixes=())
    assert plan.advertised == {
        "lan1": Advertised((OnLink(IPv6Network("fd12:3456:789a:1::/64")),), (SITE,)),
        "lan2": Advertised(),
    }
    assert plan.addresses["lan2"] == ()


def test_a_prefix_that_is_about_to_end_is_no_way_out() -> None:
    ending = Delegation(PROVIDERS.prefix, 0, 7200)
    assert not planned(WAN, network(1), prefixes=(ending,)).advertised["lan1"].is_way_out


def test_a_site_without_local_networks_has_no_local_prefix() -> None:
    assert planned(WAN, network(1)).site is None


def test_a_static_network_is_announced_when_it_says_so() -> None:
    given = {"method": "static", "addresses": ["2001:db8:7::1/64"]}
    item = {"id": "lan1", "match": {"mac": NICS[1].mac}, "ipv6": {**given, "advertise": True}}
    told = Advertised((OnLink(IPv6Network("2001:db8:7::/64")),))
    assert planned(item).advertised == {"lan1": told}
    assert planned(WAN, item).advertised["lan1"].is_way_out
    assert planned({**item, "ipv6": given}).advertised == {}


def test_a_number_beyond_the_prefix_is_told_and_takes_nothing_from_others() -> None:
    small = Delegation(IPv6Network("2001:db8:aa00::/63"), 3600, 7200)
    plan = planned(WAN, network(1), network(2), prefixes=(small,))
    (warning,) = plan.warnings
    assert warning.message == "2001:db8:aa00::/63 of wan has no subnet 2: lan2 has none of it"
    assert warning.hint == "choose a number below 2"
    assert plan.addresses == {"wan": (), "lan1": (ip_interface("2001:db8:aa00:1::1/64"),), "lan2": ()}


def test_the_question_for_a_prefix_opens_the_zone_for_its_answer() -> None:
    assert [one.zone for one in planned(WAN).contributions] == ["wan"]
    assert planned({**WAN, "ipv6": {"method": "slaac"}}).contributions == ()


@given(st.integers(0, 80), st.integers(0, 65535))
def test_a_cut_lies_in_its_prefix_and_has_its_number(length: int, number: int) -> None:
    prefix = IPv6Network((0x20010DB8AA00 << 80, 128)).supernet(new_prefix=length)
    found = cut(prefix, number)
    if length > 64 or number >= 1 << (64 - length):
        assert found is None
    else:
        assert found is not None and found.prefixlen == 64 and found.subnet_of(prefix)
        assert (int(found.network_address) >> 64) - (int(prefix.network_address) >> 64) == number


@pytest.mark.parametrize("random", [bytes(5), b"\xff" * 8, bytes(range(8))])
def test_a_sites_prefix_is_local(random: bytes) -> None:
    found = site_prefix(random)
    assert found.prefixlen == 48 and found.subnet_of(IPv6Network("fd00::/8"))
