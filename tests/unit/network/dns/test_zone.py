# SPDX-License-Identifier: GPL-2.0-or-later
"""Local names resolve without anyone else, and are never asked of anyone else."""

from __future__ import annotations

from dataclasses import replace

import pytest

from patronus.network.dns.config import LeaseName, LocalRecord, ServerConfig
from patronus.network.dns.record import TYPES, record_data
from tests.unit.network.dns.upstreams import FIRST, Asker


def record(name: str, rtype: str, value: str) -> LocalRecord:
    return LocalRecord(name, TYPES[rtype], 300, record_data(rtype, value).hex())


RECORDS = (
    record("nas.home.arpa", "A", "192.168.1.30"),
    record("nas.home.arpa", "AAAA", "fd00::30"),
    record("files.home.arpa", "CNAME", "nas.home.arpa"),
    record("_sip._udp.home.arpa", "SRV", "0 5 5060 phone.home.arpa"),
    record("home.arpa", "MX", "10 mail.home.arpa"),
    record("note.home.arpa", "TXT", "x" * 300),
    record("intranet.example", "A", "192.168.1.31"),
)
LEASES = [
    LeaseName("192.168.1.0/24", "a", "192.168.1.100", "laptop"),
    LeaseName("192.168.1.0/24", "b", "192.168.1.101", "laptop"),
    LeaseName("192.168.1.0/24", "c", "192.168.1.102", "nas"),
    LeaseName("192.168.1.0/24", "d", "192.168.1.103", ""),
]


@pytest.fixture
def asker() -> Asker:
    made = Asker(ServerConfig(records=RECORDS, upstreams=(FIRST,)))
    made.resolver.know_leases(LEASES)
    return made


@pytest.mark.parametrize(
    ("name", "qtype", "answers"),
    [
        ("nas.home.arpa", "A", ["A 192.168.1.30"]),
        ("NAS.Home.Arpa", "AAAA", ["AAAA fd00::30"]),
        ("nas", "A", ["A 192.168.1.30"]),
        ("files.home.arpa", "A", ["CNAME nas.home.arpa.", "A 192.168.1.30"]),
        ("files.home.arpa", "CNAME", ["CNAME nas.home.arpa."]),
        ("_sip._udp.home.arpa", "SRV", ["SRV 0 5 5060 phone.home.arpa."]),
        ("home.arpa", "MX", ["MX 10 mail.home.arpa."]),
        ("intranet.example", "A", ["A 192.168.1.31"]),
        ("laptop.home.arpa", "A", ["A 192.168.1.100"]),
        ("30.1.168.192.in-addr.arpa", "PTR", ["PTR nas.home.arpa."]),
        ("100.1.168.192.in-addr.arpa", "PTR", ["PTR laptop.home.arpa."]),
        (
            "0.3.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.d.f.ip6.arpa",
            "PTR",
            ["PTR nas.home.arpa."],
        ),
        ("localhost", "A", ["A 127.0.0.1"]),
        ("localhost", "AAAA", ["AAAA ::1"]),
    ],
)
def test_a_local_name_has_its_records(asker: Asker, name: str, qtype: str, answers: list[str]) -> None:
    asker.ask(name, qtype)
    assert (asker.status, asker.answers, asker.reply.header.aa) == ("NOERROR", answers, 1)


@pytest.mark.parametrize(
    ("name", "qtype", "status"),
    [
        ("nope.home.arpa", "A", "NXDOMAIN"),
        ("laptop.home.arpa", "AAAA", "NOERROR"),
        ("_udp.home.arpa", "A", "NOERROR"),
        ("home.arpa", "A", "NOERROR"),
        ("intranet.example", "AAAA", "NOERROR"),
        ("7.7.168.192.in-addr.arpa", "PTR", "NXDOMAIN"),
        ("1.0.0.10.in-addr.arpa", "PTR", "NXDOMAIN"),
        ("x.invalid", "A", "NXDOMAIN"),
        ("abc.onion", "A", "NXDOMAIN"),
        ("_dns.resolver.arpa", "SVCB", "NXDOMAIN"),
        ("unknownhost", "A", "NXDOMAIN"),
    ],
)
def test_what_is_not_there_is_denied_with_a_soa_and_asked_of_nobody(
    asker: Asker, name: str, qtype: str, status: str
) -> None:
    asker.ask(name, qtype)
    assert (asker.status, asker.answers) == (status, [])
    assert [record.rtype for record in asker.reply.auth] == [6]
    assert asker.world.sent == []


@pytest.mark.parametrize(
    ("name", "qtype"), [("www.example", "A"), ("example", "NS"), ("9.100.51.198.in-addr.arpa", "PTR")]
)
def test_the_worlds_names_are_asked_of_others(asker: Asker, name: str, qtype: str) -> None:
    asker.ask(name, qtype)
    assert len(asker.world.sent) == 1


WILD = (
    record("*.apps.home.arpa", "A", "192.168.1.40"),
    record("*.apps.home.arpa", "TXT", "any"),
    record("own.apps.home.arpa", "A", "192.168.1.41"),
    record("deep.under.apps.home.arpa", "A", "192.168.1.42"),
    record("*.alias.home.arpa", "CNAME", "nas.home.arpa"),
    record("*.shop.example", "A", "192.168.1.43"),
)


@pytest.mark.parametrize(
    ("name", "qtype", "status", "answers"),
    [
        ("x.apps.home.arpa", "A", "NOERROR", ["A 192.168.1.40"]),
        ("X.Y.apps.home.arpa", "A", "NOERROR", ["A 192.168.1.40"]),
        ("x.apps.home.arpa", "AAAA", "NOERROR", []),
        ("x.alias.home.arpa", "A", "NOERROR", ["CNAME nas.home.arpa.", "A 192.168.1.30"]),
        ("x.shop.example", "A", "NOERROR", ["A 192.168.1.43"]),
        ("x.shop.example", "MX", "NOERROR", []),
        ("own.apps.home.arpa", "A", "NOERROR", ["A 192.168.1.41"]),
        ("own.apps.home.arpa", "TXT", "NOERROR", []),
        ("x.own.apps.home.arpa", "A", "NXDOMAIN", []),
        ("apps.home.arpa", "A", "NOERROR", []),
        ("under.apps.home.arpa", "A", "NOERROR", []),
        ("x.under.apps.home.arpa", "A", "NXDOMAIN", []),
        ("nope.home.arpa", "A", "NXDOMAIN", []),
        ("40.1.168.192.in-addr.arpa", "PTR", "NXDOMAIN", []),
    ],
)
def test_a_record_for_all_names_below_stands_for_those_that_are_not_there(
    name: str, qtype: str, status: str, answers: list[str]
) -> None:
    """RFC 4592: not for the name above, nor for one that is there or has others below it."""
    asker = Asker(ServerConfig(records=RECORDS + WILD, upstreams=(FIRST,)))
    asker.ask(name, qtype)
    assert (asker.status, asker.answers, asker.world.sent) == (status, answers, [])


def test_the_name_above_one_for_all_below_is_the_worlds_where_it_is_not_ours() -> None:
    asker = Asker(ServerConfig(records=WILD, upstreams=(FIRST,)))
    asker.ask("shop.example")
    assert len(asker.world.sent) == 1


def test_nobody_takes_the_name_that_another_has(asker: Asker) -> None:
    asker.ask("laptop.home.arpa")
    assert asker.answers == ["A 192.168.1.100"]
    asker.ask("nas.home.arpa")
    assert asker.answers == ["A 192.168.1.30"]


MAC, DUID = "02:00:00:00:00:01", "00030001020000000001"
SIX = [
    LeaseName(f"{net}/64", f"duid:{DUID}/00000001", f"{net}1000", "phone")
    for net in ("fd00:1::", "2001:db8::")
]


@pytest.mark.parametrize(
    "four",
    [
        LeaseName("192.168.1.0/24", "a", "192.168.1.100", "phone", MAC),
        LeaseName("192.168.1.0/24", f"id:ff00000001{DUID}", "192.168.1.100", "phone", "02:00:00:00:00:99"),
        None,
    ],
)
def test_a_host_has_one_name_for_its_addresses_of_both_families(asker: Asker, four: LeaseName | None) -> None:
    """It is one host by its MAC, or by its DUID."""
    six = [replace(one, mac=MAC if four and four.mac == MAC else "") for one in SIX]
    asker.resolver.know_leases([four, *six] if four else six)
    asker.ask("phone.home.arpa")
    assert asker.answers == (["A 192.168.1.100"] if four else [])
    asker.ask("phone.home.arpa", "AAAA")
    assert asker.answers == ["AAAA fd00:1::1000", "AAAA 2001:db8::1000"]
    asker.ask("0.0.0.1" + ".0" * 20 + ".8.b.d.0.1.0.0.2.ip6.arpa", "PTR")
    assert asker.answers == ["PTR phone.home.arpa."]


def test_another_host_does_not_take_a_name_by_ipv6(asker: Asker) -> None:
    owner = LeaseName("192.168.1.0/24", "a", "192.168.1.100", "phone", "02:00:00:00:00:99")
    asker.resolver.know_leases([owner, *SIX])
    asker.ask("phone.home.arpa", "AAAA")
    assert (asker.status, asker.answers) == ("NOERROR", [])


def test_a_host_on_two_networks_has_the_address_that_it_had_first(asker: Asker) -> None:
    asker.resolver.know_leases(
        [LeaseName(f"10.{n}.0.0/24", "a", f"10.{n}.0.5", "phone", MAC) for n in range(2)]
    )
    asker.ask("phone.home.arpa")
    assert asker.answers == ["A 10.0.0.5"]


def test_a_lease_that_goes_takes_its_name_along(asker: Asker) -> None:
    asker.resolver.know_leases(LEASES[1:])
    asker.ask("laptop.home.arpa")
    assert asker.answers == ["A 192.168.1.101"]
    asker.resolver.know_leases([])
    asker.ask("laptop.home.arpa")
    assert asker.status == "NXDOMAIN"


@pytest.mark.parametrize("name", ["wpad", "WPAD", "isatap", "localhost"])
def test_a_host_takes_no_name_that_others_believe_unasked(asker: Asker, name: str) -> None:
    """A proxy for everybody is the owner's to give, in a record of its own."""
    asker.resolver.know_leases([LeaseName("192.168.1.0/24", "e", "192.168.1.104", name)])
    asker.ask(f"{name}.home.arpa")
    assert asker.status == "NXDOMAIN"
    given = record(f"{name.lower()}.home.arpa", "A", "192.168.1.32")
    asker.resolver.configure(ServerConfig(records=(*RECORDS, given), upstreams=(FIRST,)))
    asker.ask(f"{name}.home.arpa")
    assert asker.answers == ["A 192.168.1.32"]


def test_leases_have_no_names_where_that_is_turned_off(asker: Asker) -> None:
    asker.resolver.configure(ServerConfig(records=RECORDS, upstreams=(FIRST,), lease_names=False))
    asker.ask("laptop.home.arpa")
    assert asker.status == "NXDOMAIN"


def test_local_names_resolve_without_any_upstream() -> None:
    asker = Asker(ServerConfig(records=RECORDS))
    asker.ask("nas.home.arpa")
    assert asker.answers == ["A 192.168.1.30"]
    asker.ask("www.example")
    assert asker.status == "SERVFAIL"


def test_aliases_that_run_in_a_circle_end() -> None:
    circle = (record("a.home.arpa", "CNAME", "b.home.arpa"), record("b.home.arpa", "CNAME", "a.home.arpa"))
    asker = Asker(ServerConfig(records=circle))
    asker.ask("a.home.arpa")
    assert len(asker.answers) == 8
