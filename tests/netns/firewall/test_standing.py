# SPDX-License-Identifier: GPL-2.0-or-later
"""A long list that comes or changes is believed without reading the whole table, and is truly there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from patronus.core.errors import KernelError
from patronus.firewall.table.commands import Contents
from patronus.firewall.table.ruleset import Chain, Hosts, Intervals, NftRule, Ruleset
from patronus.firewall.table.standing import SMALL, Standing
from patronus.kernel.nft import Nft
from tests.netns.lab import Namespace

LONG = 20 * SMALL


class Counting(Nft):
    """nftables, and how often the table was read whole."""

    read = 0

    def list_parts(self, family: str, table: str) -> list[dict[str, Any]]:
        self.read += 1
        return super().list_parts(family, table)


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
