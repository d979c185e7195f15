# SPDX-License-Identifier: GPL-2.0-or-later
"""From question to answer: what is asked of whom, what is believed, kept, served late, never given out."""

from __future__ import annotations

import dnslib
import pytest

from patronus.network.dns.blocklist import Names
from patronus.network.dns.config import LocalRecord, ServerConfig, UpstreamServer
from patronus.network.dns.upstream import TRY_TIMES_S
from patronus.network.dns.wire import wire_name
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
        assert asker.world.sent[1].server.tcp
        asker.world.sent[1].reply(A_RECORD)
        assert asker.answers == ["A 198.51.100.7"]


def test_a_truncated_answer_is_asked_again_over_tcp() -> None:
    asker = Asker()
    asker.ask("www.example")
    asker.world.sent[0].reply(tc=1)
    assert (asker.world.sent[1].server.address, asker.world.sent[1].server.tcp) == (FIRST.address, True)
    asker.world.sent[1].reply(A_RECORD)
    assert asker.answers == ["A 198.51.100.7"]


def test_one_that_truncates_over_a_stream_too_is_followed_by_the_next() -> None:
    over_tls = UpstreamServer("first", FIRST.address, 853, tls=True, name="dns.example")
    asker = Asker(ServerConfig(upstreams=(over_tls, SECOND)))
    asker.ask("www.example")
    asker.world.sent[0].reply(tc=1)
    assert [sent.server for sent in asker.world.sent] == [over_tls, SECOND]
    asker.world.sent[1].reply(A_RECORD)
    assert asker.answers == ["A 198.51.100.7"]


def test_over_tls_every_question_has_the_length_of_whole_blocks() -> None:
    """RFC 8467: who listens does not learn the name from the length."""
    asker = Asker(ServerConfig(upstreams=(UpstreamServer("first", FIRST.address, 853, tls=True),)))
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
        assert asker.resolver.upstreams.health(FIRST).problem == "closed the connection"
        asker.world.sent[1].on_failure("closed the connection")
        assert len(asker.world.sent) == 3

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
        asker.resolver.block(Names([wire_name("example")]))
        asker.ask("www.example")
        assert asker.status == "NXDOMAIN"

    def test_our_own_records_stand_above_the_list(self) -> None:
        record = LocalRecord("ads.example", 1, 300, "c0a80105")
        asker = Asker(ServerConfig(records=(record,)), {wire_name("example")})
        asker.ask("ads.example")
        assert asker.answers == ["A 192.168.1.5"]


class TestLimits:
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
        asker.resolver.block(Names([wire_name("www.example")]))
        assert len({before, configured, asker.resolver.epoch}) == 3

    def test_so_do_other_leases_and_a_flush(self) -> None:
        asker = Asker()
        seen = {asker.resolver.epoch}
        asker.resolver.know_leases([])
        seen.add(asker.resolver.epoch)
        asker.resolver.flush()
        seen.add(asker.resolver.epoch)
        assert len(seen) == 3
