# SPDX-License-Identifier: GPL-2.0-or-later
"""Cookies come back to whoever sends one, and an answer that should have one and has not is not believed."""

from __future__ import annotations

import struct

import dnslib
import pytest

from patronus.network.dns.cookies import PLAIN_S, BadOptions, answered, cookie_in, cookie_option
from patronus.network.dns.health import TRY_TIMES_S
from patronus.network.dns.wire import Query, Rcode, error_reply, parse_query
from tests.unit.network.dns.upstreams import FIRST, Asker, Sent, any_answer

A_RECORD = "www.example 60 A 198.51.100.7"
THEIRS, SECRET = bytes(range(8)), bytes(16)


def option_of(data: bytes) -> bytes | None:
    """Return the cookie in a message, as another library reads it."""
    for record in dnslib.DNSRecord.parse(data).ar:
        for one in record.rdata if record.rtype == dnslib.QTYPE.OPT else ():
            if one.code == 10:
                return bytes(one.data)
    return None


def asked_with(cookie: bytes) -> Query:
    record = dnslib.DNSRecord.question("www.example")
    record.add_ar(dnslib.EDNS0(udp_len=1232, opts=[dnslib.EDNSOption(10, cookie)] if cookie else []))
    return parse_query(bytes(record.pack()))


class TestClients:
    def test_a_cookie_comes_back_with_ours_in_answers_and_errors(self) -> None:
        query = asked_with(THEIRS)
        assert query.cookie == THEIRS and query.key == asked_with(b"").key
        query = query._replace(cookie=answered(query.cookie, SECRET, "192.168.1.50", 1000))
        for reply in (any_answer().reply(query, 0.0, 1232), error_reply(query, Rcode.SERVFAIL)):
            cookie = option_of(reply)
            assert cookie is not None and cookie[:8] == THEIRS and len(cookie) == 24

    def test_who_sends_none_gets_none(self) -> None:
        assert asked_with(b"").cookie == b""
        assert option_of(any_answer().reply(asked_with(b""), 0.0, 1232)) is None

    def test_ours_is_of_the_client_its_address_the_time_and_the_secret(self) -> None:
        base = (THEIRS, SECRET, "192.168.1.50", 1000)
        assert answered(*base) == answered(*base)
        others = [(THEIRS[::-1], *base[1:]), (THEIRS, b"x" * 16, *base[2:]), (*base[:2], "::1", 1000)]
        assert len({answered(*one)[-8:] for one in (base, *others, (*base[:3], 1001))}) == 5

    @pytest.mark.parametrize("length", [1, 7, 9, 15, 41])
    def test_one_of_another_length_is_a_mistake_of_the_client(self, length: int) -> None:
        """RFC 7873 section 5.2.2."""
        assert asked_with(bytes(length)).rcode == Rcode.FORMERR
        assert [asked_with(bytes(right)).rcode for right in (8, 16, 40)] == [Rcode.NOERROR] * 3

    @pytest.mark.parametrize("data", [b"\0", b"\0\x0a\0\x09" + bytes(8), b"\0\5\0\1"])
    def test_options_that_run_over_their_end_are_refused(self, data: bytes) -> None:
        with pytest.raises(BadOptions):
            cookie_in(data, 0, len(data))
        other = struct.pack("!HH", 12, 3) + bytes(3)
        assert cookie_in(other + cookie_option(THEIRS), 0, len(other) + 12) == THEIRS


def reply(sent: Sent, cookie: bytes, zone: str = A_RECORD) -> None:
    """Answer with a cookie."""
    opt = dnslib.EDNS0(udp_len=1232, opts=[dnslib.EDNSOption(10, cookie)])
    sent.reply(zone, extra=[opt])


class TestServers:
    def knowing(self) -> tuple[Asker, bytes]:
        """Return one whose first server has given it a cookie, and what it is sent since."""
        asker = Asker()
        asker.ask("first.example")
        mine = option_of(asker.world.sent[0].data)
        assert mine is not None and len(mine) == 8
        reply(asker.world.sent[0], mine + b"s" * 16, zone="first.example 60 A 198.51.100.1")
        assert asker.answers == ["A 198.51.100.1"]
        asker.world.sent.clear()
        asker.ask("www.example")
        assert option_of(asker.world.sent[0].data) == mine + b"s" * 16
        return asker, mine

    def test_what_a_server_gave_it_is_sent_from_then_on(self) -> None:
        asker, mine = self.knowing()
        reply(asker.world.sent[0], mine + b"t" * 16)
        assert asker.answers == ["A 198.51.100.7"]
        asker.ask("more.example")
        assert option_of(asker.world.sent[1].data) == mine + b"t" * 16

    def test_an_answer_with_another_cookie_is_passed_over(self) -> None:
        asker, mine = self.knowing()
        before = len(asker.replies)
        reply(asker.world.sent[0], bytes(8) + b"s" * 16)
        assert len(asker.replies) == before
        assert asker.resolver.counters["upstream mismatches"] == 1
        reply(asker.world.sent[0], mine)
        assert asker.answers == ["A 198.51.100.7"]

    @pytest.mark.parametrize("bad", [False, True])
    def test_one_without_a_cookie_or_that_calls_ours_bad_is_asked_again_over_tcp(self, *, bad: bool) -> None:
        asker, mine = self.knowing()
        before = len(asker.replies)
        if bad:
            opt = dnslib.EDNS0(ext_rcode=1, opts=[dnslib.EDNSOption(10, mine + b"t" * 16)])
            asker.world.sent[0].reply(extra=[opt], rcode="YXRRSET")  # 1 << 4 | 7: BADCOOKIE
        else:
            asker.world.sent[0].reply(A_RECORD)
        assert len(asker.replies) == before
        assert asker.world.sent[1].server.protocol == "tcp" and option_of(asker.world.sent[1].data) is None
        asker.world.sent[1].reply(A_RECORD)
        assert asker.answers == ["A 198.51.100.7"]
        asker.ask("more.example")
        assert option_of(asker.world.sent[2].data) == (mine + b"t" * 16 if bad else None)

    def test_one_that_never_showed_a_cookie_is_believed_without(self) -> None:
        asker = Asker()
        asker.ask("www.example")
        asker.world.sent[0].reply(A_RECORD)
        assert asker.answers == ["A 198.51.100.7"]

    @pytest.mark.parametrize("silent", [False, True])
    def test_one_that_does_not_take_cookies_is_asked_without_for_an_hour(self, *, silent: bool) -> None:
        asker = Asker()
        asker.ask("www.example")
        if silent:
            asker.world.pass_time(TRY_TIMES_S[0])
            asker.world.sent[1].reply(A_RECORD)
            asker.ask("more.example")
            asker.world.sent[2].reply("more.example 60 A 198.51.100.8")
        else:
            asker.world.sent[0].reply(rcode="FORMERR")
            assert [one.server for one in asker.world.sent] == [FIRST, FIRST]
            asker.world.sent[1].reply(A_RECORD)
        plain = [one for one in asker.world.sent[1:] if one.server == FIRST]
        assert [option_of(one.data) for one in plain] == [None]
        asker.world.pass_time(PLAIN_S)
        asker.ask("later.example")
        assert option_of(asker.world.sent[-1].data) is not None
