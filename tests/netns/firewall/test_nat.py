# SPDX-License-Identifier: GPL-2.0-or-later
"""Translations on real packets: what the other side sees, and that each stops with its entry."""

from __future__ import annotations

import os
import socket

import pytest

from tests.netns.firewall.driver import INTERFACES, Firewall
from tests.netns.lab import QUIET_S, Lab, settle

MASQUERADE = "nat:\n  - {id: n-1, type: masquerade, out: wan}\n"
FORWARD = "nat:\n  - {id: n-1, type: dnat, in: wan, destination_port: 8443, to: '192.168.1.30:443'%s}\n"


@pytest.fixture
def firewall(lab: Lab) -> Firewall:
    return Firewall(lab)


def seen_from(lab: Lab, source: str = "lan") -> str:
    """Return the address that a server on wan sees of a client."""
    with lab.wan.serving(80), lab.hosts[source].stream(lab.wan.ipv4, 80) as connection:
        return connection.recv(100).decode().strip()


def test_masquerade_hides_the_lan_behind_the_router(lab: Lab, firewall: Firewall) -> None:
    firewall.apply(nat=MASQUERADE)
    assert seen_from(lab) == "198.51.100.2"
    firewall.apply()
    lab.wan.namespace.ip("route add 192.168.1.0/24 via 198.51.100.2")
    assert seen_from(lab) == "192.168.1.30"


def test_snat_gives_its_address_to_its_source_alone(lab: Lab, firewall: Firewall) -> None:
    lab.router.ip("address add 198.51.100.6/24 dev wan")
    snat = "nat:\n  - {id: n-2, type: snat, out: wan, source: 10.10.0.0/24, to: 198.51.100.6}\n"
    firewall.apply(nat=snat + "  - {id: n-1, type: masquerade, out: wan}\n")
    assert seen_from(lab, "guest") == "198.51.100.6"
    assert seen_from(lab) == "198.51.100.2"


def test_a_port_forward_works_from_outside_until_it_is_removed(lab: Lab, firewall: Firewall) -> None:
    with lab.lan.serving(443):
        firewall.apply(nat=FORWARD % "")
        assert lab.wan.reaches("198.51.100.2", 8443)
        assert not lab.wan.reaches("198.51.100.2", 443)
        firewall.apply(nat=FORWARD % ", enabled: false")
        assert not lab.wan.reaches("198.51.100.2", 8443)
        firewall.apply(nat=FORWARD % ", rule: false")
        assert not lab.wan.reaches("198.51.100.2", 8443)


def test_a_rule_before_the_forward_still_decides(lab: Lab, firewall: Firewall) -> None:
    deny = "rules:\n  - {id: r-1, from: wan, source: 198.51.100.9, action: drop}\n"
    with lab.lan.serving(443):
        firewall.apply(nat=FORWARD % "", rules=deny)
        assert not lab.wan.reaches("198.51.100.2", 8443)


def test_hairpin_works_from_the_same_network_and_from_another(lab: Lab, firewall: Firewall) -> None:
    lab.more_addresses("lan", "192.168.1.77/24")
    with lab.lan.serving(443):
        firewall.apply(nat=FORWARD % ", hairpin: true")
        with lab.lan.stream("198.51.100.2", 8443, source="192.168.1.77") as connection:
            assert connection.recv(100).decode().strip() == "192.168.1.1", (
                "or the answer passes by the router"
            )
        with lab.guest.stream("198.51.100.2", 8443) as connection:
            assert connection.recv(100).decode().strip() == lab.guest.ipv4, "others are seen as they are"
        firewall.apply(nat=FORWARD % "")
        assert not lab.lan.reaches("198.51.100.2", 8443, source="192.168.1.77")
        assert not lab.guest.reaches("198.51.100.2", 8443)


def test_hairpin_works_by_each_of_several_outer_addresses(lab: Lab, firewall: Firewall) -> None:
    """libnftables refused a set of them where the family stood beside the key instead of in it."""
    lab.router.ip("address add 198.51.100.6/24 dev wan")
    lab.more_addresses("lan", "192.168.1.77/24")
    two = INTERFACES.replace("198.51.100.2/24", "198.51.100.2/24, 198.51.100.6/24")
    with lab.lan.serving(443):
        firewall.apply(nat=FORWARD % ", hairpin: true", interfaces=two)
        for outer in ("198.51.100.2", "198.51.100.6"):
            with lab.lan.stream(outer, 8443, source="192.168.1.77") as connection:
                assert connection.recv(100).decode().strip() == "192.168.1.1"
        firewall.apply(nat=FORWARD % "", interfaces=two)
        assert not lab.lan.reaches("198.51.100.6", 8443, source="192.168.1.77")


def test_a_moved_range_keeps_each_port_at_its_place(lab: Lab, firewall: Firewall) -> None:
    match = "type: dnat, in: wan, protocol: udp, destination_port: 9000-9003"
    firewall.apply(nat=f"nat:\n  - {{id: n-1, {match}, to: '192.168.1.30:9100-9103'}}\n")
    for offset in range(4):
        assert forwarded(lab, 9000 + offset, 9100 + offset)
    assert not forwarded(lab, 9004, 9104)
    assert not forwarded(lab, 9001, 9100)


def forwarded(lab: Lab, asked: int, arrives: int) -> bool:
    """Return whether a datagram to the router's outer address comes out at the server's port."""
    payload = os.urandom(16)
    with lab.lan.namespace.socket(4, socket.SOCK_DGRAM) as inbox:
        inbox.bind((lab.lan.ipv4, arrives))
        with lab.wan.namespace.socket(4, socket.SOCK_DGRAM) as outbox:
            outbox.sendto(payload, ("198.51.100.2", asked))
            settle()
            inbox.settimeout(QUIET_S)
            try:
                return inbox.recv(100) == payload
            except TimeoutError:
                return False


def test_a_forward_over_ipv6_honours_its_source(lab: Lab, firewall: Firewall) -> None:
    entry = "{id: n-1, type: dnat, in: wan, destination_port: 443, to: '[fd00:1::30]:443', source: '%s'}"
    nat = f"nat:\n  - {entry}\n"
    lab.wan.namespace.ip("-6 route add fd00:1::/64 via 2001:db8:1::2")
    with lab.lan.serving(443, 6):
        firewall.apply(nat=nat % "2001:db8:1::/64")
        assert lab.wan.reaches("2001:db8:1::2", 443)
        firewall.apply(nat=nat % "2001:db8:2::/64")
        assert not lab.wan.reaches("2001:db8:1::2", 443)
