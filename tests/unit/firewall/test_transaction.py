# SPDX-License-Identifier: GPL-2.0-or-later
"""From one ruleset to another: only what differs is sent, and objects that stay are never named."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from patronus.firewall import nft_json
from patronus.firewall.nft_json import Contents, transaction
from patronus.firewall.ruleset import Chain, Intervals, NftRule, Ruleset
from tests.golden.case import cases

RULESETS = {case.folder.name: case.plan.ruleset for case in cases() if case.plan is not None}


def named(commands: list[dict[str, Any]]) -> set[tuple[str, str, str]]:
    """Return (verb, kind, name or chain) of each command but the table's."""
    found = set()
    for command in commands:
        ((verb, body),) = command.items()
        ((kind, fields),) = body.items()
        if kind != "table":
            found.add((verb, kind, fields.get("chain") or fields["name"]))
    return found


@pytest.mark.parametrize("name", RULESETS)
def test_nothing_is_sent_for_nothing(name: str) -> None:
    assert transaction(Contents.of(RULESETS[name]), RULESETS[name]) == []


def test_a_changed_chain_is_flushed_and_filled_and_its_counter_stays() -> None:
    before = RULESETS["02-rules"]
    chain = before.chains["pair/guest/lan"]
    shorter = replace(before, chains={**before.chains, "pair/guest/lan": Chain(chain.rules[1:])})
    found = named(transaction(Contents.of(before), shorter))
    assert found == {
        (verb, kind, "pair/guest/lan")
        for verb, kind in (("add", "chain"), ("flush", "chain"), ("add", "rule"))
    }


def test_a_changed_set_sends_elements_alone() -> None:
    before = RULESETS["04-blocklist"]
    blocked = before.sets["blocked/4"]
    assert isinstance(blocked, Intervals)
    after = replace(before, sets={**before.sets, "blocked/4": Intervals(4, blocked.intervals[1:])})
    assert named(transaction(Contents.of(before), after)) == {("delete", "element", "blocked/4")}
    assert named(transaction(Contents.of(after), before)) == {("add", "element", "blocked/4")}


def test_what_goes_is_freed_before_it_is_deleted() -> None:
    commands = transaction(Contents.of(RULESETS["02-rules"]), Ruleset())
    last_flush = max(at for at, command in enumerate(commands) if "flush" in command)
    chains = [at for at, command in enumerate(commands) if "chain" in command.get("delete", {})]
    objects = [
        at
        for at, command in enumerate(commands)
        if {"set", "map", "counter"} & command.get("delete", {}).keys()
    ]
    assert last_flush < min(chains)
    assert max(chains) < min(objects)


def test_a_batch_never_flushes_the_ruleset_nor_names_a_foreign_table() -> None:
    for ruleset in RULESETS.values():
        for command in nft_json.batch(nft_json.whole(ruleset), lockdown=True)["nftables"]:
            ((verb, body),) = command.items()
            ((kind, fields),) = body.items()
            assert (verb, kind) != ("flush", "ruleset")
            assert fields.get("table", fields["name"] if kind == "table" else "") in (
                "patronus",
                "patronus_lockdown",
            )


def test_a_comment_tells_any_difference() -> None:
    one, other = NftRule("rule/r-1", ({"accept": None},)), NftRule("rule/r-1", ({"drop": None},))
    assert one.comment != other.comment
    assert len(NftRule("rule/" + "x" * 32, ({"accept": None},)).comment) < 128
