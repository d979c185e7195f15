# SPDX-License-Identifier: GPL-2.0-or-later
"""From one ruleset to another: only what differs is sent, and objects that stay are never named."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patronus.firewall.addresses import AddressSet, merged
from patronus.firewall.compile.blocklist import blocked_sets
from patronus.firewall.compile.nft import compile_nft
from patronus.firewall.policy import Policy
from patronus.firewall.table import commands
from patronus.firewall.table.chain_diff import chain_diff, filled
from patronus.firewall.table.commands import Contents, told, transaction
from patronus.firewall.table.ruleset import Chain, Hosts, Intervals, NftRule, Ruleset
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


def standing(ruleset: Ruleset) -> Contents:
    """Return the ruleset as it stands in a kernel, with handles."""
    handles = {
        name: tuple(range(100 * number, 100 * number + len(chain.rules)))
        for number, (name, chain) in enumerate(ruleset.chains.items(), 1)
    }
    return replace(Contents.of(ruleset), handles=handles)


def with_rules(ruleset: Ruleset, name: str, rules: Sequence[NftRule]) -> Ruleset:
    return replace(ruleset, chains={**ruleset.chains, name: Chain(tuple(rules))})


def test_a_changed_rule_is_all_that_is_sent() -> None:
    """The old one goes by its handle, the new one comes before the rule that follows."""
    before = RULESETS["02-rules"]
    rules = before.chains["pair/guest/lan"].rules
    other = NftRule("rule/r-1", ({"drop": None},))
    there = standing(before)
    handles = there.handles["pair/guest/lan"]
    table, *sent = transaction(there, with_rules(before, "pair/guest/lan", [rules[0], other, *rules[2:]]))
    where = {"family": "inet", "table": "patronus", "chain": "pair/guest/lan"}
    said = {"expr": other, "comment": other.comment}
    assert list(other) == [{"drop": None}]
    assert table == {"add": {"table": {"family": "inet", "name": "patronus"}}}
    assert sent == [
        {"delete": {"rule": {**where, "handle": handles[1]}}},
        {"insert": {"rule": {**where, **said, "handle": handles[2]}}},
    ]


def test_a_chain_that_keeps_no_rule_is_flushed_and_filled_and_its_counter_stays() -> None:
    before = RULESETS["02-rules"]
    other = with_rules(before, "pair/guest/lan", [NftRule("rule/r-1", ({"drop": None},))])
    assert named(transaction(standing(before), other)) == {
        (verb, kind, "pair/guest/lan")
        for verb, kind in (("add", "chain"), ("flush", "chain"), ("add", "rule"))
    }


def test_handles_are_known_from_what_the_kernel_tells() -> None:
    before = RULESETS["02-rules"]
    rules = before.chains["pair/guest/lan"].rules
    new = [NftRule(f"rule/r-{number}", ({"drop": None},)) for number in range(2)]
    wanted = with_rules(before, "pair/guest/lan", [new[0], *rules[1:], new[1]])
    there = standing(before)
    answer = transaction(there, wanted)
    fresh = iter((901, 902))
    for command in answer:
        for verb in ("insert", "add"):
            if rule := command.get(verb, {}).get("rule"):
                rule["handle"] = next(fresh)
    after = told(there, wanted, answer)
    assert after == Contents.of(wanted)
    kept = there.handles["pair/guest/lan"][1:]
    assert after.handles == {**there.handles, "pair/guest/lan": (901, *kept, 902)}
    with pytest.raises(ValueError, match="handles"):
        told(there, wanted, answer[:-1])


COMMENTS = st.lists(st.sampled_from("abcdefgh"), max_size=12)


@given(COMMENTS, COMMENTS)
def test_any_chain_becomes_any_other(there: list[str], wanted: list[str]) -> None:
    """What the diff says leads there, and no rule that both have in their order is touched."""
    handles = list(range(1, len(there) + 1))
    diff = chain_diff(there, handles, wanted)
    chain = [rule for rule in zip(there, handles, strict=True) if rule[1] not in diff.gone]
    for number, (position, before) in enumerate(diff.new, 100):
        place = len(chain) if before is None else [handle for _, handle in chain].index(before)
        chain.insert(place, (wanted[position], number))
    assert [comment for comment, _ in chain] == wanted
    fresh = range(100, 100 + len(diff.new))
    assert filled(diff.handles, fresh) == tuple(handle for _, handle in chain)


@given(st.lists(st.integers(), unique=True, max_size=12), st.data())
def test_removed_and_added_rules_alone_are_touched(rules: list[int], data: st.DataObject) -> None:
    there = [str(rule) for rule in rules]
    kept = [comment for comment in there if data.draw(st.booleans())]
    place = data.draw(st.integers(0, len(kept)))
    diff = chain_diff(there, range(1, len(there) + 1), [*kept[:place], "new", *kept[place:]])
    assert len(diff.gone) == len(there) - len(kept)
    assert [position for position, _ in diff.new] == [place]


def test_a_changed_set_sends_elements_alone() -> None:
    before = RULESETS["04-blocklist"]
    blocked = before.sets["blocked/4"]
    assert isinstance(blocked, Intervals)
    after = replace(before, sets={**before.sets, "blocked/4": Intervals(4, blocked.intervals[1:])})
    assert named(transaction(Contents.of(before), after)) == {("delete", "element", "blocked/4")}
    assert named(transaction(Contents.of(after), before)) == {("add", "element", "blocked/4")}


def test_one_address_more_is_one_element_whatever_else_is_blocked() -> None:
    """Beside its neighbour it becomes an interval instead, and leaves the table of single addresses."""
    before, more, beside = (table_blocking(*hosts, 20, 21) for hosts in ((2, 4), (2, 4, 9), (2, 4, 5)))
    assert named(transaction(Contents.of(before), more)) == {("add", "element", "blocked-1024/4")}
    assert named(transaction(Contents.of(more), before)) == {("delete", "element", "blocked-1024/4")}
    assert named(transaction(Contents.of(before), beside)) == {
        ("delete", "element", "blocked-1024/4"),
        ("add", "element", "blocked/4"),
    }


def test_a_table_of_addresses_that_is_full_gives_way_to_a_larger_one() -> None:
    full, larger = (table_blocking(*range(0, 2 * count, 2)) for count in (1024, 1025))
    _, *sent = transaction(Contents.of(full), larger)
    assert {("add", "set", "blocked-4096/4"), ("delete", "set", "blocked-1024/4")} <= named(sent)
    rules = larger.chains["blocklist"].rules
    asked = {one["match"]["right"] for rule in rules for one in rule if "match" in one}
    assert asked == {"@blocked-4096/4", "@never/4"}


def test_where_nothing_is_blocked_no_packet_is_asked() -> None:
    assert not table_blocking().chains["blocklist"].rules


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 3)), max_size=12))
def test_the_sets_of_what_is_blocked_hold_all_of_it_and_nothing_else(given_: list[tuple[int, int]]) -> None:
    blocked = AddressSet(merged((first, first + more) for first, more in given_))
    found = blocked_sets(blocked)
    wide, hosts = found.get("blocked/4", Intervals(4, ())), found.get("blocked-1024/4", Hosts(4, 0, ()))
    assert isinstance(wide, Intervals)
    assert isinstance(hosts, Hosts)
    assert merged([*wide.intervals, *((host, host) for host in hosts.addresses)]) == blocked.ipv4
    assert len(wide.intervals) + len(hosts.addresses) == len(blocked.ipv4)


def table_blocking(*hosts: int) -> Ruleset:
    """Return the table of a router that blocks some addresses and has nothing else."""
    return compile_nft(Policy(blocked=AddressSet(merged((host, host) for host in hosts))))


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
        for command in commands.batch(commands.whole(ruleset), lockdown=True)["nftables"]:
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
