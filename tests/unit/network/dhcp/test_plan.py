# SPDX-License-Identifier: GPL-2.0-or-later
"""Pools are checked against their interface and each other, and become what the server is told."""

from __future__ import annotations

from ipaddress import IPv4Interface
from typing import Any

import pytest

from patronus.core.feature import Earlier, Plan
from patronus.core.model import Configuration
from patronus.network.dhcp.check import check
from patronus.network.dhcp.codec import Code
from patronus.network.dhcp.config import ClientClass, ServerConfig, read_address
from patronus.network.dhcp.model import Dhcp
from patronus.network.dhcp.plan import plan
from patronus.network.dns.model import Dns
from patronus.network.interfaces.model import Interfaces
from patronus.network.interfaces.plan import InterfacesPlan
from patronus.network.opening import Opening
from patronus.network.time_served import TimeServed

INTERFACES = Interfaces.model_validate(
    {
        "interfaces": [
            {"id": "wan", "match": {"mac": "52:54:00:00:00:01"}, "zone": "wan", "ipv4": {"method": "dhcp"}},
            {
                "id": "lan",
                "match": {"mac": "52:54:00:00:00:02"},
                "zone": "lan",
                "ipv4": {"method": "static", "addresses": ["192.168.1.1/24", "10.0.0.1/16"]},
            },
        ]
    }
)
POOL: dict[str, Any] = {"id": "lan", "interface": "lan", "ranges": ["192.168.1.100-192.168.1.199"]}
BRANCH = {
    "id": "branch",
    "interface": "lan",
    "subnet": "10.9.0.0/24",
    "relays": ["10.9.0.1"],
    "ranges": ["10.9.0.100-10.9.0.199"],
}
HOST = {"id": "printer", "mac": "00:11:22:33:44:55", "address": "192.168.1.20", "hostname": "printer"}
LINKS = InterfacesPlan(
    devices={"lan": "eth1", "wan": "eth0"}, addresses={"lan": (IPv4Interface("192.168.1.1/24"),)}
)


def configuration(*pools: dict[str, Any], dns: dict[str, Any] | None = None) -> Configuration:
    return Configuration(
        {
            "network/interfaces": INTERFACES,
            "network/dhcp": Dhcp.model_validate({"pools": pools}),
            "network/dns": Dns.model_validate(dns or {}),
        }
    )


def found(*pools: dict[str, Any]) -> list[tuple[str, str]]:
    return [
        (".".join(map(str, problem.path[1:])), problem.message) for problem in check(configuration(*pools))
    ]


def test_a_good_pool_has_no_problem() -> None:
    assert found({**POOL, "reservations": [HOST]}) == []


def other(**changes: Any) -> dict[str, Any]:
    return {"id": "other", "interface": "lan", **changes}


@pytest.mark.parametrize(
    ("pools", "path", "message"),
    [
        ([{**POOL, "interface": "lam"}], "pools.0.interface", "no interface is called lam"),
        ([{**POOL, "interface": "wan"}], "pools.0.interface", "wan has no static IPv4 address"),
        ([{**POOL, "ranges": ["192.168.2.10-192.168.2.20"]}], "pools.0.ranges.0", "is in no subnet of lan"),
        ([{**POOL, "ranges": ["192.168.1.250-192.168.2.5"]}], "pools.0.ranges.0", "leaves the subnet"),
        ([{**POOL, "ranges": ["192.168.1.1-192.168.1.9"]}], "pools.0.ranges.0", "the router's own address"),
        ([{**POOL, "ranges": ["192.168.1.9-192.168.1.255"]}], "pools.0.ranges.0", "the broadcast address"),
        ([{**POOL, "ranges": ["fd00::1-fd00::9"]}], "pools.0.ranges.0", "is not IPv4"),
        ([{**POOL, "lease_time": "30s"}], "pools.0.lease_time", "too short"),
        ([{**POOL, "lease_time": "49711d"}], "pools.0.lease_time", "too long"),
        (
            [{**POOL, "ranges": ["192.168.1.5-192.168.1.9", "192.168.1.9-192.168.1.12"]}],
            "pools.0.ranges.1",
            "overlaps 192.168.1.5-192.168.1.9 of pool lan",
        ),
        ([POOL, other(ranges=["192.168.1.199-192.168.1.210"])], "pools.1.ranges.0", "of pool lan"),
        (
            [{**POOL, "reservations": [{**HOST, "address": "192.168.2.20"}]}],
            "pools.0.reservations.0.address",
            "is not in the pool's subnet",
        ),
        (
            [{**POOL, "reservations": [{**HOST, "address": "192.168.1.1"}]}],
            "pools.0.reservations.0.address",
            "is the router's own address",
        ),
        (
            [
                {
                    **POOL,
                    "reservations": [HOST, {**HOST, "id": "b", "address": "192.168.1.21", "hostname": "b"}],
                }
            ],
            "pools.0.reservations.1.mac",
            "already reserved by printer",
        ),
        (
            [
                {**POOL, "reservations": [HOST]},
                other(reservations=[{"id": "b", "mac": "00:11:22:33:44:66", "address": "192.168.1.20"}]),
            ],
            "pools.1.reservations.0.address",
            "already reserved by printer",
        ),
        (
            [
                {**POOL, "reservations": [HOST]},
                other(reservations=[{**HOST, "id": "b", "mac": "00:11:22:33:44:66", "address": "10.0.0.5"}]),
            ],
            "pools.1.reservations.0.hostname",
            "already reserved by printer",
        ),
        ([{**BRANCH, "relays": []}], "pools.0.relays", "nobody relays for 10.9.0.0/24"),
        ([{**BRANCH, "relays": ["10.8.0.1"]}], "pools.0.relays.0", "is not in the network that it would ask"),
        ([{**BRANCH, "subnet": "10.0.0.0/8"}], "pools.0.subnet", "lan's own network"),
        ([{**BRANCH, "subnet": "fd00::/64"}], "pools.0.subnet", "is not IPv4"),
        ([{**BRANCH, "ranges": ["10.9.0.1-10.9.0.9"]}], "pools.0.ranges.0", "a relay's address"),
        ([{**BRANCH, "ranges": ["192.168.1.5"]}], "pools.0.ranges.0", "leaves the subnet"),
        ([{**POOL, "relays": ["10.9.0.1"]}], "pools.0.relays.0", "is not in the network that it would ask"),
        (
            [{**POOL, "options": {"static_routes": [{"to": "10.9.0.0/24", "via": "10.9.9.9"}]}}],
            "pools.0.options.static_routes.0.via",
            "cannot reach this router",
        ),
        (
            [{**POOL, "classes": [{"id": "x", "user": "iPXE", "options": {"router": "10.9.9.9"}}]}],
            "pools.0.classes.0.options.router",
            "cannot reach this router",
        ),
        ([{**POOL, "options": {"router": "10.9.9.9"}}], "pools.0.options.router", "cannot reach this router"),
    ],
)
def test_each_mistake_is_found_at_its_place(pools: list[dict[str, Any]], path: str, message: str) -> None:
    problems = found(*pools)
    assert any(at == path and message in text for at, text in problems), problems


def test_one_mac_may_be_reserved_on_two_subnets() -> None:
    guest = other(reservations=[{"id": "b", "mac": HOST["mac"], "address": "10.0.0.20"}])
    assert found({**POOL, "reservations": [HOST]}, guest) == []


def test_the_plan_opens_the_zone_and_tells_the_server() -> None:
    made = plan(configuration({**POOL, "reservations": [HOST]}), Earlier((LINKS,)))
    assert made.contributions == (Opening("lan", "udp", (67,), "dhcp"),)
    (pool,) = made.config.pools
    assert (pool.device, pool.network, pool.server) == ("eth1", "192.168.1.0/24", read_address("192.168.1.1"))
    assert pool.options == {Code.ROUTER: bytes((192, 168, 1, 1))}
    assert pool.by_mac["00:11:22:33:44:55"].address == read_address("192.168.1.20")


def test_without_pools_nothing_is_opened() -> None:
    assert plan(configuration(), Earlier((LINKS,))).contributions == ()


def test_a_pool_whose_device_is_missing_is_left_out_and_its_zone_stays_open() -> None:
    made = plan(configuration(POOL), Earlier((InterfacesPlan(devices={"lan": None}),)))
    assert made.config.pools == ()
    assert made.contributions == (Opening("lan", "udp", (67,), "dhcp"),)


def test_our_dns_server_and_domain_are_told_where_it_listens() -> None:
    own = {"listen": ["lan"], "local": {"domain": "house.example"}}
    (pool,) = plan(configuration(POOL, dns=own), Earlier((LINKS,))).config.pools
    assert pool.options[Code.DNS_SERVERS] == bytes((192, 168, 1, 1))
    assert pool.options[Code.DOMAIN_NAME] == b"house.example"


def test_where_the_router_gives_the_time_hosts_are_told_and_given_servers_take_precedence() -> None:
    timed = Earlier((LINKS, Plan(contributions=(TimeServed(("lan",)),))))
    (pool,) = plan(configuration(POOL), timed).config.pools
    assert pool.options[Code.NTP_SERVERS] == bytes((192, 168, 1, 1))
    other = {**POOL, "options": {"ntp_servers": ["192.168.1.5"]}}
    (pool,) = plan(configuration(other), timed).config.pools
    assert pool.options[Code.NTP_SERVERS] == bytes((192, 168, 1, 5))
    (pool,) = plan(configuration(POOL), Earlier((LINKS,))).config.pools
    assert Code.NTP_SERVERS not in pool.options


def test_a_network_behind_a_relay_has_the_relay_as_its_router() -> None:
    assert found(BRANCH, POOL) == []
    (pool,) = plan(configuration(BRANCH), Earlier((LINKS,))).config.pools
    assert (pool.device, pool.network, pool.server) == ("eth1", "10.9.0.0/24", read_address("192.168.1.1"))
    assert (pool.relays, pool.remote) == (frozenset({read_address("10.9.0.1")}), True)
    assert pool.options == {Code.ROUTER: bytes((10, 9, 0, 1))}


def test_given_options_take_precedence() -> None:
    options = {
        "router": "192.168.1.2",
        "dns_servers": ["192.168.1.3", "192.168.1.4"],
        "domain_name": "a.example",
        "domain_search": ["a.example"],
        "ntp_servers": ["192.168.1.5"],
        "interface_mtu": 1400,
        "static_routes": [
            {"to": "10.9.0.0/24", "via": "192.168.1.7"},
            {"to": "10.8.0.0/13", "via": "192.168.1.8"},
        ],
        "captive_portal": "https://portal.example/",
        "next_server": "192.168.1.6",
        "boot_file": "pxelinux.0",
        "raw": [{"code": 43, "hex": "0102"}],
    }
    (pool,) = plan(configuration({**POOL, "options": options}), Earlier((LINKS,))).config.pools
    assert pool.options == {
        Code.ROUTER: bytes((192, 168, 1, 2)),
        Code.DNS_SERVERS: bytes((192, 168, 1, 3, 192, 168, 1, 4)),
        Code.DOMAIN_NAME: b"a.example",
        Code.DOMAIN_SEARCH: b"\1a\7example\0",
        Code.NTP_SERVERS: bytes((192, 168, 1, 5)),
        Code.INTERFACE_MTU: b"\x05\x78",
        Code.STATIC_ROUTES: bytes((0, 192, 168, 1, 2))
        + bytes((24, 10, 9, 0, 192, 168, 1, 7))
        + bytes((13, 10, 8, 192, 168, 1, 8)),
        Code.CAPTIVE_PORTAL: b"https://portal.example/",
        Code.BOOT_FILE: b"pxelinux.0",
        43: b"\1\2",
    }
    assert pool.next_server == read_address("192.168.1.6")


def test_a_class_has_what_is_given_and_nothing_of_its_own_accord() -> None:
    classes = [
        {"id": "pxe", "vendor": "PXEClient", "options": {"boot_file": "a.efi", "next_server": "192.168.1.6"}}
    ]
    (pool,) = plan(configuration({**POOL, "classes": classes}), Earlier((LINKS,))).config.pools
    assert pool.classes == (
        ClientClass(b"PXEClient", b"", {Code.BOOT_FILE: b"a.efi"}, read_address("192.168.1.6")),
    )
    config = ServerConfig((pool,))
    assert ServerConfig.from_data(config.as_data()) == config


def test_a_class_with_a_router_of_its_own_has_it_among_the_pools_routes() -> None:
    """RFC 3442: a host that is told routes takes its default route from nowhere else."""
    routes = [{"to": "10.9.0.0/24", "via": "192.168.1.7"}]
    classes = [
        {"id": "a", "user": "a", "options": {"router": "192.168.1.9"}},
        {"id": "b", "user": "b", "options": {"boot_file": "b.efi"}},
        {"id": "c", "user": "c", "options": {"static_routes": [{"to": "10.8.0.0/24", "via": "192.168.1.8"}]}},
    ]
    given = {**POOL, "options": {"static_routes": routes}, "classes": classes}
    (pool,) = plan(configuration(given), Earlier((LINKS,))).config.pools
    assert [item.options.get(Code.STATIC_ROUTES) for item in pool.classes] == [
        bytes((0, 192, 168, 1, 9, 24, 10, 9, 0, 192, 168, 1, 7)),
        None,
        bytes((0, 192, 168, 1, 1, 24, 10, 8, 0, 192, 168, 1, 8)),
    ]


def test_a_class_that_nobody_is_in_is_refused() -> None:
    with pytest.raises(ValueError, match="does not say who belongs to it"):
        configuration({**POOL, "classes": [{"id": "x"}]})


def test_what_the_server_is_told_survives_the_wire() -> None:
    pools = ({**POOL, "reservations": [HOST]}, {**BRANCH, "leases_per_mac": 3, "probe": False})
    config = plan(configuration(*pools), Earlier((LINKS,))).config
    assert [(pool.leases_per_mac, pool.probe) for pool in config.pools] == [(8, True), (3, False)]
    assert ServerConfig.from_data(config.as_data()) == config
