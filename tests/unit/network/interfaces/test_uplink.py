# SPDX-License-Identifier: GPL-2.0-or-later
"""What dhcpcd is told, and what is taken from what it tells."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_interface
from typing import Any

import pytest

from patronus.network.interfaces.clients import starts, stops
from patronus.network.interfaces.dhcpcd import render
from patronus.network.interfaces.learned import Delegation, Learned, parse
from patronus.network.interfaces.plan import DhcpClient, InterfacesPlan

BOTH = DhcpClient("wan", "eth1", 100, ipv4=True, ipv6="dhcp")


def lines(client: DhcpClient) -> list[str]:
    return [line for line in render(client).splitlines() if not line.startswith("#")]


@pytest.mark.parametrize(
    ("client", "present", "absent"),
    [
        (BOTH, {"ia_na 1", "ipv6rs", "noarp"}, {"ipv4only", "ipv6only", "nodhcp6"}),
        (DhcpClient("wan", "eth1", 100, ipv4=True), {"ipv4only", "clientid"}, {"ipv6rs", "ia_na 1"}),
        (
            DhcpClient("wan", "eth1", 100, ipv6="slaac"),
            {"ipv6only", "nodhcp6", "ipv6rs"},
            {"ia_na 1", "clientid"},
        ),
        (
            DhcpClient("wan", "eth1", 100, ipv6="slaac", prefix_hint=60),
            {"ipv6rs", "ia_pd 1/::/60 -"},
            {"ia_na 1", "nodhcp6"},
        ),
        (DhcpClient("wan", "eth1", 100, ipv6="dhcp", prefix_hint=56), {"ia_na 1", "ia_pd 1/::/56 -"}, set()),
    ],
)
def test_dhcpcd_asks_for_what_is_configured(client: DhcpClient, present: set[str], absent: set[str]) -> None:
    assert {"allowinterfaces eth1", "metric 100", *present} <= set(lines(client))
    assert not absent & set(lines(client))


def test_a_client_restarts_only_when_its_configuration_changes() -> None:
    plan = InterfacesPlan(clients=(BOTH,))
    assert [str(one) for one in starts(plan, {})] == ["start the DHCP client on eth1"]
    assert starts(plan, {"eth1": render(BOTH)}) == []
    assert [str(one) for one in starts(plan, {"eth1": "old\n"})] == ["restart the DHCP client on eth1"]
    assert [str(one) for one in stops(InterfacesPlan(), {"eth1": "old\n"})] == [
        "stop the DHCP client on eth1"
    ]
    assert stops(plan, {"eth1": "old\n"}) == []


@pytest.mark.parametrize("kept", [{"ipv4": False}, {"ipv6": None}])
def test_a_client_that_gives_a_family_up_ends_before_the_links_change(kept: dict[str, Any]) -> None:
    """It would take the default route away that the change has put in the place of its own."""
    both, one = InterfacesPlan(clients=(BOTH,)), InterfacesPlan(clients=(replace(BOTH, **kept),))
    assert [str(change) for change in stops(one, {"eth1": render(BOTH)})] == ["stop the DHCP client on eth1"]
    assert stops(both, {"eth1": render(one.clients[0])}) == []
    assert stops(one, {"eth1": render(one.clients[0])}) == []


def test_all_that_an_uplink_gives_is_learned_once() -> None:
    dhcp = {
        "new_ip_address": "198.51.100.84",
        "new_subnet_cidr": "24",
        "new_routers": "198.51.100.1 198.51.100.2",
        "new_domain_name_servers": "198.51.100.53 198.51.100.54",
        "new_domain_name": "ISP.example",
        "new_ntp_servers": "198.51.100.123 198.51.100.124 198.51.100.123",
    }
    dhcp6 = {"new_dhcp6_ia_na1_ia_addr1": "2001:db8::152", "new_dhcp6_name_servers": "2001:db8::53"}
    ra = {"nd1_rdnss1_servers": "2001:db8::53 2001:db8::54", "nd1_from": "fe80::1"}
    assert parse(dhcp, dhcp6, ra) == Learned(
        addresses=(ip_interface("198.51.100.84/24"), ip_interface("2001:db8::152/128")),
        gateway=parse(dhcp, {}, {}).gateway,
        dns_servers=tuple(
            map(ip_address, ("198.51.100.53", "198.51.100.54", "2001:db8::53", "2001:db8::54"))
        ),
        domain="isp.example",
        ntp_servers=(IPv4Address("198.51.100.123"), IPv4Address("198.51.100.124")),
    )
    assert str(parse(dhcp, {}, {}).gateway) == "198.51.100.1"


def test_the_first_router_that_would_be_a_gateway_is_it_and_our_addresses_are_ours_alone() -> None:
    ra = {
        "nd2_from": "fe80::2", "nd2_lifetime": "1800", "nd1_from": "fe80::1", "nd1_lifetime": "0",
        "nd10_from": "fe80::a", "nd10_lifetime": "1800", "nd2_addr1": "2001:db8:1::7/64",
    }  # fmt: skip
    learned = parse({}, {}, ra)
    assert learned == Learned(addresses=(ip_interface("2001:db8:1::7/128"),), gateway6=IPv6Address("fe80::2"))
    assert parse({}, {}, {**ra, "nd2_from": "2001:db8:1::1"}).gateway6 == IPv6Address("fe80::a")
    assert parse({}, {}, {"nd1_from": "fe80::1; reboot", "nd1_lifetime": "1800"}) == Learned()


@pytest.mark.parametrize(
    "dhcp",
    [
        {},
        {"new_ip_address": "198.51.100.84"},
        {"new_ntp_servers": "ntp.example FallbackNTP=x 2001:db8::1 192.0.2.300"},
        {"new_routers": "$(reboot)", "new_domain_name_servers": "a; b", "new_domain_name": "x\ny"},
        {"new_ip_address": "999.0.0.1", "new_subnet_cidr": "24", "new_domain_name": "-bad-"},
    ],
)
def test_what_is_no_address_or_name_is_left_out(dhcp: dict[str, str]) -> None:
    assert parse(dhcp, {}, {}) == Learned()


def delegation(
    number: int, prefix: str, length: str = "56", preferred: str = "3600", valid: str = "7200"
) -> dict[str, str]:
    name = f"new_dhcp6_ia_pd1_prefix{number}"
    return {name: prefix, f"{name}_length": length, f"{name}_pltime": preferred, f"{name}_vltime": valid}


def test_a_prefix_that_was_taken_back_is_not_learned() -> None:
    given = {**delegation(1, "2001:db8:aa00::", preferred="0", valid="0"), **delegation(2, "2001:db8:bb00::")}
    assert parse({}, given, {}).prefixes == (Delegation(IPv6Network("2001:db8:bb00::/56"), 3600, 7200),)
    ending = delegation(1, "2001:db8:aa00::", preferred="0")
    assert parse({}, ending, {}).prefixes == (Delegation(IPv6Network("2001:db8:aa00::/56"), 0, 7200),)


@pytest.mark.parametrize(
    "given",
    [
        delegation(1, "2001:db8::1"),
        delegation(1, "fe80::", "64"),
        delegation(1, "::", "0"),
        delegation(1, "ff02::", "64"),
        delegation(1, "2001:db8::", "129"),
        delegation(1, "2001:db8::", preferred="many"),
        delegation(1, "2001:db8::", preferred="7201"),
        delegation(1, "2001:db8::", valid=str(1 << 32)),
        {"new_dhcp6_ia_pd1_prefix1": "2001:db8::"},
    ],
    ids=[
        "host bits",
        "link-local",
        "everything",
        "multicast",
        "length",
        "no number",
        "order",
        "size",
        "half",
    ],
)
def test_what_is_no_prefix_to_number_networks_from_is_left_out(given: dict[str, str]) -> None:
    assert parse({}, given, {}) == Learned()
