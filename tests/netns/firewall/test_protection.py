# SPDX-License-Identifier: GPL-2.0-or-later
"""Guards on real packets: each stops what it is for and counts it, lets a home be, and can be off."""

from __future__ import annotations

import socket
import struct

import pytest

from patronus.core.verb import Caller, Role
from patronus.firewall.verbs.explain import Explain
from tests.netns.firewall.driver import Firewall
from tests.netns.lab import QUIET_S, Lab, settle

OPEN = "zones: [{id: wan, to: {lan: allow, self: allow}}, {id: lan, to: {self: allow}}, {id: guest}]\n"
QUIET = "anti_spoofing: {enabled: false}\n"


@pytest.fixture
def firewall(lab: Lab) -> Firewall:
    lab.wan.namespace.ip("route add 192.168.1.0/24 via 198.51.100.2")
    return Firewall(lab)


def send(lab: Lab, source: str, port: int = 9) -> bool:
    """Return whether a datagram of a host on lan with any source comes out on wan."""
    lab.more_addresses("lan", f"{source}/32")
    return lab.lan.udp(lab.wan.ipv4, port, lab.wan, source=source)


def test_a_forged_source_goes_nowhere(lab: Lab, firewall: Firewall) -> None:
    firewall.apply()
    assert lab.lan.udp(lab.wan.ipv4, 9, lab.wan), "one's own address is no forgery"
    assert not send(lab, "10.10.0.77"), "a guest's address on the LAN"
    assert not send(lab, "203.0.113.9"), "an address that has no route"
    assert firewall.packets("spoofed") == 2
    asked = {"arrives_on": "lan", "source": "10.10.0.77", "destination": lab.wan.ipv4, "protocol": "udp"}
    with lab.router:
        given = Explain.model_validate({**asked, "destination_port": 9})
        assert firewall.verbs.explain(Caller("anna", Role.VIEWER), given).decided_by == "spoofed"
    firewall.apply(protection=QUIET)
    assert send(lab, "10.10.0.78")
    assert send(lab, "203.0.113.10")


def test_a_network_behind_another_router_is_no_forgery(lab: Lab, firewall: Firewall) -> None:
    firewall.apply()
    assert not send(lab, "172.20.0.5")
    lab.router.ip("route add 172.20.0.0/16 via 192.168.1.30")
    assert send(lab, "172.20.0.6")


def test_who_has_no_address_yet_and_neighbours_by_link_pass(lab: Lab, firewall: Firewall) -> None:
    """DHCP asks from 0.0.0.0, and hosts speak to the router from their link-local addresses."""
    firewall.apply(zones=OPEN)
    with lab.router.socket(4, socket.SOCK_DGRAM) as inbox:
        inbox.bind(("0.0.0.0", 67))
        with lab.lan.namespace.socket(4, socket.SOCK_DGRAM) as outbox:
            lab.lan.namespace.ip("address flush dev eth0")
            outbox.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
            outbox.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"eth0")
            outbox.sendto(b"who am I", ("255.255.255.255", 67))
        said, (source, _) = inbox.recvfrom(100)
        assert (said, source) == (b"who am I", "0.0.0.0")
    lab.guest.namespace.ip("-6 address add fe80::77/64 dev eth0 nodad")
    firewall.apply(zones=OPEN.replace("{id: guest}", "{id: guest, to: {self: allow}}"))
    with lab.router.socket(6, socket.SOCK_DGRAM) as inbox:
        inbox.bind(("::", 4000))
        with lab.guest.namespace.socket(6, socket.SOCK_DGRAM) as outbox:
            with lab.guest.namespace:
                scope = socket.if_nametoindex("eth0")
            outbox.bind(("fe80::77", 0, 0, scope))
            outbox.sendto(b"hello", ("fd00:2::1", 4000))
        assert inbox.recvfrom(100)[1][0].startswith("fe80::77")
    assert firewall.packets("spoofed") == 0


@pytest.mark.parametrize(
    ("source", "allow", "passes"),
    [
        ("10.99.0.9", "", False),
        ("10.99.0.9", ", allow: [10.99.0.0/16]", True),
        ("198.51.100.9", "", True),
    ],
    ids=["a bogon", "one that is allowed", "the uplink's own network"],
)
def test_bogons_fall_at_the_uplink(
    lab: Lab, firewall: Firewall, source: str, allow: str, *, passes: bool
) -> None:
    """198.51.100.0/24 is a bogon too, but the router itself is in it, as behind a provider's NAT."""
    if source not in lab.wan.ipv4:
        lab.more_addresses("wan", f"{source}/32")
    guard = f"{QUIET}bogons: {{enabled: true, zones: [wan]{allow}}}\n"
    firewall.apply(zones=OPEN, protection=guard)
    assert lab.wan.udp(lab.lan.ipv4, 9, lab.lan, source=source) == passes
    assert (firewall.packets("bogons") == 0) == passes
    firewall.apply(zones=OPEN, protection=QUIET)
    assert lab.wan.udp(lab.lan.ipv4, 10, lab.lan, source=source)


def test_a_flood_of_connections_is_cut_for_its_source_alone(lab: Lab, firewall: Firewall) -> None:
    lab.more_addresses("wan", "198.51.100.10/24")
    guard = "syn_flood: {zones: [wan], rate: 1/h, burst: 3}\n"
    firewall.apply(zones=OPEN, protection=guard)
    with lab.lan.serving(22):
        kept = lab.wan.stream(lab.lan.ipv4, 22)
        results = [lab.wan.reaches(lab.lan.ipv4, 22) for _ in range(5)]
        assert results[:2] == [True, True]
        assert results[-1] is False
        assert lab.wan.reaches(lab.lan.ipv4, 22, source="198.51.100.10"), "another source"
        assert kept.recv(100), "what is open goes on"
        kept.close()
        assert firewall.packets("syn-flood") > 0
        firewall.apply(zones=OPEN, protection="syn_flood: {enabled: false}\n")
        assert lab.wan.reaches(lab.lan.ipv4, 22)


def test_echo_requests_are_cut_though_they_are_one_exchange(lab: Lab, firewall: Firewall) -> None:
    firewall.apply(zones=OPEN, protection="icmp_flood: {enabled: true, zones: [wan], rate: 1/h, burst: 3}\n")
    assert 1 <= answers(lab, 8) <= 4
    assert firewall.packets("icmp-flood") > 0
    firewall.apply(zones=OPEN, protection="icmp_flood: {zones: [wan]}\n")
    assert answers(lab, 8) == 8


def answers(lab: Lab, count: int) -> int:
    """Return how many of so many echo requests of one exchange the router answers (RFC 792)."""
    found = 0
    with lab.wan.namespace:
        outbox = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
    with outbox:
        outbox.settimeout(QUIET_S)
        for number in range(count):
            header = struct.pack("!BBHHH", 8, 0, 0xF7FF - 77 - number & 0xFFFF, 77, number)
            outbox.sendto(header, ("198.51.100.2", 0))
            settle()
            try:
                found += outbox.recv(100)[20] == 0
            except TimeoutError:
                continue
    return found


def test_who_knocks_at_many_closed_ports_is_shut_out(lab: Lab, firewall: Firewall) -> None:
    lab.more_addresses("wan", "198.51.100.10/24")
    rules = "rules: [{id: r-1, from: wan, to: lan, protocol: tcp, destination_port: 22, action: allow}]\n"
    guard = "port_scan: {enabled: true, zones: [wan], rate: 1/h, burst: 4, for: 1h}\n"
    firewall.apply(rules=rules, protection=guard)
    with lab.lan.serving(22):
        for port in range(2000, 2003):
            assert not lab.wan.udp(lab.lan.ipv4, port, lab.lan)
        assert lab.wan.reaches(lab.lan.ipv4, 22), "a few are no scan"
        for port in range(2003, 2008):
            assert not lab.wan.udp(lab.lan.ipv4, port, lab.lan)
        assert not lab.wan.reaches(lab.lan.ipv4, 22)
        assert lab.wan.reaches(lab.lan.ipv4, 22, source="198.51.100.10")
        assert firewall.packets("port-scan") > 0
        firewall.apply(rules=rules)
        assert lab.wan.reaches(lab.lan.ipv4, 22)
