# SPDX-License-Identifier: GPL-2.0-or-later
"""What a rule may match and do beyond addresses and ports, each with real packets and its deny twin."""

from __future__ import annotations

import errno
import os
import socket
import struct

import pytest

from tests.netns.firewall.driver import Firewall
from tests.netns.firewall.test_zones import rules
from tests.netns.lab import QUIET_S, Host, Lab, connecting, say_urgency, settle

ACK, SYN = 16, 2


@pytest.fixture
def firewall(lab: Lab) -> Firewall:
    return Firewall(lab)


@pytest.mark.parametrize("per", ["", ", per: source"])
def test_a_rule_lets_so_many_connections_be_open_and_no_more(lab: Lab, firewall: Firewall, per: str) -> None:
    rule = "{id: r-1, from: guest, to: lan, protocol: tcp, action: allow, connections: {most: 2%s}}"
    firewall.apply(rules=rules(rule % per))
    with lab.lan.serving(22):
        first, second = lab.guest.stream(lab.lan.ipv4, 22), lab.guest.stream(lab.lan.ipv4, 22)
        assert not lab.guest.reaches(lab.lan.ipv4, 22)
        lab.more_addresses("guest", "10.10.0.51/24")
        assert lab.guest.reaches(lab.lan.ipv4, 22, source="10.10.0.51") == bool(per)
        first.sendall(b"the open ones go on")
        assert first.recv(100)
        _end(first)
        assert lab.guest.reaches(lab.lan.ipv4, 22), "an ended connection makes room"
        second.close()


@pytest.mark.parametrize("per", ["", ", per: source"])
def test_a_rule_stops_the_connections_that_are_too_many(lab: Lab, firewall: Firewall, per: str) -> None:
    stop = (
        "{id: r-1, from: guest, to: lan, protocol: tcp, action: drop, connections: {most: 2, over: true%s}}"
    )
    firewall.apply(rules=rules(stop % per, "{id: r-2, from: guest, to: lan, action: allow}"))
    with lab.lan.serving(22):
        first, second = lab.guest.stream(lab.lan.ipv4, 22), lab.guest.stream(lab.lan.ipv4, 22)
        assert not lab.guest.reaches(lab.lan.ipv4, 22)
        lab.more_addresses("guest", "10.10.0.51/24")
        assert lab.guest.reaches(lab.lan.ipv4, 22, source="10.10.0.51") == bool(per)
        _end(first)
        assert lab.guest.reaches(lab.lan.ipv4, 22), "an ended connection makes room"
        second.close()


@pytest.mark.parametrize("per", ["", ", per: source"])
def test_a_rule_stops_what_exceeds_a_rate(lab: Lab, firewall: Firewall, per: str) -> None:
    """Two of the three connections that come at once are within the rate and its burst."""
    stop = "{id: r-1, from: guest, to: lan, action: drop, limit: {rate: 1/h, burst: 1, over: true%s}}"
    firewall.apply(rules=rules(stop % per, "{id: r-2, from: guest, to: lan, action: allow}"))
    passed = [lab.guest.udp(lab.lan.ipv4, port, lab.lan) for port in (7001, 7002, 7003, 7004)]
    assert passed[0]
    assert passed[2:] == [False, False]
    lab.more_addresses("guest", "10.10.0.51/24")
    assert lab.guest.udp(lab.lan.ipv4, 7005, lab.lan, source="10.10.0.51") == bool(per)


def _end(connection: socket.socket) -> None:
    """Reset the connection: nothing of it is left to wait for."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


@pytest.mark.parametrize(
    ("said", "version", "heard"),
    [
        ("tcp-reset", 4, errno.ECONNREFUSED),
        ("port-unreachable", 6, errno.ECONNREFUSED),
        ("host-unreachable", 4, errno.EHOSTUNREACH),
        ("no-route", 4, errno.ENETUNREACH),
        ("no-route", 6, errno.ENETUNREACH),
        ("admin-prohibited", 6, errno.EACCES),
    ],
)
def test_a_refusal_says_what_the_rule_says(
    lab: Lab, firewall: Firewall, said: str, version: int, heard: int
) -> None:
    rule = f"{{id: r-1, from: guest, to: lan, protocol: tcp, action: reject, reject_with: {said}}}"
    firewall.apply(rules=rules(rule))
    with lab.guest.namespace.socket(version, socket.SOCK_STREAM) as outbox:
        outbox.settimeout(30)  # an answer within the call that sends is lost; the second try's is not
        assert outbox.connect_ex((lab.lan.address(version), 22)) == heard


@pytest.mark.parametrize("version", [4, 6])
def test_a_class_of_service_fits_and_another_does_not(lab: Lab, firewall: Firewall, version: int) -> None:
    firewall.apply(rules=rules("{id: r-1, from: guest, to: lan, dscp: [ef, af11], action: allow}"))
    with lab.lan.serving(22, version):
        assert _reaches_with(lab, version, dscp=46)
        assert _reaches_with(lab, version, dscp=10)
        assert not _reaches_with(lab, version, dscp=0)


def _reaches_with(lab: Lab, version: int, dscp: int) -> bool:
    with lab.guest.namespace.socket(version, socket.SOCK_STREAM) as outbox:
        say_urgency(outbox, dscp)
        return connecting(outbox, lab.lan.address(version), 22) == 0


def test_flags_of_tcp_tell_a_beginning_from_the_rest(lab: Lab, firewall: Firewall) -> None:
    allow = "{id: r-2, from: guest, to: lan, protocol: tcp, action: allow}"
    stray = '{id: r-1, from: guest, to: lan, protocol: tcp, tcp_flags: ["!syn"], action: drop}'
    firewall.apply(rules=rules(allow))
    assert _arrives(lab, 4001, ACK), "conntrack takes up a connection in its middle"
    assert _arrives(lab, 4002, SYN)
    firewall.apply(rules=rules(stray, allow))
    assert not _arrives(lab, 4003, ACK)
    assert _arrives(lab, 4004, SYN)


def _arrives(lab: Lab, port: int, flags: int) -> bool:
    """Send one segment of TCP over IPv6, whose raw sockets sum it up, and return whether it comes out."""
    with _raw(lab.lan) as inbox, _raw(lab.guest) as outbox:
        segment = struct.pack("!HHIIBBHHH", port, 9, 1, 1 if flags & ACK else 0, 5 << 4, flags, 1024, 0, 0)
        outbox.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_CHECKSUM, 16)
        mark = os.urandom(8)
        outbox.sendto(segment + mark, (lab.lan.ipv6, 0))
        settle()
        inbox.settimeout(QUIET_S)
        try:
            while not inbox.recv(100).endswith(mark):
                continue
        except TimeoutError:
            return False
        return True


def _raw(host: Host) -> socket.socket:
    with host.namespace:
        return socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_TCP)


def test_to_count_and_to_log_decides_nothing(lab: Lab, firewall: Firewall) -> None:
    count = "{id: r-1, from: guest, to: lan, protocol: udp, action: count}"
    log = "{id: r-2, from: guest, to: lan, protocol: udp, action: log, log: {prefix: guests}}"
    allow = "{id: r-3, from: guest, to: lan, protocol: udp, action: allow}"
    firewall.apply(rules=rules(count, log))
    assert not lab.guest.udp(lab.lan.ipv4, 5000, lab.lan)
    firewall.apply(rules=rules(count, log, allow))
    assert lab.guest.udp(lab.lan.ipv4, 5001, lab.lan)
    assert [firewall.packets(f"rule/r-{number}") for number in (1, 2, 3)] == [2, 2, 1]


def test_a_mark_stays_with_its_connection_and_later_rules_see_it(lab: Lab, firewall: Firewall) -> None:
    mark = "{id: r-1, from: guest, to: lan, protocol: tcp, destination_port: 22, action: mark, set_mark: %s}"
    allow = "{id: r-2, from: guest, to: lan, mark: 0x10/0xf0, action: allow}"
    lab.router.run("nft", "add table ip watch")
    lab.router.run("nft", "add chain ip watch out { type filter hook postrouting priority 0; }")
    lab.router.run("nft", "add counter ip watch marked")
    lab.router.run("nft", "add rule ip watch out meta mark 0x10 counter name marked")
    firewall.apply(rules=rules(mark % "0x10", allow))
    with lab.lan.serving(22), lab.lan.serving(23):
        assert not lab.guest.reaches(lab.lan.ipv4, 23)
        assert _marked(lab) == 0
        with lab.guest.stream(lab.lan.ipv4, 22) as stream:
            assert stream.recv(100)
        assert _marked(lab) >= 3, "what answers and what follows has the mark too"
        firewall.apply(rules=rules(mark % "0x20", allow))
        assert not lab.guest.reaches(lab.lan.ipv4, 22)


def _marked(lab: Lab) -> int:
    return int(lab.router.run("nft", "list counter ip watch marked").split("packets")[1].split()[0])


CLASSES = (
    "{id: r-0, from: lan, to: guest, protocol: udp, destination_port: 7, action: dscp, set_dscp: ef}",
    "{id: r-1, from: lan, to: guest, protocol: udp, action: mark, set_mark: 0x1}",
    "{id: r-2, from: lan, to: guest, protocol: udp, mark: 0x1, action: allow}",
)


@pytest.mark.parametrize("version", [4, 6])
def test_a_connection_has_the_class_that_a_rule_gave_it_both_ways_and_another_has_not(
    lab: Lab, firewall: Firewall, version: int
) -> None:
    """A mark beside it is what it would be without the class."""
    firewall.apply(rules=rules(*CLASSES))
    assert _classes(lab, version, 7) == [46, 46, 46]
    assert _classes(lab, version, 8) == [10, 10, 10]
    firewall.apply(rules=rules(*CLASSES[1:]))
    assert _classes(lab, version, 7) == [10, 10, 10]


def _classes(lab: Lab, version: int, port: int) -> list[int]:
    """Return the classes of two datagrams that leave with 10, and of the answer between them."""
    with (
        lab.lan.namespace.socket(version, socket.SOCK_DGRAM) as asking,
        lab.guest.namespace.socket(version, socket.SOCK_DGRAM) as answering,
    ):
        for end in (asking, answering):
            end.settimeout(20)
            say_urgency(end, 10)
            if version == 4:
                end.setsockopt(socket.IPPROTO_IP, socket.IP_RECVTOS, 1)
            else:
                end.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVTCLASS, 1)
        answering.bind((lab.guest.address(version), port))
        asking.connect((lab.guest.address(version), port))
        asking.send(b"first")
        first, there = _class_heard(answering)
        answering.sendto(b"answer", there)
        back, _ = _class_heard(asking)
        asking.send(b"second")
        return [first, back, _class_heard(answering)[0]]


def _class_heard(inbox: socket.socket) -> tuple[int, tuple[str, int]]:
    _, [(_, _, data), *_], _, there = inbox.recvmsg(100, 100)
    return data[0] >> 2, there
