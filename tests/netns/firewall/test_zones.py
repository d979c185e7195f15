# SPDX-License-Identifier: GPL-2.0-or-later
"""Zones and rules decide real packets, and each allow has its deny twin."""

from __future__ import annotations

import pytest

from patronus.core.verb import Caller, Role
from patronus.firewall.verbs.forms import Block, Unblock
from tests.netns.firewall.driver import Firewall
from tests.netns.lab import Lab, silent


def rules(*lines: str) -> str:
    return "rules:\n" + "".join(f"  - {line}\n" for line in lines)


@pytest.fixture
def firewall(lab: Lab) -> Firewall:
    return Firewall(lab)


@pytest.mark.parametrize("version", [4, 6])
def test_zones_let_the_lan_out_and_nothing_in(lab: Lab, firewall: Firewall, version: int) -> None:
    firewall.apply()
    lab.wan.namespace.ip("route add 192.168.1.0/24 via 198.51.100.2")
    lab.wan.namespace.ip("-6 route add fd00:1::/64 via 2001:db8:1::2")
    assert lab.lan.udp(lab.wan.address(version), 5000, lab.wan)
    assert not lab.wan.udp(lab.lan.address(version), 5000, lab.lan)
    assert not lab.guest.udp(lab.lan.address(version), 5000, lab.lan)


@pytest.mark.parametrize("version", [4, 6])
def test_a_rule_opens_exactly_its_port(lab: Lab, firewall: Firewall, version: int) -> None:
    to = lab.lan.address(version)
    allow = "{id: r-1, from: guest, to: lan, protocol: tcp, destination_port: 22, action: allow}"
    firewall.apply(rules=rules(allow))
    with lab.lan.serving(22, version), lab.lan.serving(23, version):
        assert lab.guest.reaches(to, 22)
        assert not lab.guest.reaches(to, 23)
        firewall.apply()
        assert not lab.guest.reaches(to, 22)


def test_the_first_rule_that_fits_decides(lab: Lab, firewall: Firewall) -> None:
    allow = "{id: r-1, from: guest, to: lan, protocol: udp, action: allow}"
    drop = "{id: r-2, from: guest, to: lan, source: 10.10.0.0/24, action: drop}"
    firewall.apply(rules=rules(allow, drop))
    assert lab.guest.udp(lab.lan.ipv4, 5000, lab.lan)
    firewall.apply(rules=rules(drop, allow))
    assert not lab.guest.udp(lab.lan.ipv4, 5000, lab.lan)
    assert lab.guest.udp(lab.lan.ipv6, 5000, lab.lan)


def test_reject_tells_the_sender_and_drop_does_not(lab: Lab, firewall: Firewall) -> None:
    rule = "{{id: r-1, from: guest, to: lan, protocol: tcp, action: {}}}"
    firewall.apply(rules=rules(rule.format("reject")))
    with pytest.raises(ConnectionRefusedError):
        lab.guest.stream(lab.lan.ipv4, 22)
    firewall.apply(rules=rules(rule.format("drop")))
    with pytest.raises(TimeoutError):
        lab.guest.stream(lab.lan.ipv4, 22)


def test_openings_reach_the_router_until_a_rule_says_otherwise(lab: Lab, firewall: Firewall) -> None:
    zones = "zones:\n  - {id: wan}\n  - {id: lan%s}\n  - {id: guest}\n"
    router = lab.hosts["lan"]
    server = type(router)(lab.router, "192.168.1.1", "fd00:1::1")
    with server.serving(443):
        firewall.apply(zones=zones % "")
        assert lab.lan.reaches("192.168.1.1", 443)
        assert not lab.guest.reaches("192.168.1.1", 443)
        firewall.apply(zones=zones % ", self_services: [dns]")
        assert not lab.lan.reaches("192.168.1.1", 443)
        drop = rules("{id: r-1, from: lan, to: self, protocol: tcp, action: drop}")
        firewall.apply(zones=zones % "", rules=drop)
        assert not lab.lan.reaches("192.168.1.1", 443)


def test_ping_to_the_router_is_a_rule_but_neighbour_discovery_is_not(lab: Lab, firewall: Firewall) -> None:
    firewall.apply()
    for address in ("198.51.100.2", "2001:db8:1::2"):
        assert not _pings(lab, address)
    ping = "{id: r-1, from: wan, to: self, protocol: [icmp, icmpv6], icmp_type: echo-request, action: allow}"
    firewall.apply(rules=rules(ping))
    lab.wan.namespace.ip("neigh flush dev eth0")
    for address in ("198.51.100.2", "2001:db8:1::2"):
        assert _pings(lab, address)


def _pings(lab: Lab, address: str) -> bool:
    script = f"ping -c 1 -W 1 {address} >/dev/null 2>&1 && echo yes || echo no"
    return lab.wan.namespace.run("sh", "-c", script).strip() == "yes"


@pytest.mark.parametrize("prefixes", [("198.51.100.0/24", "2001:db8:1::/64"), ("WAN4", "WAN6")])
def test_the_blocklist_stops_both_ways_at_once_and_never_the_router(
    lab: Lab, firewall: Firewall, prefixes: tuple[str, str]
) -> None:
    """Both where networks are blocked and where single addresses are, which other sets hold."""
    one, other = (item.replace("WAN4", lab.wan.ipv4).replace("WAN6", lab.wan.ipv6) for item in prefixes)
    blocked = f"prefixes:\n  - {{id: b-1, prefix: {one}}}\n  - {{id: b-2, prefix: '{other}'}}\n"
    router = type(lab.lan)(lab.router, "198.51.100.2", "2001:db8:1::2")
    firewall.apply()
    connection = None
    with lab.wan.serving(80):
        connection = lab.lan.stream(lab.wan.ipv4, 80)
        assert connection.recv(100)
        firewall.apply(blocklist=blocked)
        connection.sendall(b"still there?")
        assert silent(connection)
        assert not lab.lan.udp(lab.wan.ipv6, 5000, lab.wan)
        assert firewall.packets("blocked") > 0
        with router.serving(443):
            assert lab.lan.reaches("198.51.100.2", 443), "the router is never blocked with its network"
        firewall.apply()
        assert lab.lan.reaches(lab.wan.ipv4, 80)
    connection.close()


def test_timed_blocks_reach_the_kernel_and_end(lab: Lab, firewall: Firewall) -> None:
    verbs = {verb.name: verb for verb in firewall.feature.verbs()}
    caller = Caller("admin", Role.ADMIN)
    firewall.apply()
    verbs["firewall.Block"].handler(caller, Block(prefix=lab.wan.ipv4, for_s=3600))
    assert not lab.lan.udp(lab.wan.ipv4, 5000, lab.wan)
    verbs["firewall.Unblock"].handler(caller, Unblock(prefix=lab.wan.ipv4))
    assert lab.lan.udp(lab.wan.ipv4, 5000, lab.wan)


def test_a_limit_lets_the_burst_through_and_no_more(lab: Lab, firewall: Firewall) -> None:
    rule = "{id: r-1, from: guest, to: lan, protocol: udp, action: allow, limit: {rate: 1/h, burst: 3%s}}"
    for per in ("", ", per: source"):
        firewall.apply(rules=rules(rule % per))
        passed = [lab.guest.udp(lab.lan.ipv4, port, lab.lan) for port in range(6000, 6006)]
        assert passed == [True] * 3 + [False] * 3
    lab.more_addresses("guest", "10.10.0.51/24")
    assert lab.guest.udp(lab.lan.ipv4, 6010, lab.lan, source="10.10.0.51"), "another source counts for itself"
