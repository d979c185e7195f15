# SPDX-License-Identifier: GPL-2.0-or-later
"""Pools for IPv6 are checked against their network, and become what server, firewall and hosts are told."""

from __future__ import annotations

import json
from dataclasses import replace
from ipaddress import IPv6Interface, IPv6Network
from typing import Any

import pytest

from patronus.core.feature import Earlier
from patronus.core.model import Configuration
from patronus.network.advertising.memory import Memory, compose
from patronus.network.advertising.plan import plan as plan_advertising
from patronus.network.dhcp.check import check
from patronus.network.dhcp.config import ServerConfig
from patronus.network.dhcp.model import Dhcp
from patronus.network.dhcp.plan import DhcpPlan, plan
from patronus.network.dhcp6.codec import Code
from patronus.network.dhcp6.config import Pool, Reservation
from patronus.network.dhcp6.prefixes import MOST_SUBNETS, Delegation, Kept, Prefix
from patronus.network.dns.model import Dns
from patronus.network.interfaces.learned import EVER_S, Learned
from patronus.network.interfaces.learned import Delegation as Delegated
from patronus.network.interfaces.model import Interfaces
from patronus.network.interfaces.onlink import Advertised, OnLink
from patronus.network.interfaces.plan import InterfacesPlan
from patronus.network.opening import Opening

LOCAL, GIVEN = IPv6Network("fd00:1::/64"), IPv6Network("2001:db8:1::/64")
UPLINK = {"method": "dhcp", "prefix_delegation": {}}
INTERFACES = Interfaces.model_validate(
    {
        "interfaces": [
            {"id": "wan", "match": {"path": "a"}, "zone": "wan", "ipv6": UPLINK},
            {
                "id": "lan",
                "match": {"path": "b"},
                "zone": "lan",
                "ipv6": {"method": "delegated", "from": "wan", "ula": True},
            },
            {
                "id": "lab",
                "match": {"path": "c"},
                "ipv6": {"method": "static", "addresses": ["fd00:9::1005/64"], "advertise": True},
            },
        ]
    }
)
LINKS = InterfacesPlan(
    devices={"lan": "eth1", "wan": "eth0", "lab": None},
    addresses={"lan": (IPv6Interface("fd00:1::1/64"), IPv6Interface("2001:db8:1::1/64"))},
    advertised={"lan": Advertised((OnLink(LOCAL), OnLink(GIVEN, 80000, 90000)))},
)
POOL: dict[str, Any] = {"id": "lan6", "interface": "lan", "ranges": ["::1000-::1fff"]}
HOST = {"id": "nas", "mac": "02:00:00:00:00:20", "address": "::20", "hostname": "nas"}


def kept(*changes: dict[str, Any]) -> list[dict[str, Any]]:
    """Return a pool with reservations, each with something else."""
    return [{**POOL, "reservations": [{**HOST, **change} for change in changes]}]


def configuration(
    *pools: dict[str, Any], four: tuple[str, ...] = (), listen: tuple[str, ...] = ()
) -> Configuration:
    dhcp = {"pools": [{"id": name, "interface": "lan"} for name in four], "ipv6_pools": pools}
    return Configuration(
        {
            "network/interfaces": INTERFACES,
            "network/dhcp": Dhcp.model_validate(dhcp),
            "network/dns": Dns.model_validate({"listen": listen}),
        }
    )


BEHIND: dict[str, Any] = {
    "id": "branch6", "interface": "lan", "subnet": "2001:db8:9::/64", "relays": ["2001:db8:9::1", "fe80::9"],
    "ranges": ["::1000-::1fff"],
}  # fmt: skip


def giving(**delegation: Any) -> dict[str, Any]:
    """Return a pool that gives prefixes to routers."""
    return {**POOL, "delegation": delegation}


def routers(*subnets: int) -> list[dict[str, Any]]:
    """Return a pool that keeps prefixes for routers."""
    kept = [
        {"id": f"r{at}", "mac": f"02:00:00:00:00:{at:02x}", "subnet": subnet}
        for at, subnet in enumerate(subnets)
    ]
    return [giving(prefix="2001:db8:4000::/40", first=16, last=4095, reservations=kept)]


def found(*pools: dict[str, Any], **more: Any) -> list[tuple[str, str]]:
    problems = check(configuration(*pools, **more))
    return [
        (".".join(map(str, one.path[1:])), one.message) for one in problems if one.path[1] == "ipv6_pools"
    ]


def planned(*pools: dict[str, Any], **more: Any) -> DhcpPlan:
    return plan(configuration(*pools, **more), Earlier((LINKS,)))


def test_a_good_pool_has_no_problem() -> None:
    assert found({**POOL, "reservations": [HOST]}) == []
    assert found({"id": "lan6", "interface": "lan"}) == []


@pytest.mark.parametrize(
    ("pools", "path", "message"),
    [
        ([{**POOL, "interface": "lam"}], "0.interface", "no interface is called lam"),
        ([{**POOL, "interface": "wan"}], "0.interface", "wan sends no router advertisements"),
        ([{**POOL, "interface": "lab", "ranges": []}], "0.interface", "lab has no zone"),
        ([{**POOL, "interface": "lab"}], "0.ranges.0", "has an address of the router"),
        ([{**POOL, "ranges": ["::1-::9"]}], "0.ranges.0", "has an address of the router"),
        ([{**POOL, "ranges": ["fd00::1:0-fd00::1:9"]}], "0.ranges.0", "is not written without its prefix"),
        ([{**POOL, "ranges": ["10.0.0.1-10.0.0.9"]}], "0.ranges.0", "is not written without its prefix"),
        ([{**POOL, "ranges": ["::1000-::2000", "::2000-::2001"]}], "0.ranges.1", "overlaps ::1000-::2000"),
        ([{**POOL, "ranges": ["::1000-::2:1000"]}], "0.ranges", "the ranges have too many addresses"),
        ([{**POOL, "lease_time": "30s"}], "0.lease_time", "a lease of 30 s is too short"),
        ([POOL, {"id": "more", "interface": "lan"}], "1.interface", "lan is served by lan6 already"),
        ([{**POOL, "id": "lan"}], "0.id", "a pool for IPv4 is called lan too"),
        (kept({"address": "fd00:1::20"}), "0.reservations.0.address", "is not written without its prefix"),
        (kept({"address": "::1"}), "0.reservations.0.address", "the router's own"),
        (kept({}, {"id": "b", "hostname": "b"}), "0.reservations.1.mac", "is already reserved by nas"),
        (kept({}, {"id": "b", "mac": None, "duid": "0004aabb"}), "0.reservations.1.address", "already"),
        ([giving(**{"from": "lab"})], "0.delegation.from", "lab asks its provider for no prefix"),
        ([giving(**{"from": "wan"})], "0.delegation.first", "lan has subnet 0 of wan itself"),
        ([giving(**{"from": "wan"}, first=1, last=15)], "0.delegation.first", "is no whole /60"),
        ([giving(prefix="2001:db8::/62")], "0.delegation.first", "is no whole /60"),
        ([giving(prefix="10.0.0.0/8")], "0.delegation.prefix", "is not IPv6"),
        (routers(33), "0.delegation.reservations.0.subnet", "no /60 begins at /64 number 33"),
        (routers(0), "0.delegation.reservations.0.subnet", "the prefix at 0 is none of those that are given"),
        (routers(4096), "0.delegation.reservations.0.subnet", "is none of those that are given"),
        (routers(32, 32), "0.delegation.reservations.1.subnet", "32 is already reserved by r0"),
        ([giving(prefix="fd00:9::/48")], "0.delegation.prefix", "is the network of lab"),
        (
            [giving(prefix="2001:db8::/48", last=31), {**giving(prefix="2001:db8::/40"), "interface": "lab"}],
            "1.delegation.first",
            "the pool lan6 gives parts of these",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_served_is_refused(pools: list[dict[str, Any]], path: str, message: str) -> None:
    problems = found(*pools, four=("lan",))
    assert any(at == f"ipv6_pools.{path}" and message in said for at, said in problems), problems


@pytest.mark.parametrize("given", [{"mac": None}, {"duid": "00040102"}])
def test_a_reservation_of_a_prefix_names_its_router_once(given: dict[str, Any]) -> None:
    kept = {"id": "branch", "mac": "02:00:00:00:00:01", "subnet": 32}
    with pytest.raises(ValueError, match="does not say whose the prefix is"):
        configuration(giving(prefix="2001:db8:4000::/40", reservations=[{**kept, **given}]))


@pytest.mark.parametrize("given", [{"mac": None}, {"duid": "00040102"}])
def test_a_reservation_names_its_host_once(given: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="does not say whose the address is"):
        configuration({**POOL, "reservations": [{**HOST, **given}]})


def test_the_server_is_told_the_prefixes_of_now_and_what_may_be_taken_back_for_a_short_time() -> None:
    made = planned({**POOL, "reservations": [HOST]}, listen=("lan",)).config
    assert made.six.pools == (
        Pool(
            id="lan6",
            interface="lan",
            device="eth1",
            lease_time_s=43200,
            prefixes=(Prefix(LOCAL, EVER_S, EVER_S), Prefix(GIVEN, 2700, 5400)),
            ranges=((0x1000, 0x1FFF),),
            own=frozenset({0, 1}),
            options={
                Code.DNS_SERVERS: IPv6Interface("fd00:1::1/64").ip.packed,
                Code.DOMAIN_SEARCH: b"\4home\4arpa\0",
            },
            reservations=(Reservation("nas", 0x20, "", "02:00:00:00:00:20", "nas"),),
        ),
    )
    assert ServerConfig.from_data(json.loads(json.dumps(made.as_data()))) == made


def test_routers_are_given_parts_of_what_the_uplink_has_now_or_of_what_the_file_says() -> None:
    source = IPv6Network("2001:db8:100::/56")
    learned = Learned(prefixes=(Delegated(source, 80000, 90000), Delegated(LOCAL, 9000, 9000)))
    given = giving(**{"from": "wan"}, first=16, last=255)
    assert found(given) == []
    links = replace(LINKS, learned={"wan": learned})
    made = plan(configuration(given), Earlier((links,))).config
    wanted = Delegation((Prefix(source, 2700, 5400),), 60, 16, 255)
    assert made.six.pools[0].delegation == wanted
    assert ServerConfig.from_data(json.loads(json.dumps(made.as_data()))) == made
    made = planned(*routers(32, 48)).config
    assert found(*routers(32, 48)) == []
    kept = tuple(Kept(subnet, mac=f"02:00:00:00:00:{at:02x}") for at, subnet in enumerate((32, 48)))
    assert made.six.pools[0].delegation is not None and made.six.pools[0].delegation.kept == kept
    assert ServerConfig.from_data(json.loads(json.dumps(made.as_data()))) == made
    (pool,) = planned(giving(prefix="2001:db8:4000::/40", length=48)).config.six.pools
    static = Prefix(IPv6Network("2001:db8:4000::/40"), EVER_S, EVER_S)
    assert pool.delegation == Delegation((static,), 48, 0, MOST_SUBNETS)
    assert pool.delegation.count == 256


@pytest.mark.parametrize("delegation", [{}, {"from": "wan", "prefix": "2001:db8::/40"}])
def test_routers_are_given_parts_of_one_thing(delegation: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="what routers get a part of"):
        configuration(giving(**delegation))


def test_options_that_are_given_take_the_place_of_ours() -> None:
    given = {"dns_servers": ["fd00::53"], "domain_search": ["a.example"], "ntp_servers": ["fd00::7b"]}
    (pool,) = planned({**POOL, "options": given}, listen=("lan",)).config.six.pools
    assert pool.options[Code.DNS_SERVERS] == IPv6Interface("fd00::53/64").ip.packed
    assert pool.options[Code.DOMAIN_SEARCH] == b"\1a\7example\0"
    assert pool.options[Code.NTP_SERVERS] == b"\0\1\0\x10" + IPv6Interface("fd00::7b/64").ip.packed
    assert planned(POOL).config.six.pools[0].options == {}


def test_a_pool_opens_its_port_for_its_zone_and_waits_for_its_card() -> None:
    made = planned(POOL)
    assert made.contributions == (Opening("lan", "udp", (547,), "dhcp"),)
    assert made.devices6 == ("eth1",)
    assert planned().contributions == ()
    assert planned({**POOL, "interface": "lab", "ranges": []}).devices6 == ()


@pytest.mark.parametrize(
    ("pools", "flags"), [((POOL,), 0xC0), (({"id": "lan6", "interface": "lan"},), 0x40), ((), 0)]
)
def test_hosts_are_told_to_ask_for_what_there_is(pools: tuple[dict[str, Any], ...], flags: int) -> None:
    (network,) = plan_advertising(configuration(*pools), Earlier((LINKS,))).networks
    assert compose(network, Memory(), bytes(6), 0.0).encode()[5] == flags


def test_a_network_behind_relays_is_told_with_them_beside_that_of_the_interface() -> None:
    made = planned(POOL, BEHIND)
    own, behind = made.config.six.pools
    assert (own.relays, own.network) == (frozenset(), "lan")
    assert behind.network == "lan 2001:db8:9::/64"
    assert behind.prefixes == (Prefix(IPv6Network("2001:db8:9::/64"), EVER_S, EVER_S),)
    assert (behind.own, len(behind.relays)) == (frozenset({0, 1}), 2)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"relays": []}, "nobody relays for 2001:db8:9::/64"),
        ({"subnet": None}, "nothing says of which network the relays are"),
        ({"subnet": "2001:db8:9::/56"}, "2001:db8:9::/56 is no network of hosts"),
        ({"subnet": "10.0.0.0/24"}, "10.0.0.0/24 is no network of hosts"),
        ({"relays": ["ff02::1"]}, "ff02::1 is not the address of a relay"),
        ({"ranges": ["::1-::9"]}, "::1-::9 has an address of the router"),
        ({"delegation": {"from": "wan"}}, "prefixes are given to routers of lan itself"),
    ],
)
def test_a_mistake_about_relays_is_said(change: dict[str, Any], problem: str) -> None:
    found = [one.message for one in check(configuration({**BEHIND, **change}))]
    assert any(one.startswith(problem) for one in found), found


def test_two_networks_behind_relays_are_two() -> None:
    other = {**BEHIND, "id": "cellar6", "subnet": "2001:db8:8::/64"}
    assert list(check(configuration(POOL, BEHIND, other))) == []
    (found,) = check(configuration(BEHIND, {**BEHIND, "id": "again"}))
    assert found.message == "2001:db8:9::/64 is served by branch6 already"
