# SPDX-License-Identifier: GPL-2.0-or-later
"""Hosts by name: what is answered counts as long as it may, and what was last good outlives the server."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from ipaddress import ip_address
from typing import Any

import dnslib
import pytest

from patronus.core.errors import InvalidRequest, KernelError
from patronus.firewall.addresses import IpAddress, Version
from patronus.firewall.countries import read_countries
from patronus.firewall.names import GRACE_S, MOST_ADDRESSES, MOST_S, Answer, HostName
from patronus.firewall.names.service import HostNames, ask

Reply = Callable[[dnslib.DNSRecord], dnslib.DNSRecord]

ONE, TWO, SIX = (ip_address(text) for text in ("192.0.2.1", "192.0.2.2", "2001:db8::1"))
MUTE4, MUTE6 = Answer(4, fault="silence"), Answer(6, fault="silence")


def v4(*found: IpAddress, ttl_s: float = 300) -> Answer:
    return Answer(4, found, ttl_s)


def v6(*found: IpAddress, ttl_s: float = 300) -> Answer:
    return Answer(6, found, ttl_s)


def test_both_families_are_held_until_the_shorter_ttl_ends() -> None:
    known = HostName().taken([v4(ONE, ttl_s=500), v6(SIX, ttl_s=100)], 1000)
    assert (set(known.seen), known.due_s, known.fault) == ({ONE, SIX}, 1100, None)


@pytest.mark.parametrize(("ttl_s", "due_s"), [(0, 1060), (90, 1090), (999_999, 4600)])
def test_a_ttl_is_bounded(ttl_s: float, due_s: float) -> None:
    assert HostName().taken([v4(ONE, ttl_s=ttl_s), v6()], 1000).due_s == due_s


def test_servers_that_take_turns_in_answers_all_stay_for_an_hour() -> None:
    first = HostName().taken([v4(ONE), v6()], 1000)
    second = first.taken([v4(TWO), v6()], 1300)
    assert set(second.seen) == {ONE, TWO}
    assert set(second.taken([v4(TWO), v6()], 1000 + GRACE_S).seen) == {TWO}


def test_an_address_that_nobody_answers_any_more_is_asked_about_when_its_hour_ends() -> None:
    first = HostName().taken([v4(ONE, ttl_s=3000), v6()], 1000)
    second = first.taken([v4(TWO, ttl_s=3600), v6()], 4000)
    assert (set(second.seen), second.due_s) == ({ONE, TWO}, 1000 + GRACE_S)
    assert set(second.taken([v4(TWO), v6()], second.due_s).seen) == {TWO}


def test_what_was_last_good_stays_when_nobody_answers_and_pauses_grow() -> None:
    known = HostName().taken([v4(ONE), v6()], 1000)
    due = []
    for _ in range(9):
        known = known.taken([MUTE4, MUTE6], 99_999)
        due.append(known.due_s - 99_999)
    assert (set(known.seen), known.fault) == ({ONE}, "silence")
    assert due == [5, 10, 20, 40, 80, 160, 300, 300, 300]
    assert known.taken([v4(ONE), v6()], 99_999).failed == 0


def test_one_family_that_is_not_answered_keeps_what_it_had() -> None:
    known = HostName().taken([v4(ONE), v6(SIX)], 1000).taken([v4(TWO), MUTE6], 1000 + 2 * GRACE_S)
    assert set(known.seen) == {TWO, SIX}


def test_a_question_that_was_lost_is_asked_again_soon_where_the_other_family_has_no_address() -> None:
    known = HostName().taken([MUTE4, v6()], 1000)
    assert (known.due_s, known.fault) == (1005, "silence")
    known = known.taken([v4(ONE), v6()], 1005)
    assert (set(known.seen), known.fault) == ({ONE}, None)


def test_a_name_without_an_address_keeps_the_last_and_says_so() -> None:
    known = HostName().taken([v4(ONE), v6()], 1000).taken([v4(), v6()], 1300)
    assert (set(known.seen), known.fault) == ({ONE}, "the name has no address")


def test_the_addresses_of_a_name_are_bounded() -> None:
    many = tuple(ip_address(0xC0000200 + number) for number in range(MOST_ADDRESSES + 9))
    assert len(HostName().taken([v4(*many), v6()], 1000).seen) == MOST_ADDRESSES


class World:
    """The clock, the durable values, and who answers."""

    boot_id = "boot"

    def __init__(self) -> None:
        self.now_s = 1000.0
        self.kept: dict[str, Any] = {}
        self.puts = 0
        self.answers: dict[Version, Answer] = {4: v4(ONE), 6: v6()}
        self.told: list[str] = []
        self.fault: Exception | None = None

    def boottime(self) -> float:
        return self.now_s

    def wall(self) -> float:
        return self.now_s

    def get(self, key: str, default: Any = None) -> Any:
        return self.kept.get(key, default)

    def put(self, key: str, value: Any) -> None:
        self.kept[key] = value
        self.puts += 1

    def ask(self, name: str, version: Version) -> Answer:
        return self.answers[version]

    def changed(self, reason: str) -> None:
        if self.fault is not None:
            raise self.fault
        self.told.append(reason)

    def names(self) -> HostNames:
        made = HostNames(self, self, self.changed, self.ask)
        made.want(["nas.example"])
        return made


def test_a_change_is_told_and_kept_and_no_change_is_neither() -> None:
    world = World()
    names = world.names()
    assert names.next_change_s() == 0
    names.refresh_if_due()
    assert (len(names.addresses(["nas.example"], "nas").ipv4), names.next_change_s()) == (1, 300)
    world.now_s += 300
    names.refresh_if_due()
    assert (world.told, world.puts) == (["nas.example has other addresses"], 1)
    world.answers = {4: MUTE4, 6: MUTE6}
    world.now_s += 9999
    again = world.names()
    again.refresh_if_due()
    held = again.addresses(["nas.example"], "nas")
    assert (held.ipv4, held.alias, held.lives) == (((int(ONE), int(ONE)),), "nas", True)
    assert again.fault(["nas.example"]) == "nas.example: silence"


def test_what_could_not_be_told_is_told_again() -> None:
    world = World()
    names = world.names()
    world.fault = KernelError("no")
    with pytest.raises(KernelError):
        names.refresh_if_due()
    assert names.next_change_s() == 0
    world.fault = None
    names.refresh_if_due()
    assert (len(world.told), names.next_change_s()) == (1, 300)


class Server:
    """A DNS server on the loopback: ``by_udp`` and ``by_tcp`` make a reply of a question."""

    def __init__(self, by_udp: Reply, by_tcp: Reply) -> None:
        self._by = by_udp, by_tcp
        self._udp, self._tcp = (socket.socket(type=kind) for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM))
        self._tcp.bind(("127.0.0.1", 0))
        self.port: int = self._tcp.getsockname()[1]
        self._udp.bind(("127.0.0.1", self.port))
        self._tcp.listen()
        self._threads = [threading.Thread(target=work) for work in (self._answer_udp, self._answer_tcp)]

    def __enter__(self) -> Server:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._udp.sendto(b"", ("127.0.0.1", self.port))
        socket.create_connection(("127.0.0.1", self.port)).close()
        for thread in self._threads:
            thread.join()
        self._udp.close()
        self._tcp.close()

    def _answer_udp(self) -> None:
        question, client = self._udp.recvfrom(512)
        while question:
            self._udp.sendto(self._by[0](dnslib.DNSRecord.parse(question)).pack(), client)
            question, client = self._udp.recvfrom(512)

    def _answer_tcp(self) -> None:
        connection, _ = self._tcp.accept()
        with connection:
            question = connection.recv(512)
            if question:
                reply = self._by[1](dnslib.DNSRecord.parse(question[2:])).pack()
                connection.sendall(len(reply).to_bytes(2, "big") + reply)
                self._tcp.accept()[0].close()


def replied(question: dnslib.DNSRecord, address: str = "192.0.2.1") -> dnslib.DNSRecord:
    reply = question.reply()
    reply.add_answer(dnslib.RR("nas.example", rdata=dnslib.A(address), ttl=77))
    return reply


def of_another(question: dnslib.DNSRecord) -> dnslib.DNSRecord:
    reply = replied(question)
    reply.header.id ^= 1
    return reply


def of_another_name(question: dnslib.DNSRecord) -> dnslib.DNSRecord:
    reply = replied(question)
    reply.questions = [dnslib.DNSQuestion("other.example")]
    return reply


def cut(question: dnslib.DNSRecord) -> dnslib.DNSRecord:
    reply = replied(question, "192.0.2.99")
    reply.header.tc = 1
    return reply


@pytest.mark.parametrize(
    ("by_udp", "found", "fault"),
    [
        (replied, (ONE,), None),
        (cut, (TWO,), None),
        (of_another, (), "the router's DNS server answers another question"),
        (of_another_name, (), "the router's DNS server answers another question"),
    ],
)
def test_a_reply_is_to_the_question_and_whole(
    by_udp: Reply, found: tuple[IpAddress, ...], fault: str | None
) -> None:
    with Server(by_udp, lambda question: replied(question, "192.0.2.2")) as server:
        answer = ask("nas.example", 4, port=server.port)
    assert (answer.addresses, answer.fault) == (found, fault)
    assert answer.ttl_s == (77 if found else MOST_S)


LINES = [
    '"192.0.2.0","192.0.2.127","DE"',
    "192.0.2.128/25,DE",
    "198.51.100.0/24,FR",
    "2001:db8::/32,AT",
    "# DE",
]


def test_a_country_is_its_lines_of_both_families() -> None:
    found = read_countries(LINES, ("DE", "AT"), "near")
    assert [str(one) for one in found.networks()] == ["192.0.2.0/24", "2001:db8::/32"]
    assert not read_countries(LINES, ("CH",), "near").versions
    with pytest.raises(InvalidRequest, match="line 6 is neither"):
        read_countries([*LINES, "16777216,16777471,DE"], ("DE",), "near")
