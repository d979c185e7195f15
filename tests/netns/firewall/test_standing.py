# SPDX-License-Identifier: GPL-2.0-or-later
"""A long list that comes or changes is believed without reading the whole table, and is truly there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from patronus.core.errors import KernelError
from patronus.firewall.table import statements as say
from patronus.firewall.table.commands import Contents
from patronus.firewall.table.ruleset import Chain, Hosts, Intervals, NftRule, Ruleset
from patronus.firewall.table.standing import SMALL, Standing
from patronus.kernel.nft import Batch, Nft
from patronus.kernel.nft_state import Parts
from tests.netns.lab import Namespace

LONG = 20 * SMALL


class Counting(Nft):
    """nftables, how often the table was read whole, and of how many commands the last rehearsal was."""

    read = 0
    rehearsed = 0

    def check(self, batch: Batch) -> str | None:
        self.rehearsed = len(batch["nftables"])
        return super().check(batch)

    def parts(self, family: str, table: str) -> Parts:
        self.read += 1
        return super().parts(family, table)


@pytest.fixture
def namespace() -> Iterator[Namespace]:
    found = Namespace()
    with found:
        yield found
    found.close()


def ruleset(numbers: range, *words: str) -> Ruleset:
    """Return rules that name a set, and a set of every other address."""
    rules = tuple(NftRule(f"rule/{word}", ({"accept": None},)) for word in words)
    intervals = tuple((2 * number, 2 * number) for number in numbers)
    return Ruleset(sets={"alias/bad/4": Intervals(4, intervals)}, chains={"pair": Chain(rules)})


def test_elements_alone_are_not_read_back_and_rules_with_them_are(namespace: Namespace) -> None:
    nft = Counting()
    standing = Standing(nft)
    standing.bring(ruleset(range(100, 100), "one"))
    standing.read_back(whole=False)
    before = nft.read
    for wanted in (range(100, LONG), range(500, LONG + 900)):
        standing.bring(ruleset(wanted, "one"))
        assert standing.read_back(whole=False) == Contents.of(ruleset(wanted, "one"))
    assert nft.read == before
    assert standing.read_back(whole=True) == Contents.of(ruleset(wanted, "one"))
    assert nft.read == before + 1
    last = ruleset(range(LONG), "one", "two")
    standing.bring(last)
    assert replace(standing.read_back(whole=False), handles={}) == Contents.of(last)
    assert nft.read == before + 2


def test_a_full_table_of_single_addresses_is_told_whole(namespace: Namespace) -> None:
    """Every address once, however the kernel cuts its answer; one that a stranger took out is missed."""
    nft = Counting()
    full = Ruleset(sets={"blocked-4096/4": Hosts(4, 4096, tuple(3 * at for at in range(4096)))})
    Standing(nft).bring(full)
    assert Standing(nft).contents() == Contents.of(full)
    gone = {"elem": {"val": "0.0.0.3"}}
    nft.delete_elements("inet", "patronus", "blocked-4096/4", [gone])
    assert Standing(nft).contents() != Contents.of(full)
    nft.add_elements("inet", "patronus", "blocked-4096/4", [gone])
    assert Standing(nft).contents() == Contents.of(full)
    with pytest.raises(KernelError):
        nft.add_elements("inet", "patronus", "blocked-4096/4", [{"elem": {"val": "0.0.0.4"}}])


def alike(*last: Any) -> Ruleset:
    """Return thousands of rules that differ in their address, port and counter alone, and one more."""
    many = [
        NftRule(
            f"rule/{at}",
            (
                say.match(say.payload("ip", "saddr"), f"10.0.{at >> 8}.{at & 255}"),
                say.protocol_in([6]),
                say.match(say.payload("th", "dport"), at + 1),
                say.counter(f"rule/{at}"),
                say.DROP,
            ),
        )
        for at in range(LONG)
    ]
    counters = frozenset(f"rule/{at}" for at in range(LONG))
    return Ruleset(counters=counters, chains={"pair": Chain((*many, NftRule("last", last)))})


def test_rules_that_are_alike_are_rehearsed_once_and_all_of_them_are_brought_in(namespace: Namespace) -> None:
    nft = Counting()
    standing, wanted = Standing(nft), alike(say.ACCEPT)
    assert standing.refuses(wanted) is None
    assert nft.rehearsed == len(("table", "chain", "counter", "one of many", "last"))
    assert standing.contents() == Contents()
    standing.bring(wanted)
    assert Standing(nft).contents() == Contents.of(wanted)


def test_one_rule_among_thousands_that_the_kernel_does_not_take_is_named_before_anything_changes(
    namespace: Namespace,
) -> None:
    standing = Standing(Counting())
    refused = standing.refuses(alike(say.counter("rule/0"), say.jump("nowhere")))
    assert refused is not None
    assert "nowhere" in refused
    assert standing.contents() == Contents()


def test_what_only_the_whole_shows_changes_nothing(namespace: Namespace) -> None:
    """A counter that nobody made, named by a rule that is like others: told when all of it is sent."""
    standing, wanted = Standing(Counting()), alike(say.ACCEPT)
    broken = replace(wanted, counters=wanted.counters - {"rule/7"})
    assert standing.refuses(broken) is None
    with pytest.raises(KernelError, match="10.0.0.7"):
        standing.bring(broken)
    assert standing.contents() == Contents()
