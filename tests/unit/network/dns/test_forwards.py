# SPDX-License-Identifier: GPL-2.0-or-later
"""Names of a domain with servers of its own are asked of these alone, whoever asks, and nothing else is."""

from __future__ import annotations

from dataclasses import replace

import pytest

from patronus.network.dns.config import Forward, LocalRecord, Policy, ServerConfig, UpstreamServer
from tests.unit.network.dns.upstreams import FIRST, SECOND, Asker

OFFICE = UpstreamServer("office", "10.9.0.53")
DEEPER = UpstreamServer("deeper", "10.9.1.53")
CONFIG = ServerConfig(
    upstreams=(FIRST,),
    policies=(Policy("kids", upstreams=(SECOND,), source="aa" * 8),),
    records=(LocalRecord("nas.corp.home.arpa", 1, 300, "c0a8011e"),),
    forwards=(
        Forward(("corp.example", "9.10.in-addr.arpa", "corp.home.arpa"), (OFFICE,), "bb" * 8),
        Forward(("lab.corp.example",), (DEEPER,), "cc" * 8),
    ),
)


def asked_of(asker: Asker, name: str, qtype: str = "A", view: int = 0) -> str:
    """Return who is asked, or nothing where nobody is."""
    before = len(asker.world.sent)
    asker.ask(name, qtype, view=view)
    return ", ".join(sent.server.id for sent in asker.world.sent[before:])


@pytest.mark.parametrize("view", [0, 1])
@pytest.mark.parametrize(
    ("name", "qtype", "server"),
    [
        ("corp.example", "A", "office"),
        ("Mail.Corp.Example", "MX", "office"),
        ("x.lab.corp.example", "A", "deeper"),
        ("7.0.9.10.in-addr.arpa", "PTR", "office"),
        ("printer.corp.home.arpa", "A", "office"),
        ("nas.corp.home.arpa", "A", ""),
        ("nas.corp.home.arpa", "AAAA", ""),
        ("7.0.8.10.in-addr.arpa", "PTR", ""),
        ("other.home.arpa", "A", ""),
    ],
)
def test_the_longest_domain_decides_and_our_own_names_stand_above(
    name: str, qtype: str, server: str, view: int
) -> None:
    assert asked_of(Asker(CONFIG), name, qtype, view) == server


@pytest.mark.parametrize(("view", "server"), [(0, "first"), (1, "second")])
@pytest.mark.parametrize("name", ["www.example", "notcorp.example", "other.example"])
def test_all_other_names_are_asked_as_ever(name: str, view: int, server: str) -> None:
    assert asked_of(Asker(CONFIG), name, view=view) == server


def test_an_inside_address_is_given_of_such_a_domain_and_of_no_other() -> None:
    asker = Asker(CONFIG)
    for name, status in (("www.corp.example", "NOERROR"), ("www.example", "SERVFAIL")):
        asker.ask(name)
        asker.world.sent[-1].reply(f"{name} 60 A 10.9.0.7")
        assert asker.status == status


def test_where_its_servers_do_not_answer_nobody_else_is_asked() -> None:
    asker = Asker(CONFIG)
    asker.ask("www.corp.example")
    asker.world.pass_time(60.0)
    assert asker.status == "SERVFAIL"
    assert {sent.server for sent in asker.world.sent} == {OFFICE}
    asker.resolver.configure(replace(CONFIG, forwards=(replace(CONFIG.forwards[0], upstreams=()),)))
    assert asked_of(asker, "www.corp.example") == ""
    assert asker.status == "SERVFAIL"


def test_what_others_said_of_the_domain_before_is_not_given() -> None:
    """Nor is what its servers said once it has none."""
    asker, plain = Asker(replace(CONFIG, forwards=())), replace(CONFIG, forwards=())
    for config, server, address in ((plain, FIRST, "198.51.100.7"), (CONFIG, OFFICE, "198.51.100.8")) * 2:
        asker.resolver.configure(config)
        asker.ask("www.corp.example")
        if asker.world.sent[-1].server == server and not asker.world.sent[-1].closed:
            asker.world.sent[-1].reply(f"www.corp.example 600 A {address}")
        assert asker.answers == [f"A {address}"]
    assert len(asker.world.sent) == 2


def test_the_status_says_for_what_each_is_asked() -> None:
    told = [(item["id"], item["domains"]) for item in Asker(CONFIG).resolver.sources.report(0.0)]
    assert told == [
        ("first", []),
        ("second", []),
        ("office", ["corp.example", "9.10.in-addr.arpa", "corp.home.arpa"]),
        ("deeper", ["lab.corp.example"]),
    ]
