# SPDX-License-Identifier: GPL-2.0-or-later
"""pppd's lines become a report that a person understands."""

from __future__ import annotations

from ipaddress import IPv4Address

import pytest

from patronus.network.interfaces.learned import Learned
from patronus.network.pppoe.events import sessions_changed
from patronus.network.pppoe.report import Report, parse
from patronus.network.pppoe.session import REFUSED, Session, pause_s
from patronus.network.pppoe.task import Task

TASK = Task("wan", "eth1", "me", "secret", service="gold")
UP = """\
Plugin pppoe.so loaded.
PPP session is 1
Connected to 52:54:00:00:00:AA via interface eth1
Using interface ppp0
Connect: ppp0 <--> eth1
Renamed interface ppp0 to wan
CHAP authentication succeeded
peer from calling number 52:54:00:00:00:AA authorized
local  LL address fe80::2
remote LL address fe80::1
local  IP address 198.51.100.7
remote IP address 198.51.100.1
primary   DNS address 198.51.100.53
secondary DNS address 198.51.100.54
"""


def heard(text: str) -> Session:
    session = Session(TASK)
    for line in text.splitlines():
        session = session.hear(line, 1000.0)
    return session


def test_a_session_that_stands_tells_what_the_provider_gave() -> None:
    report = heard(UP).report
    assert report == Report(
        since_s=1000.0,
        address=IPv4Address("198.51.100.7"),
        peer=IPv4Address("198.51.100.1"),
        dns_servers=(IPv4Address("198.51.100.53"), IPv4Address("198.51.100.54")),
        ipv6=True,
        concentrator="52:54:00:00:00:aa",
    )
    assert parse(report.as_text()) == report
    learned = Learned().over(report)
    assert [str(one) for one in learned.on_link] == ["198.51.100.7/32", "198.51.100.1/32"]
    assert (learned.gateway, learned.dns_servers) == (report.peer, report.dns_servers)


@pytest.mark.parametrize(
    ("said", "status", "reason"),
    [
        ("PAP authentication failed: go away", 19, REFUSED),
        ("CHAP authentication failed: E=691 R=1\nConnection terminated.\nModem hangup", 19, REFUSED),
        ("Unable to complete PPPoE Discovery phase 1", 1, "no access concentrator answers on eth1"),
        ("Timeout waiting for PADO packets", 1, "no access concentrator answers on eth1"),
        ("PADS: Service-Name-Error: x", 1, "the provider does not know the service gold"),
        ("No response to 5 echo-requests", 15, "the provider has fallen silent"),
        ("LCP terminated by peer\nModem hangup", 16, "the provider has ended the session"),
        ("LCP: timeout sending Config-Requests", 10, "the access concentrator does not answer (LCP)"),
        ("Linux kernel does not support PPPoE -- are you running 2.4.x?", 1, "this kernel has no PPPoE"),
        ("", 19, REFUSED),
        ("", 77, "pppd ended with status 77"),
    ],
)
def test_why_it_ended_is_said_in_plain_words(said: str, status: int, reason: str) -> None:
    report = heard(said).ended(status)
    assert (report.error, report.up) == (reason, False)


def test_what_a_provider_writes_into_its_refusal_is_not_repeated() -> None:
    assert "go away" not in str(heard("PAP authentication failed: go away").ended(19).error)


def test_a_session_that_ends_gives_nothing_any_more() -> None:
    assert heard(UP).ended(16) == Report(error="the session was hung up")


@pytest.mark.parametrize(
    "text", ["", "[]", "{", '{"since_s": "x", "address": 7, "dns_servers": {}, "ipv6": 1}']
)
def test_a_broken_report_says_nothing(text: str) -> None:
    assert parse(text).up is False and parse(text).address in (None, IPv4Address(7))


def test_it_waits_longer_each_time_and_longest_where_the_password_is_refused() -> None:
    assert [pause_s(number, refused=False) for number in (0, 1, 2, 3, 20, 5000)] == [
        1.0, 1.0, 2.0, 4.0, 60.0, 60.0,
    ]  # fmt: skip
    assert [pause_s(number, refused=True) for number in (1, 2, 20)] == [15.0, 30.0, 300.0]


def test_the_bus_hears_of_a_session_once() -> None:
    up, down = heard(UP).report, Report(error=REFUSED)
    (came,) = sessions_changed({}, {"wan": up})
    assert (came.up, came.address, came.peer) == (True, "198.51.100.7", "198.51.100.1")
    (went,) = sessions_changed({"wan": up}, {"wan": down})
    assert (went.up, went.error) == (False, REFUSED)
    assert list(sessions_changed({"wan": up}, {"wan": up})) == []
