# SPDX-License-Identifier: GPL-2.0-or-later
"""Clients of a policy with servers of its own get what these say and nothing else, and nobody else does."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

from patronus.network.dns.cache import Store
from patronus.network.dns.config import Policy, ServerConfig, UpstreamServer
from patronus.network.dns.health import TRY_TIMES_S
from tests.unit.network.dns.upstreams import FIRST, SECOND, Asker

THIRD = UpstreamServer("third", "192.0.2.53")
KIDS = Policy("kids", upstreams=(SECOND,), source="aa" * 8)
GUESTS = Policy("guests", upstreams=(THIRD,), source="bb" * 8)
PLAIN = Policy("plain")
CONFIG = ServerConfig(upstreams=(FIRST,), policies=(KIDS, GUESTS, PLAIN))


def told(policies: tuple[Policy, ...]) -> ServerConfig:
    return replace(CONFIG, policies=policies)


def record(server: UpstreamServer, ttl_s: int = 60) -> str:
    """Return an answer that no other server gives."""
    return f"www.example {ttl_s} A {server.address}"


def ask(asker: Asker, view: int) -> list[str]:
    """Ask as the policy's clients do; whoever is asked answers. Returns whom the answer is of."""
    before = len(asker.world.sent)
    asker.ask("www.example", view=view)
    for sent in asker.world.sent[before:]:
        sent.reply(record(sent.server))
    return [answer.removeprefix("A ") for answer in asker.answers]


def test_each_policys_clients_are_answered_by_its_servers_first_and_from_the_cache() -> None:
    asker = Asker(CONFIG)
    for count in (4, 4):
        for view, server in enumerate((FIRST, SECOND, THIRD, FIRST)):
            assert ask(asker, view) == [server.address]
        assert len(asker.world.sent) == count


def test_a_policy_that_takes_anothers_place_gets_none_of_its_answers() -> None:
    """Answers are kept by the policy's place in the list: that alone would not tell them apart."""
    asker = Asker(CONFIG)
    assert ask(asker, 1) == [SECOND.address]
    for policies, server in (
        ((GUESTS, KIDS), THIRD),
        ((PLAIN,), FIRST),
        ((replace(KIDS, upstreams=(THIRD,), source="cc" * 8),), THIRD),
        ((KIDS,), SECOND),
    ):
        asker.resolver.configure(told(policies))
        assert ask(asker, 1) == [server.address]


def test_what_is_kept_on_disk_is_kept_apart_too(tmp_path: Path) -> None:
    before, same, other = Asker(CONFIG), Asker(CONFIG), Asker(told((GUESTS, KIDS)))
    store = Store(tmp_path / "dns-cache.db")
    for asker in (before, same, other):
        asker.world.now_s = time.monotonic()
    assert ask(before, 1) == [SECOND.address]
    assert sum(store.save(before.resolver.cache)) == 1
    for asker, server, asked in ((same, SECOND, 0), (other, THIRD, 1)):
        assert store.load(asker.resolver.cache) == 1
        assert ask(asker, 1) == [server.address] and len(asker.world.sent) == asked
    store.close()


def test_who_asks_while_another_waits_for_other_servers_does_not_wait_with_them() -> None:
    asker = Asker(CONFIG)
    asker.ask("www.example", view=1)
    asker.resolver.configure(told((GUESTS,)))
    asker.ask("www.example", view=1)
    assert [sent.server for sent in asker.world.sent] == [SECOND, THIRD]
    asker.world.sent[0].reply(record(SECOND))
    assert (len(asker.replies), asker.answers) == (1, [f"A {SECOND.address}"])
    asker.world.sent[1].reply(record(THIRD))
    assert (len(asker.replies), asker.answers) == (2, [f"A {THIRD.address}"])
    assert ask(asker, 1) == [THIRD.address] and len(asker.world.sent) == 2


def test_where_its_servers_do_not_answer_or_are_none_nobody_else_is_asked() -> None:
    """An answer of its own from before serves on; one of others does not."""
    asker = Asker(CONFIG)
    assert ask(asker, 0) == [FIRST.address]
    asker.ask("www.example", view=1)
    asker.world.pass_time(sum(TRY_TIMES_S) + 1)
    assert asker.status == "SERVFAIL"
    assert {sent.server for sent in asker.world.sent[1:]} == {SECOND}
    asker.resolver.configure(told((replace(KIDS, upstreams=()),)))
    asker.ask("www.example", view=1)
    assert asker.status == "SERVFAIL"
    asker.resolver.configure(CONFIG)
    assert ask(asker, 1) == [SECOND.address]
    asker.world.pass_time(61)
    asker.resolver.configure(told((replace(KIDS, upstreams=()),)))
    asker.ask("www.example", view=1)
    assert asker.answers == [f"A {SECOND.address}"] and asker.resolver.counters["stale"] == 1


def test_an_answer_that_is_asked_for_ahead_comes_from_the_same_servers() -> None:
    asker = Asker(CONFIG)
    assert ask(asker, 1) == [SECOND.address]
    asker.world.pass_time(58)
    assert ask(asker, 1) == [SECOND.address]
    assert [sent.server for sent in asker.world.sent] == [SECOND, SECOND]


def test_how_a_server_does_is_told_for_each_of_those_that_it_is_asked_for() -> None:
    both = replace(GUESTS, id="both", upstreams=(FIRST,), source="dd" * 8)
    asker = Asker(told((KIDS, both, replace(KIDS, id="late"))))
    for view in (0, 2, 2):
        asker.ask(f"x{view}.example", view=view)
        asker.world.sent[-1].reply(rcode="NXDOMAIN")
    found = list(asker.resolver.sources.report(asker.world.now_s))
    assert [(item["id"], item["policies"], item["answered"]) for item in found] == [
        ("first", [], 1),
        ("second", ["kids", "late"], 0),
        ("first", ["both"], 2),
    ]
    asker.resolver.configure(told((both,)))
    assert [item["answered"] for item in asker.resolver.sources.report(0.0)] == [1, 2]
