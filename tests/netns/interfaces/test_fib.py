# SPDX-License-Identifier: GPL-2.0-or-later
"""The tables read as values lead packets where the kernel does, for tables and rules made by chance."""

from __future__ import annotations

from ipaddress import ip_address
from random import Random

import pytest

from patronus.core.fib import FibRoute
from patronus.core.link import RouteQuery
from patronus.kernel.fib import read_fib
from tests.netns.interfaces.asked import foretold, said
from tests.netns.interfaces.router import eventually
from tests.netns.lab import Namespace

DEVICES = ("eth0", "eth1", "eth2")
PREFIXES = {
    4: (
        "default",
        "10.0.0.0/8",
        "10.1.0.0/16",
        "10.1.2.0/24",
        "10.1.2.128/25",
        "10.1.2.200/32",
        "172.16.0.0/12",
    ),
    6: ("default", "fd10::/16", "fd10:1::/32", "fd10:1:2::/48", "fd10:1:2:3::/64", "fd10:1:2:3::c8/128"),
}
TARGETS = {
    4: ("10.1.2.200", "10.1.2.130", "10.1.2.3", "10.1.9.9", "10.9.9.9", "172.16.1.1", "192.0.2.9",
        "10.64.1.1", "10.64.1.9", "10.64.1.255"),
    6: ("fd10:1:2:3::c8", "fd10:1:2:3::9", "fd10:1:2:9::9", "fd10:1:9::9", "fd10:9::9", "fd64:1::1",
        "fd99::9"),
}  # fmt: skip
TABLES = ("main", "77", "78")
ROUTES, RULES, PACKETS = 14, 6, 40


def address(version: int, device: str, host: int) -> str:
    number = DEVICES.index(device)
    return f"10.64.{number}.{host}" if version == 4 else f"fd64:{number}::{host}"


def route(chance: Random, version: int, metric: int) -> str:
    kind, prefix = chance.random(), chance.choice(PREFIXES[version])
    where = f"table {chance.choice(TABLES)} metric {metric}"
    if kind < 0.2:
        return f"{chance.choice(('blackhole', 'unreachable', 'prohibit', 'throw'))} {prefix} {where}"
    ways = [f"via {address(version, one, 100)} dev {one}" for one in chance.sample(DEVICES, 2)]
    if kind < 0.4:
        return f"{prefix} {where} nexthop {ways[0]} weight 2 nexthop {ways[1]}"
    return f"{prefix} dev {chance.choice(DEVICES)} {where}" if kind < 0.5 else f"{prefix} {ways[0]} {where}"


def rule(chance: Random, version: int, priority: int) -> str:
    meant = chance.choice(
        (f"from {address(version, 'eth0', 0)}/{24 if version == 4 else 64}", "iif eth1", "fwmark 0x10/0xf0",
         "ipproto udp dport 53", "ipproto tcp sport 1000-2000",
         f"to {TARGETS[version][2]}", "not iif eth0", "all")
    )  # fmt: skip
    meant = "" if meant == "all" else meant
    does = chance.choice(
        ("lookup 77", "lookup 78", "lookup main suppress_prefixlength 0", "lookup 77 suppress_prefixlength 8",
         "goto 32766", "nop", "prohibit", "unreachable", "lookup 99")
    )  # fmt: skip
    return f"pref {priority} {meant} {does}"


def own(version: int) -> list[FibRoute]:
    """Return the routes to addresses of ours, which IPv6 makes in its own time."""
    ours = {ip_address(address(version, device, 1)) for device in DEVICES}
    return [one for one in read_fib().routes() if one.kind == "local" and one.destination[0] in ours]


def packet(chance: Random, version: int) -> RouteQuery:
    arrives_on = chance.choice((None, *DEVICES))
    source = ip_address(address(version, arrives_on, 9)) if arrives_on else None
    protocol, mark = chance.choice((0, 6, 17)), chance.choice((0, 0x10, 0x310, 0x20))
    return RouteQuery(
        ip_address(chance.choice(TARGETS[version])), source, arrives_on, mark, protocol,
        chance.choice((900, 1500)) if protocol else 0, chance.choice((53, 80)) if protocol else 0,
    )  # fmt: skip


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("seed", range(6))
def test_values_lead_where_the_kernel_leads(wired: Namespace, seed: int, version: int) -> None:
    chance = Random(seed)
    wired.sysctl("net.ipv4.ip_forward", "1")
    wired.sysctl("net.ipv6.conf.all.forwarding", "1")
    for device in DEVICES:
        wired.ip(f"link set {device} up")
        wired.ip(f"address add {address(version, device, 1)}/{24 if version == 4 else 64} dev {device}")
    eventually(lambda: len(own(version)) == len(DEVICES), "the routes to the router's own addresses")
    for metric in chance.sample(range(1, 100), ROUTES):
        wired.ip(f"-{version} route add {route(chance, version, metric)}")
    for priority in range(100, 100 + RULES):
        wired.ip(f"-{version} rule add {rule(chance, version, priority)}")
    fib = read_fib()
    for query in [packet(chance, version) for _ in range(PACKETS)]:
        assert said(wired, query) in foretold(fib, query), (query, wired.ip(f"-{version} rule"))


def test_what_leads_nowhere_and_who_made_it_are_read(wired: Namespace) -> None:
    wired.ip("link set eth0 up")
    wired.ip("address add 10.64.0.1/24 dev eth0")
    wired.ip("route add 10.9.0.0/16 via inet6 fe80::9 dev eth0 proto 80")
    wired.ip("rule add pref 9 uidrange 5-6 lookup 77")
    fib = read_fib()
    (one,) = [found for found in fib.routes() if str(found.destination) == "10.9.0.0/16"]
    assert (one.owner, str(one.hops[0].gateway), one.table) == (80, "fe80::9", 254)
    assert 9 not in {found.priority for found in fib.rules}, "nobody asks who sends it"
