# SPDX-License-Identifier: GPL-2.0-or-later
"""Names without IPv6 get addresses of the translator (RFC 6147), and nobody else's answers change."""

from __future__ import annotations

from typing import Any

import dnslib
import pytest
from hypothesis import given
from hypothesis import strategies as st

from patronus.core.model import Configuration
from patronus.core.problem import Severity, render_path
from patronus.network.dns.check import check
from patronus.network.dns.config import Dns64, LocalRecord, Policy, ServerConfig
from patronus.network.dns.model import Dns
from patronus.network.dns.names import MalformedMessage, skip_plain_name
from patronus.network.dns.rewriting import whole_name
from patronus.network.dns.wire import Flag, parse_query
from tests.unit.network.dns.upstreams import FIRST, Asker

WELL_KNOWN = Dns64("64:ff9b::/96")
OWN = Dns64("2001:db8:64::/96", ("2001:db8:bad::/48",))
SOA = "example 900 SOA ns.example h.example 1 3600 600 86400 120"
REVERSE = "1.2.2.0.0.0.0.c." + "0." * 16 + "b.9.f.f.4.6.0.0.ip6.arpa"


def asker(dns64: Dns64 | None = WELL_KNOWN, **more: Any) -> Asker:
    return Asker(ServerConfig(upstreams=(FIRST,), dns64=dns64, **more))


def asked(one: Asker) -> list[str]:
    """Return what was asked of the server: name and type."""
    records = [dnslib.DNSRecord.parse(sent.data).q for sent in one.world.sent]
    return [f"{str(record.qname).lower()} {dnslib.QTYPE[record.qtype]}" for record in records]


class TestNames:
    def test_one_that_has_ipv4_alone_gets_the_translators_address(self) -> None:
        one = asker()
        one.ask("www.example", "AAAA")
        one.world.sent[0].reply(auth=SOA)
        assert one.replies == []
        one.world.sent[1].reply("www.example 600 A 198.51.100.7\nwww.example 600 A 203.0.113.9")
        assert one.answers == ["AAAA 64:ff9b::c633:6407", "AAAA 64:ff9b::cb00:7109"]
        assert asked(one) == ["www.example. AAAA", "www.example. A"]
        assert [record.ttl for record in one.reply.rr] == [120, 120]  # no longer than there is no other
        one.ask("WWW.example", "AAAA")
        assert len(one.world.sent) == 2 and len(one.replies) == 2

    def test_one_that_has_ipv6_keeps_it(self) -> None:
        one = asker()
        one.ask("www.example", "AAAA")
        one.world.sent[0].reply("www.example 60 AAAA 2001:db8::7")
        assert (one.answers, len(one.world.sent)) == (["AAAA 2001:db8::7"], 1)

    def test_addresses_of_ipv4_are_what_they_were(self) -> None:
        one = asker()
        one.ask("www.example", "A")
        one.world.sent[0].reply("www.example 60 A 198.51.100.7")
        assert (one.answers, len(one.world.sent)) == (["A 198.51.100.7"], 1)

    def test_without_it_nothing_is_made_up(self) -> None:
        one = asker(None)
        one.ask("www.example", "AAAA")
        one.world.sent[0].reply(auth=SOA)
        assert (one.answers, one.status, len(one.world.sent)) == ([], "NOERROR", 1)

    def test_one_that_does_not_exist_does_not(self) -> None:
        one = asker()
        one.ask("no.example", "AAAA")
        one.world.sent[0].reply(rcode="NXDOMAIN", auth=SOA)
        assert (one.status, len(one.world.sent)) == ("NXDOMAIN", 1)

    def test_one_that_has_neither_is_empty_and_kept_so(self) -> None:
        one = asker()
        one.ask("www.example", "AAAA")
        one.world.sent[0].reply(auth=SOA)
        one.world.sent[1].reply(auth=SOA)
        assert (one.answers, one.status) == ([], "NOERROR")
        one.ask("www.example", "AAAA")
        assert len(one.world.sent) == 2

    def test_servers_that_fail_at_ipv6_are_asked_for_ipv4(self) -> None:
        one = asker()
        one.ask("www.example", "AAAA")
        for _ in range(10):
            if asked(one)[-1].endswith(" A"):
                break
            one.world.sent[-1].reply(rcode="SERVFAIL")
        one.world.sent[-1].reply("www.example 60 A 198.51.100.7")
        assert one.answers == ["AAAA 64:ff9b::c633:6407"]

    def test_where_nobody_answers_at_all_the_client_hears_of_it(self) -> None:
        one = asker()
        one.world.refusing = True
        one.ask("www.example", "AAAA")
        one.world.pass_time(30.0)
        assert one.status == "SERVFAIL"

    def test_aliases_are_followed_and_names_that_were_compressed_are_whole(self) -> None:
        one = asker()
        one.ask("www.example", "AAAA")
        one.world.sent[0].reply("www.example 60 CNAME host.cdn.example", auth=SOA)
        one.world.sent[1].reply(
            "www.example 60 CNAME host.cdn.example\n"
            "host.cdn.example 30 A 198.51.100.7\nhost.cdn.example 30 A 198.51.100.8"
        )
        assert [(str(record.rname), str(record.rdata), record.ttl) for record in one.reply.rr] == [
            ("www.example.", "host.cdn.example.", 60),
            ("host.cdn.example.", "64:ff9b::c633:6407", 30),
            ("host.cdn.example.", "64:ff9b::c633:6408", 30),
        ]

    def test_who_checks_signatures_itself_is_told_nothing_made_up(self) -> None:
        one = asker()
        record = dnslib.DNSRecord.question("www.example", "AAAA")
        record.add_ar(dnslib.EDNS0(flags="do", udp_len=1232))
        query = parse_query(bytes(record.pack()))
        one.resolver.answer(query._replace(flags=query.flags | Flag.CD), 1232, one.replies.append)
        one.world.sent[0].reply(auth=SOA)
        assert (one.answers, len(one.world.sent)) == ([], 1)
        one.resolver.answer(query, 1232, one.replies.append)
        one.world.sent[1].reply(auth=SOA)
        one.world.sent[2].reply("www.example 60 A 198.51.100.7")
        assert one.answers == ["AAAA 64:ff9b::c633:6407"]


class TestWhatCountsAsNone:
    @pytest.mark.parametrize("address", ["::ffff:c633:6409", "2001:db8:bad::9"])
    def test_a_name_of_such_addresses_alone_is_translated(self, address: str) -> None:
        one = asker(OWN)
        one.ask("www.example", "AAAA")
        one.world.sent[0].reply(f"www.example 60 AAAA {address}")
        one.world.sent[1].reply("www.example 60 A 198.51.100.7")
        assert one.answers == ["AAAA 2001:db8:64::c633:6407"]

    def test_beside_others_they_are_left_out(self) -> None:
        one = asker(OWN)
        one.ask("www.example", "AAAA")
        one.world.sent[0].reply("www.example 60 AAAA 2001:db8:bad::9\nwww.example 60 AAAA 2001:db8::7")
        assert (one.answers, len(one.world.sent)) == (["AAAA 2001:db8::7"], 1)

    def test_they_are_not_given_where_there_is_nothing_else(self) -> None:
        one = asker(OWN)
        one.ask("www.example", "AAAA")
        one.world.sent[0].reply("www.example 60 AAAA 2001:db8:bad::9")
        one.world.sent[1].reply(auth=SOA)
        assert (one.answers, one.status) == ([], "NOERROR")

    @pytest.mark.parametrize("address", ["0.0.0.0", "127.0.0.1", "169.254.1.1", "224.0.0.1"])
    def test_what_is_no_host_elsewhere_is_not_translated(self, address: str) -> None:
        one = asker(OWN, rebind_protection=False)
        one.ask("www.example", "AAAA")
        one.world.sent[0].reply(auth=SOA)
        one.world.sent[1].reply(f"www.example 60 A {address}")
        assert one.answers == []


class TestInsideAddresses:
    def test_the_well_known_prefix_is_for_the_outside_alone(self) -> None:
        one = asker(rebind_protection=False)
        one.ask("www.example", "AAAA")
        one.world.sent[0].reply(auth=SOA)
        one.world.sent[1].reply("www.example 60 A 192.168.1.30")
        assert one.answers == []

    def test_an_outside_name_leads_inside_by_no_translator(self) -> None:
        """Neither by what is made of its address, nor by an address of the prefix that it gives itself."""
        one = asker(OWN)
        one.ask("www.example", "AAAA")
        one.world.sent[0].reply(auth=SOA)
        one.world.sent[1].reply("www.example 60 A 192.168.1.30")
        assert one.status == "SERVFAIL"
        for address in ("2001:db8:64::c0a8:11e", "64:ff9b::c0a8:11e"):
            one.ask(f"{len(one.world.sent)}.example", "AAAA")
            one.world.sent[-1].reply(f"{len(one.world.sent) - 1}.example 60 AAAA {address}")
            assert one.status == "SERVFAIL", address
        one.ask("good.example", "AAAA")
        one.world.sent[-1].reply("good.example 60 AAAA 64:ff9b::c633:6407")
        assert one.answers == ["AAAA 64:ff9b::c633:6407"]

    def test_a_prefix_of_inside_addresses_makes_no_outside_name_one(self) -> None:
        one = asker(Dns64("fd00:64::/96"))
        one.ask("www.example", "AAAA")
        one.world.sent[0].reply(auth=SOA)
        one.world.sent[1].reply("www.example 60 A 198.51.100.7")
        assert one.answers == ["AAAA fd00:64::c633:6407"]


class TestOwnNames:
    RECORDS = (
        LocalRecord("nas.home.arpa", dnslib.QTYPE.A, 300, "c0a8011e"),
        LocalRecord("web.home.arpa", dnslib.QTYPE.CNAME, 300, "036e617304686f6d65046172706100"),
        LocalRecord("both.home.arpa", dnslib.QTYPE.A, 300, "c0a8011f"),
        LocalRecord("both.home.arpa", dnslib.QTYPE.AAAA, 300, "fd" + "00" * 14 + "1f"),
    )

    @pytest.mark.parametrize(
        ("name", "dns64", "answers"),
        [
            ("nas.home.arpa", OWN, ["AAAA 2001:db8:64::c0a8:11e"]),
            ("web.home.arpa", OWN, ["CNAME nas.home.arpa.", "AAAA 2001:db8:64::c0a8:11e"]),
            ("both.home.arpa", OWN, ["AAAA fd00::1f"]),
            ("nas.home.arpa", WELL_KNOWN, []),
            ("nas.home.arpa", None, []),
            ("no.home.arpa", OWN, []),
            ("ipv4only.arpa", WELL_KNOWN, ["AAAA 64:ff9b::c000:aa", "AAAA 64:ff9b::c000:ab"]),
            ("ipv4only.arpa", OWN, ["AAAA 2001:db8:64::c000:aa", "AAAA 2001:db8:64::c000:ab"]),
        ],
    )
    def test_are_answered_without_asking(self, name: str, dns64: Dns64 | None, answers: list[str]) -> None:
        one = asker(dns64, records=self.RECORDS)
        one.ask(name, "AAAA")
        assert (one.answers, one.world.sent) == (answers, [])

    def test_the_known_name_is_asked_outside_where_nothing_is_translated(self) -> None:
        one = asker(None)
        one.ask("ipv4only.arpa", "AAAA")
        assert asked(one) == ["ipv4only.arpa. AAAA"]


class TestReverse:
    def test_it_is_an_alias_to_that_of_ipv4(self) -> None:
        one = asker()
        one.ask(REVERSE, "PTR")
        assert asked(one) == ["33.2.0.192.in-addr.arpa. PTR"]
        one.world.sent[0].reply("33.2.0.192.in-addr.arpa 60 PTR host.example")
        assert one.answers == ["CNAME 33.2.0.192.in-addr.arpa.", "PTR host.example."]
        assert str(one.reply.rr[0].rname) == f"{REVERSE}."
        one.ask(REVERSE, "PTR")
        assert len(one.world.sent) == 1

    def test_one_that_does_not_exist_does_not_and_is_kept_so(self) -> None:
        one = asker()
        one.ask(REVERSE, "PTR")
        soa = "2.0.192.in-addr.arpa 900 SOA ns.example h.example 1 3600 600 86400 120"
        one.world.sent[0].reply(rcode="NXDOMAIN", auth=soa)
        assert (one.status, one.answers) == ("NXDOMAIN", [])
        assert str(one.reply.auth[0].rname) == "2.0.192.in-addr.arpa."
        one.ask(REVERSE, "PTR")
        assert len(one.world.sent) == 1

    def test_that_of_our_own_hosts_is_answered_without_asking(self) -> None:
        one = asker(Dns64("fd00:64::/96"), records=TestOwnNames.RECORDS)
        one.ask("e.1.1.0.8.a.0.c." + "0." * 16 + "4.6.0.0.0.0.d.f.ip6.arpa", "PTR")
        assert (one.answers[1:], one.world.sent) == (["PTR nas.home.arpa."], [])

    @pytest.mark.parametrize("name", ["1.ip6.arpa", REVERSE.replace("b.9.f.f", "c.9.f.f"), "x" + REVERSE[1:]])
    def test_others_are_asked_as_they_are(self, name: str) -> None:
        one = asker()
        one.ask(name, "PTR")
        assert asked(one) == [f"{name}. PTR"]


class TestForWhom:
    def test_policies_differ_and_no_answer_of_one_is_anothers(self) -> None:
        one = asker(None, policies=(Policy("six", dns64=WELL_KNOWN), Policy("own", dns64=OWN)))
        for view, answers in (
            (0, []),
            (1, ["AAAA 64:ff9b::c633:6407"]),
            (2, ["AAAA 2001:db8:64::c633:6407"]),
        ):
            one.ask("www.example", "AAAA", view=view)
            one.world.sent[-1].reply(auth=SOA)
            if view:
                one.world.sent[-1].reply("www.example 60 A 198.51.100.7")
            assert one.answers == answers

    def test_answers_of_another_prefix_are_given_no_more(self) -> None:
        one = asker()
        one.ask("www.example", "AAAA")
        one.world.sent[0].reply(auth=SOA)
        one.world.sent[1].reply("www.example 60 A 198.51.100.7")
        for dns64 in (OWN, None):
            one.resolver.configure(ServerConfig(upstreams=(FIRST,), dns64=dns64))
            before = len(one.world.sent)
            one.ask("www.example", "AAAA")
            assert len(one.world.sent) == before + 1
        one.resolver.configure(ServerConfig(upstreams=(FIRST,), dns64=WELL_KNOWN))
        one.ask("www.example", "AAAA")
        assert one.answers == ["AAAA 64:ff9b::c633:6407"]


@given(st.binary(max_size=80), st.integers(0, 80))
def test_a_name_of_any_bytes_ends_or_is_refused(data: bytes, position: int) -> None:
    try:
        name = whole_name(data, position)
    except MalformedMessage:
        return
    assert skip_plain_name(name, 0) == len(name)


class TestCheck:
    def problems(self, **dns: Any) -> dict[str, Severity]:
        given = Dns.model_validate({"upstreams": [{"id": "up", "address": "192.0.2.53"}], **dns})
        return {
            render_path(problem.path): problem.severity
            for problem in check(Configuration({"network/dns": given}))
        }

    def test_what_is_well_is_taken(self) -> None:
        assert self.problems(dns64={}) == {}
        kids = {"id": "kids", "clients": ["fd00::/64"], "dns64": True}
        assert self.problems(dns64={"everyone": False}, policies=[kids]) == {}

    def test_what_is_not_is_named_by_its_place(self) -> None:
        kids = {"id": "kids", "clients": ["fd00::/64"], "dns64": True}
        assert self.problems(policies=[kids]) == {"policies[0].dns64": Severity.ERROR}
        assert self.problems(dns64={"everyone": False}) == {"dns64.everyone": Severity.WARNING}
        found = self.problems(dns64={"exclude": ["10.0.0.0/8", "64:ff9b::/32"]})
        assert found == {
            "dns64.exclude[0]": Severity.ERROR,
            "dns64.exclude[1]": Severity.ERROR,
        }
