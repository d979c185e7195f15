# SPDX-License-Identifier: GPL-2.0-or-later
"""From question to answer: what is asked of whom, what is believed, kept, served late, never given out."""

from __future__ import annotations

import dataclasses

import dnslib
import pytest

from patronus.network.dns.blocklist import Names
from patronus.network.dns.config import LeaseName, LocalRecord, Policy, ServerConfig, UpstreamServer
from patronus.network.dns.health import BAD_TIME_S, FAILURES, MOST_S, TRY_TIMES_S, Health, Upstreams
from patronus.network.dns.names import wire_name
from patronus.network.dns.resolver import UNDER_WAY
from patronus.network.dns.wire import parse_query
from tests.unit.network.dns.upstreams import FIRST, SECOND, Asker

A_RECORD = "www.example 60 A 198.51.100.7"
SOA = "example 900 SOA ns.example h.example 1 3600 600 86400 120"


def test_an_answer_is_forwarded_then_cached_with_its_ttl_counted_down() -> None:
    asker = Asker()
    asker.ask("www.example")
    asker.world.sent[0].reply(A_RECORD)
    assert asker.answers == ["A 198.51.100.7"]
    assert asker.reply.rr[0].ttl == 60
    asker.world.pass_time(25.0)
    asker.ask("WWW.example")
    assert len(asker.world.sent) == 1
    assert asker.reply.rr[0].ttl == 35
    assert bytes(asker.replies[-1][12:25]) == b"\3WWW\7example\0"
    asker.world.pass_time(36.0)
    asker.ask("www.example")
    assert len(asker.world.sent) == 2


def test_those_who_ask_the_same_meanwhile_share_the_answer() -> None:
    asker = Asker()
    for _ in range(3):
        asker.ask("www.example")
    assert len(asker.world.sent) == 1
    asker.world.sent[0].reply(A_RECORD)
    assert len(asker.replies) == 3
    assert len({reply[:2] for reply in asker.replies}) == 3


def test_id_and_case_are_drawn_for_each_question() -> None:
    asker = Asker()
    for number in range(20):
        asker.ask(f"abcdefghijklmnop{number}.example")
    assert len({sent.data[:2] for sent in asker.world.sent}) > 15
    assert len({sent.data[12:29] for sent in asker.world.sent}) > 15


class TestWhatIsBelieved:
    def forged(self, change: str) -> int:
        """Return how many clients were answered after a forged reply."""
        asker = Asker()
        asker.ask("www.example")
        sent = asker.world.sent[0]
        record = dnslib.DNSRecord.parse(sent.data).reply()
        record.add_answer(*dnslib.RR.fromZone(A_RECORD))
        data = bytearray(record.pack())
        data[12:25] = sent.data[12:25]
        if change == "id":
            data[0] ^= 1
        elif change == "name":
            data[13] = ord("v")
        elif change == "type":
            data[26] = 28
        elif change == "not a response":
            data[2] &= 0x7F
        elif change == "cut":
            del data[-1]
        sent.on_data(bytes(data))
        return len(asker.replies)

    def test_the_true_one_is(self) -> None:
        assert self.forged("nothing") == 1

    @pytest.mark.parametrize("change", ["id", "name", "type", "not a response", "cut"])
    def test_any_difference_is_not(self, change: str) -> None:
        assert self.forged(change) == 0

    def test_another_case_is_asked_again_over_tcp(self) -> None:
        asker = Asker()
        asker.ask("www.example")
        sent = asker.world.sent[0]
        record = dnslib.DNSRecord.parse(sent.data).reply()
        record.add_answer(*dnslib.RR.fromZone(A_RECORD))
        data = bytearray(record.pack())
        data[12:25] = sent.data[12:25].swapcase()
        sent.on_data(bytes(data))
        assert asker.replies == []
        assert asker.world.sent[1].server.protocol == "tcp"
        asker.world.sent[1].reply(A_RECORD)
        assert asker.answers == ["A 198.51.100.7"]


def test_a_truncated_answer_is_asked_again_over_tcp() -> None:
    asker = Asker()
    asker.ask("www.example")
    asker.world.sent[0].reply(tc=1)
    assert (asker.world.sent[1].server.address, asker.world.sent[1].server.protocol) == (FIRST.address, "tcp")
    asker.world.sent[1].reply(A_RECORD)
    assert asker.answers == ["A 198.51.100.7"]


def test_one_that_truncates_over_a_stream_too_is_followed_by_the_next() -> None:
    over_tls = UpstreamServer("first", FIRST.address, 853, protocol="tls", name="dns.example")
    asker = Asker(ServerConfig(upstreams=(over_tls, SECOND)))
    asker.ask("www.example")
    asker.world.sent[0].reply(tc=1)
    assert [sent.server for sent in asker.world.sent] == [over_tls, SECOND]
    asker.world.sent[1].reply(A_RECORD)
    assert asker.answers == ["A 198.51.100.7"]


def test_over_tls_every_question_has_the_length_of_whole_blocks() -> None:
    """RFC 8467: who listens does not learn the name from the length."""
    asker = Asker(ServerConfig(upstreams=(UpstreamServer("first", FIRST.address, 853, protocol="tls"),)))
    for name in ("a.example", "a-longer-one.example", "x" * 60 + "." + "y" * 60 + ".example"):
        asker.ask(name)
    assert [len(sent.data) for sent in asker.world.sent] == [128, 128, 256]
    assert all(dnslib.DNSRecord.parse(sent.data).ar[0].rtype == 41 for sent in asker.world.sent)


class TestOtherServers:
    def test_a_late_failure_of_one_that_was_followed_already_asks_nobody_more(self) -> None:
        asker = Asker()
        asker.ask("www.example")
        asker.world.pass_time(TRY_TIMES_S[0])
        asker.world.sent[0].on_failure("closed the connection")
        assert len(asker.world.sent) == 2
        assert asker.resolver.sources.everyones.health(FIRST).problem == "closed the connection"
        asker.world.sent[1].on_failure("closed the connection")
        assert len(asker.world.sent) == 3

    @pytest.mark.parametrize("tc", [0, 1])
    def test_a_late_refusal_of_an_earlier_try_ends_no_later_one(self, tc: int) -> None:
        over_tcp = UpstreamServer("first", FIRST.address, protocol="tcp")
        asker = Asker(ServerConfig(upstreams=(over_tcp, SECOND)))
        asker.ask("www.example")
        asker.world.pass_time(TRY_TIMES_S[0])
        asker.world.sent[0].reply(rcode="SERVFAIL", tc=tc)
        assert (asker.replies, len(asker.world.sent)) == ([], 2)
        asker.world.sent[1].reply(A_RECORD)
        assert asker.answers == ["A 198.51.100.7"]

    def test_nor_does_what_becomes_of_it_over_tcp(self) -> None:
        asker = Asker()
        asker.ask("www.example")
        asker.world.pass_time(TRY_TIMES_S[0])
        asker.world.sent[0].reply(tc=1)
        asker.world.sent[2].on_failure("closed the connection")
        assert (asker.replies, len(asker.world.sent)) == ([], 3)
        asker.world.sent[1].reply(A_RECORD)
        assert asker.answers == ["A 198.51.100.7"]

    def test_one_that_refuses_again_and_again_is_asked_last_and_says_why(self) -> None:
        asker = Asker()
        for number in range(3):
            asker.ask(f"x{number}.example")
            asker.world.sent[-1].reply(rcode="REFUSED")
            asker.world.sent[-1].reply(A_RECORD)
        asker.ask("y.example")
        assert asker.world.sent[-1].server == SECOND
        assert asker.resolver.sources.everyones.health(FIRST).problem == "answers REFUSED"

    def test_names_that_nobody_can_resolve_are_no_fault_of_the_server(self) -> None:
        """Else a client that asks for broken names would choose whom all others ask."""
        asker = Asker()
        for number in range(3):
            asker.ask(f"x{number}.example")
            asker.world.sent[-1].reply(rcode="SERVFAIL")
            asker.world.sent[-1].reply(rcode="SERVFAIL")
        asker.ask("y.example")
        assert asker.world.sent[-1].server == FIRST
        assert asker.resolver.sources.everyones.health(FIRST).problem == "answers SERVFAIL"

    def test_one_that_is_silent_is_followed_by_the_next(self) -> None:
        asker = Asker()
        asker.ask("www.example")
        asker.world.pass_time(TRY_TIMES_S[0])
        assert [sent.server for sent in asker.world.sent] == [FIRST, SECOND]
        asker.world.sent[1].reply(A_RECORD)
        assert asker.answers == ["A 198.51.100.7"]

    def test_a_late_answer_counts(self) -> None:
        asker = Asker()
        asker.ask("www.example")
        asker.world.pass_time(TRY_TIMES_S[0])
        asker.world.sent[0].reply(A_RECORD)
        assert asker.answers == ["A 198.51.100.7"]
        assert all(sent.closed for sent in asker.world.sent)

    @pytest.mark.parametrize("rcode", ["SERVFAIL", "REFUSED"])
    def test_one_that_will_not_is_followed_at_once(self, rcode: str) -> None:
        asker = Asker()
        asker.ask("www.example")
        asker.world.sent[0].reply(rcode=rcode)
        asker.world.sent[1].reply(A_RECORD)
        assert asker.answers == ["A 198.51.100.7"]

    def test_where_all_are_silent_the_client_is_told(self) -> None:
        asker = Asker()
        asker.ask("www.example")
        asker.world.pass_time(sum(TRY_TIMES_S))
        assert asker.status == "SERVFAIL"

    def test_one_that_fails_again_and_again_is_asked_last_until_it_answers(self) -> None:
        asker = Asker()
        for number in range(3):
            asker.ask(f"x{number}.example")
            asker.world.pass_time(TRY_TIMES_S[0])
            asker.world.sent[-1].reply(A_RECORD)
        asker.ask("y.example")
        assert asker.world.sent[-1].server == SECOND
        asker.world.sent[-1].reply(A_RECORD)
        asker.world.pass_time(31.0)
        asker.ask("z.example")
        assert asker.world.sent[-1].server == FIRST

    def test_without_a_network_the_client_is_told_at_once(self) -> None:
        asker = Asker()
        asker.world.refusing = True
        asker.ask("www.example")
        assert asker.status == "SERVFAIL"


class TestFastest:
    """Where the file says so, whoever takes least time is asked first."""

    BOTH = ServerConfig(upstreams=(FIRST, SECOND), fastest_first=True)

    def asked(self, asker: Asker, count: int, **takes_s: float) -> list[str]:
        """Return who was asked first for each of so many names, by servers that take so long."""
        first = []
        for number in range(count):
            asker.ask(f"x{len(asker.world.sent)}-{number}.example")
            sent = asker.world.sent[-1]
            asker.world.pass_time(takes_s[sent.server.id])
            sent.reply(A_RECORD)
            first.append(sent.server.id)
        return first

    def test_each_is_tried_and_then_the_faster_one_is_asked(self) -> None:
        asker = Asker(self.BOTH)
        assert self.asked(asker, 12, first=0.5, second=0.02) == ["first"] + 11 * ["second"]

    def test_the_slower_one_is_looked_at_again_and_wins_once_it_is_faster(self) -> None:
        asker = Asker(self.BOTH)
        self.asked(asker, 2, first=0.1, second=0.02)
        found = self.asked(asker, 400, first=0.005, second=0.02)
        assert found[0] == "second" and found[-1] == "first"
        assert found.count("first") > 200

    def test_one_that_does_not_answer_is_not_the_fastest(self) -> None:
        asker = Asker(self.BOTH)
        asker.ask("www.example")
        asker.world.pass_time(TRY_TIMES_S[0])
        assert [sent.server for sent in asker.world.sent] == [FIRST, SECOND]
        asker.world.sent[1].reply(A_RECORD)
        assert self.asked(asker, 3, first=0.01, second=0.01) == 3 * ["second"]

    def test_one_that_fails_again_and_again_is_asked_last_though_it_was_faster(self) -> None:
        upstreams = Upstreams((FIRST, SECOND), fastest_first=True)
        upstreams.health(SECOND).worked(3.0)
        upstreams.health(FIRST).worked(0.01)
        for _ in range(FAILURES):
            upstreams.health(FIRST).failed(0.0, "refuses")
        assert upstreams.order(BAD_TIME_S / 2) == [SECOND, FIRST]
        assert upstreams.order(BAD_TIME_S + 1) == [FIRST, SECOND]

    def test_an_hour_without_a_network_takes_no_longer_to_forget_than_a_minute(self) -> None:
        health = Health()
        for _ in range(5000):
            health.failed(0.0, "does not answer in time")
        assert health.takes_s == MOST_S
        for _ in range(50):
            health.worked(0.02)
        assert health.takes_s < 0.05

    def test_without_it_the_order_of_the_file_stays(self) -> None:
        asker = Asker(ServerConfig(upstreams=(FIRST, SECOND)))
        assert self.asked(asker, 12, first=0.5, second=0.02) == 12 * ["first"]


class TestNegative:
    def test_what_does_not_exist_is_kept_as_long_as_the_soa_says(self) -> None:
        asker = Asker()
        asker.ask("nix.example")
        asker.world.sent[0].reply(rcode="NXDOMAIN", auth=SOA)
        asker.world.pass_time(107.0)
        asker.ask("nix.example")
        assert asker.status == "NXDOMAIN"
        assert len(asker.world.sent) == 1
        asker.world.pass_time(14.0)
        asker.ask("nix.example")
        assert len(asker.world.sent) == 2

    def test_without_a_soa_it_is_not_kept(self) -> None:
        asker = Asker()
        for count in (1, 2):
            asker.ask("nix.example")
            asker.world.sent[-1].reply(rcode="NXDOMAIN")
            assert len(asker.world.sent) == count


class TestStale:
    def begun(self) -> Asker:
        asker = Asker()
        asker.ask("www.example")
        asker.world.sent[0].reply(A_RECORD)
        asker.world.pass_time(100.0)
        asker.ask("www.example")
        return asker

    def test_a_client_that_waits_long_gets_the_old_answer(self) -> None:
        asker = self.begun()
        assert len(asker.replies) == 1
        asker.world.pass_time(1.8)
        assert asker.answers == ["A 198.51.100.7"]
        assert asker.reply.rr[0].ttl == 30

    def test_an_answer_in_time_is_the_new_one(self) -> None:
        asker = self.begun()
        asker.world.sent[-1].reply("www.example 60 A 198.51.100.8")
        assert asker.answers == ["A 198.51.100.8"]
        asker.world.pass_time(10.0)
        assert len(asker.replies) == 2

    def test_while_upstream_stays_away_it_is_served_at_once(self) -> None:
        asker = self.begun()
        asker.world.pass_time(sum(TRY_TIMES_S))
        count = len(asker.world.sent)
        asker.ask("www.example")
        assert asker.answers == ["A 198.51.100.7"]
        assert len(asker.world.sent) == count

    def test_who_asks_while_nobody_has_answered_for_long_waits_no_more(self) -> None:
        """Also where the question went out ahead of time, for nobody."""
        asker = Asker()
        asker.ask("www.example")
        asker.world.sent[0].reply(A_RECORD)
        asker.world.pass_time(59.0)
        asker.ask("www.example")
        asker.world.pass_time(2.0)
        count = len(asker.replies)
        asker.ask("www.example")
        assert (len(asker.replies), asker.answers) == (count + 1, ["A 198.51.100.7"])

    def test_an_answer_in_time_leaves_the_new_one_as_it_is(self) -> None:
        """It is asked for again at its end, though a stale one would have been given by now."""
        asker = self.begun()
        asker.world.sent[-1].reply("www.example 1 A 198.51.100.8")
        asker.world.pass_time(5.0)
        count = len(asker.world.sent)
        asker.ask("www.example")
        assert len(asker.world.sent) == count + 1

    def test_it_is_served_also_where_too_many_are_asked_for(self) -> None:
        asker = Asker()
        asker.ask("www.example")
        asker.world.sent[0].reply(A_RECORD)
        asker.world.pass_time(100.0)
        for number in range(UNDER_WAY):
            asker.ask(f"h{number}.example")
        asker.ask("www.example")
        assert asker.answers == ["A 198.51.100.7"]
        asker.ask("nobody-knows.example")
        assert asker.status == "SERVFAIL"

    def test_an_answer_that_is_too_old_is_not_served(self) -> None:
        asker = self.begun()
        asker.world.pass_time(sum(TRY_TIMES_S))
        asker.world.pass_time(3700.0)
        asker.ask("www.example")
        asker.world.pass_time(sum(TRY_TIMES_S))
        assert asker.status == "SERVFAIL"


class TestPrefetch:
    """What is in demand is there when its time is over."""

    def known(self, ttl_s: int = 60) -> Asker:
        asker = Asker()
        asker.ask("www.example")
        asker.world.sent[0].reply(f"www.example {ttl_s} A 198.51.100.7")
        return asker

    def test_an_answer_that_is_nearly_over_is_asked_for_anew_and_nobody_waits(self) -> None:
        asker = self.known()
        asker.world.pass_time(55.0)
        asker.ask("www.example")
        assert (asker.answers, len(asker.replies), len(asker.world.sent)) == (["A 198.51.100.7"], 2, 2)
        asker.ask("www.example")
        assert len(asker.world.sent) == 2
        asker.world.sent[1].reply("www.example 60 A 198.51.100.8")
        assert len(asker.replies) == 3
        asker.world.pass_time(10.0)
        asker.ask("www.example")
        assert (asker.answers, len(asker.world.sent)) == (["A 198.51.100.8"], 2)

    @pytest.mark.parametrize(("ttl_s", "passed_s"), [(60, 53.0), (9, 8.5)])
    def test_one_that_is_not_or_lives_for_seconds_is_not(self, ttl_s: int, passed_s: float) -> None:
        asker = self.known(ttl_s)
        asker.world.pass_time(passed_s)
        asker.ask("www.example")
        assert len(asker.world.sent) == 1

    def test_one_that_nobody_asks_for_is_not(self) -> None:
        asker = self.known()
        asker.world.pass_time(59.0)
        assert len(asker.world.sent) == 1

    def test_where_upstream_does_not_answer_it_is_left_alone_for_a_while(self) -> None:
        asker = self.known(600)
        asker.world.pass_time(545.0)
        asker.ask("www.example")
        asker.world.pass_time(sum(TRY_TIMES_S))
        count = len(asker.world.sent)
        asker.ask("www.example")
        assert (asker.answers, len(asker.world.sent)) == (["A 198.51.100.7"], count)
        asker.world.pass_time(31.0)
        asker.ask("www.example")
        assert len(asker.world.sent) == count + 1


class TestRebinding:
    @pytest.mark.parametrize(
        "record",
        [
            "A 192.168.1.1", "A 127.0.0.1", "A 10.1.2.3", "A 169.254.169.254", "A 100.64.0.1", "A 198.18.0.1",
            "AAAA fd00::1", "AAAA ::1", "AAAA ::ffff:c0a8:101",
        ],
    )  # fmt: skip
    def test_an_outside_name_never_gives_an_inside_address(self, record: str) -> None:
        asker = Asker()
        asker.ask("evil.example", record.split()[0])
        asker.world.sent[0].reply(f"evil.example 60 {record}")
        assert asker.status == "SERVFAIL"
        assert asker.resolver.counters["rebinding refused"] == 1

    @pytest.mark.parametrize(
        ("hints", "status"),
        [
            ("0004 0004 c0a80101", "SERVFAIL"),
            ("0001 0003 026832 0004 0008 c6336407 c0a80101", "SERVFAIL"),
            ("0006 0010 fd000000000000000000000000000001", "SERVFAIL"),
            ("0004 0004 c6336407 0006 0010 20010db8000000000000000000000007", "NOERROR"),
            ("0001 0003 026832", "NOERROR"),
            ("0004 0003 c63364", "SERVFAIL"),
            ("0004 0009 c6336407", "SERVFAIL"),
            ("0004", "SERVFAIL"),
        ],
    )
    @pytest.mark.parametrize("qtype", ["HTTPS", "TYPE64"])
    def test_nor_in_the_hints_of_a_service(self, hints: str, status: str, qtype: str) -> None:
        """RFC 9460: a browser may connect to what the hint names."""
        asker = Asker()
        asker.ask("evil.example", qtype)
        rdata = bytes.fromhex("0001" + "00" + hints)
        rtype = 65 if qtype == "HTTPS" else 64
        record = dnslib.RR("evil.example", rtype, ttl=60, rdata=dnslib.RD(rdata))
        asker.world.sent[0].reply(records=[record])
        assert asker.status == status

    def test_nor_in_what_comes_with_the_answer(self) -> None:
        asker = Asker()
        asker.ask("evil.example", "MX")
        extra = dnslib.RR.fromZone("mail.evil.example 60 A 192.168.1.1")
        asker.world.sent[0].reply("evil.example 60 MX 10 mail.evil.example", extra=extra)
        assert asker.status == "SERVFAIL"

    def test_a_domain_that_may_does(self) -> None:
        config = ServerConfig(upstreams=(FIRST,), private_domains=("corp.example",))
        asker = Asker(config)
        asker.ask("host.corp.example")
        asker.world.sent[0].reply("host.corp.example 60 A 10.1.2.3")
        assert asker.answers == ["A 10.1.2.3"]

    def test_it_can_be_turned_off(self) -> None:
        asker = Asker(ServerConfig(upstreams=(FIRST,), rebind_protection=False))
        asker.ask("evil.example")
        asker.world.sent[0].reply("evil.example 60 A 192.168.1.1")
        assert asker.answers == ["A 192.168.1.1"]


class TestBlocked:
    def test_a_listed_name_and_those_below_do_not_exist(self) -> None:
        asker = Asker(blocked={wire_name("ads.example")})
        for name in ("ads.example", "x.ADS.example"):
            asker.ask(name)
            assert asker.status == "NXDOMAIN"
        assert asker.world.sent == []

    def test_others_do(self) -> None:
        asker = Asker(blocked={wire_name("ads.example")})
        asker.ask("notads.example")
        assert len(asker.world.sent) == 1

    def test_a_name_that_is_blocked_later_leaves_the_cache(self) -> None:
        asker = Asker()
        asker.ask("www.example")
        asker.world.sent[0].reply(A_RECORD)
        asker.resolver.block({"everyones": Names([wire_name("example")])})
        asker.ask("www.example")
        assert asker.status == "NXDOMAIN"

    def test_our_own_records_stand_above_the_list(self) -> None:
        record = LocalRecord("ads.example", 1, 300, "c0a80105")
        asker = Asker(ServerConfig(records=(record,)), {wire_name("example")})
        asker.ask("ads.example")
        assert asker.answers == ["A 192.168.1.5"]


class TestAfterAChange:
    """What is in the cache, or on its way there, is given only where it would be asked for now."""

    def known(self, config: ServerConfig | None = None, address: str = "198.51.100.7") -> Asker:
        asker = Asker(config)
        asker.ask("host.home.example")
        asker.world.sent[0].reply(f"host.home.example 60 A {address}")
        assert asker.answers == [f"A {address}"]
        return asker

    def test_an_answer_that_comes_after_its_name_was_blocked_is_not_kept(self) -> None:
        asker = Asker()
        asker.ask("www.example")
        asker.resolver.block({"everyones": Names([wire_name("example")])})
        asker.world.sent[0].reply(A_RECORD)
        asker.ask("www.example")
        assert (asker.status, len(asker.resolver.cache)) == ("NXDOMAIN", 0)

    def test_one_that_comes_after_a_change_that_does_not_concern_it_is_kept(self) -> None:
        asker = Asker()
        asker.ask("www.example")
        asker.resolver.know_leases([LeaseName("lan", "c", "192.168.1.50", "host")])
        asker.world.sent[0].reply(A_RECORD)
        asker.world.refusing = True
        asker.ask("www.example")
        assert asker.answers == ["A 198.51.100.7"]

    def test_nor_is_one_that_was_asked_for_before_a_flush(self) -> None:
        asker = Asker()
        asker.ask("www.example")
        asker.resolver.flush()
        asker.world.sent[0].reply(A_RECORD)
        assert (asker.answers, len(asker.resolver.cache)) == (["A 198.51.100.7"], 0)

    def test_a_record_takes_the_place_of_what_others_said(self) -> None:
        asker = self.known()
        record = LocalRecord("host.home.example", 1, 300, "c0a80105")
        asker.resolver.configure(ServerConfig(records=(record,)))
        asker.ask("host.home.example")
        assert asker.answers == ["A 192.168.1.5"]

    def test_so_does_a_lease(self) -> None:
        config = ServerConfig(domain="lan.example", upstreams=(FIRST,))
        asker = self.known(config)
        asker.resolver.configure(dataclasses.replace(config, domain="home.example"))
        asker.resolver.know_leases([LeaseName("lan", "c", "192.168.1.50", "host")])
        asker.ask("host.home.example")
        assert asker.answers == ["A 192.168.1.50"]

    def test_what_no_change_concerns_stays(self) -> None:
        asker = self.known()
        lists = ("everyones",)
        asker.resolver.configure(ServerConfig(domain="other.example", upstreams=(SECOND,), lists=lists))
        asker.resolver.block({"everyones": Names([wire_name("ads.example")])})
        for _ in range(2):
            asker.ask("host.home.example")
            assert asker.answers == ["A 198.51.100.7"]
        assert len(asker.world.sent) == 1

    @pytest.mark.parametrize(
        "before",
        [
            ServerConfig(upstreams=(FIRST,), rebind_protection=False),
            ServerConfig(upstreams=(FIRST,), private_domains=("home.example",)),
        ],
    )
    @pytest.mark.parametrize("passed_s", [1.0, 100.0])
    def test_an_inside_address_that_may_no_longer_be_given_is_not(
        self, before: ServerConfig, passed_s: float
    ) -> None:
        """Neither while it lives nor, where nobody answers, past its end."""
        asker = self.known(before, "10.1.2.3")
        asker.resolver.configure(ServerConfig(upstreams=(FIRST,)))
        asker.world.pass_time(passed_s)
        asker.ask("host.home.example")
        asker.world.pass_time(sum(TRY_TIMES_S))
        assert asker.status == "SERVFAIL"

    def test_one_that_may_still_is(self) -> None:
        before = ServerConfig(upstreams=(FIRST,), rebind_protection=False)
        asker = self.known(before, "10.1.2.3")
        asker.resolver.configure(ServerConfig(upstreams=(FIRST,), private_domains=("home.example",)))
        asker.ask("host.home.example")
        assert asker.answers == ["A 10.1.2.3"]


class TestPolicies:
    """What some clients are told in place of what all others are."""

    KIDS = Policy("kids", lists=("everyones", "games"))
    STAFF = Policy("staff", records=(LocalRecord("nas.home.arpa", 1, 300, "0a000005"),))
    CONFIG = ServerConfig(
        upstreams=(FIRST,),
        records=(
            LocalRecord("nas.home.arpa", 1, 300, "c0a80105"),
            LocalRecord("nas.home.arpa", 28, 300, "fd" + "00" * 15),
            LocalRecord("printer.home.arpa", 1, 300, "c0a80106"),
        ),
        lists=("everyones",),
        policies=(KIDS, STAFF),
    )

    def asker(self) -> Asker:
        asker = Asker(self.CONFIG)
        lists = {"everyones": Names([wire_name("ads.example")]), "games": Names([wire_name("play.example")])}
        asker.resolver.block(lists)
        return asker

    @pytest.mark.parametrize(
        ("name", "blocked_for"), [("ads.example", {0, 1}), ("play.example", {1}), ("www.example", set())]
    )
    def test_a_list_holds_for_those_whose_it_is(self, name: str, blocked_for: set[int]) -> None:
        asker = self.asker()
        for view in range(3):
            count = len(asker.world.sent)
            asker.ask(name, view=view)
            assert (len(asker.world.sent) == count) is (view in blocked_for)
            query = parse_query(bytes(dnslib.DNSRecord.question(name).pack()))._replace(view=view)
            assert asker.resolver.blocks(query) is (view in blocked_for)

    @pytest.mark.parametrize(
        ("name", "blocked_for"),
        [
            ("cdn.ads.example", set()),
            ("bad.cdn.ads.example", {0, 1}),
            ("ads.example", {0, 1, 2}),
            ("www.tracker.example", {0, 2}),
            ("tube.example", {1, 2}),
            ("school.example", {0}),
            ("www.example", {2}),
        ],
    )
    def test_what_people_decided_stands_before_the_lists(self, name: str, blocked_for: set[int]) -> None:
        """The policy's own before everybody's, in each the longest name; or nothing but what is allowed."""
        kids = Policy("kids", lists=("all",), block=("tube.example",), allow=("tracker.example",))
        tablets = Policy("tablets", allow=("school.example", "cdn.ads.example"), only_allowed=True)
        decided = ServerConfig(
            upstreams=(FIRST,),
            lists=("all",),
            block=("tracker.example", "bad.cdn.ads.example", "school.example"),
            allow=("cdn.ads.example", "tube.example"),
            policies=(dataclasses.replace(kids, allow=("tracker.example", "school.example")), tablets),
        )
        asker = Asker(decided)
        asker.resolver.block({"all": Names([wire_name("ads.example")])})
        for view in range(3):
            asker.ask(name, view=view)
            assert (asker.world.sent == []) is (view in blocked_for), view
            asker.world.sent.clear()

    def test_what_is_cached_is_not_given_once_it_is_blocked_and_is_again_when_allowed(self) -> None:
        asker = Asker(ServerConfig(upstreams=(FIRST,)))
        asker.ask("www.example")
        asker.world.sent[0].reply(A_RECORD)
        asker.resolver.configure(ServerConfig(upstreams=(FIRST,), block=("example",)))
        asker.ask("www.example")
        assert asker.status == "NXDOMAIN"
        asker.resolver.configure(ServerConfig(upstreams=(FIRST,)))
        asker.ask("www.example")
        asker.world.sent[-1].reply(A_RECORD)
        assert asker.answers == ["A 198.51.100.7"]

    def test_what_one_may_know_is_not_cached_for_another(self) -> None:
        asker = self.asker()
        asker.ask("play.example")
        asker.world.sent[0].reply("play.example 60 A 198.51.100.7")
        asker.ask("play.example", view=1)
        assert asker.status == "NXDOMAIN"
        asker.ask("play.example")
        assert asker.answers == ["A 198.51.100.7"]

    def test_records_stand_in_place_of_all_others_of_their_name(self) -> None:
        asker = self.asker()
        for view, address in ((0, "192.168.1.5"), (1, "192.168.1.5"), (2, "10.0.0.5")):
            asker.ask("nas.home.arpa", view=view)
            assert asker.answers == [f"A {address}"]
            asker.ask("printer.home.arpa", view=view)
            assert asker.answers == ["A 192.168.1.6"]
        asker.ask("nas.home.arpa", "AAAA", view=2)
        assert (asker.status, asker.answers) == ("NOERROR", [])

    def test_a_policy_that_goes_while_its_client_waits_harms_nobody(self) -> None:
        asker = self.asker()
        asker.ask("www.example", view=2)
        asker.resolver.configure(dataclasses.replace(self.CONFIG, policies=()))
        asker.world.sent[0].reply(A_RECORD)
        assert asker.answers == ["A 198.51.100.7"]
        query = parse_query(bytes(dnslib.DNSRecord.question("ads.example").pack()))._replace(view=2)
        assert not asker.resolver.blocks(query)


class TestLimits:
    def test_a_version_of_edns_that_nobody_knows_is_refused_whatever_is_cached(self) -> None:
        """RFC 6891 section 6.1.3."""
        for name in ("localhost", "www.example"):
            asker = Asker()
            asker.ask(name)
            for sent in asker.world.sent:
                sent.reply(A_RECORD)
            record = dnslib.DNSRecord.question(name)
            record.add_ar(dnslib.EDNS0(version=1))
            asker.resolver.answer(parse_query(bytes(record.pack())), 1232, asker.replies.append)
            assert (asker.reply.header.rcode, asker.reply.ar[0].ttl >> 24, asker.reply.rr) == (0, 1, [])

    def test_what_is_too_long_for_udp_is_cut_and_says_so(self) -> None:
        asker = Asker()
        asker.ask("www.example", "TXT", limit=512)
        zone = "\n".join(f'www.example 60 TXT "{"x" * 200}{number}"' for number in range(5))
        asker.world.sent[0].reply(zone)
        assert asker.reply.header.tc == 1
        assert asker.reply.rr == []
        asker.ask("www.example", "TXT", limit=65535)
        assert asker.reply.header.tc == 0
        assert len(asker.reply.rr) == 5

    @pytest.mark.parametrize("qtype", ["AXFR", "IXFR", "ANY"])
    def test_zones_and_everything_are_not_given_away(self, qtype: str) -> None:
        asker = Asker()
        asker.ask("home.arpa", qtype)
        assert asker.status == "NOTIMP"

    def test_without_recursion_desired_nobody_is_asked(self) -> None:
        asker = Asker()
        asker.ask("www.example", rd=0)
        assert asker.status == "REFUSED"
        assert asker.world.sent == []

    @pytest.mark.parametrize("qclass", ["CH", "Hesiod", "*"])
    def test_what_is_not_of_the_internet_is_asked_of_nobody(self, qclass: str) -> None:
        """The version of the provider's server for one: `version.bind`, of class CH."""
        asker = Asker()
        data = dnslib.DNSRecord.question("version.bind", "TXT", qclass).pack()
        asker.resolver.answer(parse_query(bytes(data)), 1232, asker.replies.append)
        assert (asker.status, asker.world.sent) == ("REFUSED", [])

    def test_edns_is_answered_with_edns_and_only_then(self) -> None:
        asker = Asker()
        asker.ask("localhost", edns=True)
        assert [record.rtype for record in asker.reply.ar] == [41]
        asker.ask("localhost")
        assert asker.reply.ar == []

    def test_the_number_under_way_is_bounded(self) -> None:
        asker = Asker()
        for number in range(2001):
            asker.ask(f"x{number}.example")
        assert len(asker.world.sent) == 2000
        assert asker.status == "SERVFAIL"


class TestEpoch:
    """What was made ready from an answer holds until the answers themselves change."""

    def test_another_configuration_begins_another(self) -> None:
        asker = Asker()
        before = asker.resolver.epoch
        asker.resolver.configure(ServerConfig(upstreams=(FIRST,)))
        configured = asker.resolver.epoch
        asker.resolver.block({"everyones": Names([wire_name("www.example")])})
        assert len({before, configured, asker.resolver.epoch}) == 3

    def test_so_do_other_leases_and_a_flush(self) -> None:
        asker = Asker()
        seen = {asker.resolver.epoch}
        asker.resolver.know_leases([])
        seen.add(asker.resolver.epoch)
        asker.resolver.flush()
        seen.add(asker.resolver.epoch)
        assert len(seen) == 3
