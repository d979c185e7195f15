# SPDX-License-Identifier: GPL-2.0-or-later
"""A folded list tries the rules that may fit, in their order: generated rules and packets, and long lists."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address, ip_address
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from patronus.core.values import PortRange
from patronus.firewall.addresses import AddressSet, Version, address
from patronus.firewall.compile.nft import compile_nft
from patronus.firewall.judge.verdict import Packet, fits
from patronus.firewall.model.limits import ConnectionLimit
from patronus.firewall.optimise.fold import CELL, RUN, Before, Branch, Kind, Step, fold
from patronus.firewall.policy import Match, Policy, PolicyRule
from patronus.firewall.table.commands import Contents, transaction

BASES: dict[Version, int] = {4: int(IPv4Address("10.0.0.0")), 6: int(IPv6Address("fd00::"))}
ZONES = {"wan": ("wan",), "lan": ("lan",)}


def addresses(random: Random) -> AddressSet | None:
    """Return addresses among 256 of each family, mostly few of them."""
    if random.random() < 0.01:
        return None
    found: dict[Version, list[tuple[int, int]]] = {4: [], 6: []}
    for _ in range(random.choice([1, 1, 1, 2])):
        version: Version = random.choice([4, 4, 6])
        first = BASES[version] + random.randrange(256)
        found[version] = [(first, first + random.choice([0, 0, 0, 1, 3, random.choice([0, 40])]))]
    alias = "some" if random.random() < 0.005 else None
    return AddressSet(tuple(found[4]), tuple(found[6]), alias)


def ports(random: Random) -> tuple[PortRange, ...] | None:
    """Return one or two ranges of few ports, or any."""
    first = random.randrange(600)
    second = first + random.randrange(2, 9)
    found = PortRange(first, first + random.choice([0, 0, 1])), PortRange(second, second)
    return found[: random.choice([1, 2])]


def rules(random: Random, number: int) -> list[PolicyRule]:
    """Return rules of like shape in runs, some of another shape among them."""
    found = []
    for at in range(number):
        by_address = (at // 150) % 2 == 0
        match = Match(
            source=addresses(random) if by_address or random.random() < 0.1 else None,
            destination=addresses(random) if random.random() < 0.2 else None,
            protocols=random.choice([(6,), (17,), (6, 17)]),
            destination_ports=None if by_address and random.random() < 0.5 else ports(random),
        )
        connections = ConnectionLimit(most=3) if random.random() < 0.005 else None
        found.append(PolicyRule(f"rule/{at}", "allow", match, connections=connections))
    return found


def packet(random: Random) -> Packet:
    version: Version = random.choice([4, 4, 6])
    source, destination = (address(version, BASES[version] + random.randrange(300)) for _ in "12")
    return Packet("wan", source, destination, random.choice([6, 17, 1]), None, 9, random.randrange(620))


def tried(steps: Sequence[Step], one: Packet) -> Iterator[PolicyRule]:
    """Yield the rules that a packet is tried by; what comes back from a cell goes on behind the branch."""
    for step in steps:
        if not isinstance(step, Branch):
            yield step
            continue
        values: dict[Kind, int] = {}
        if step.field in ("source", "destination"):
            values[one.version] = int(getattr(one, step.field))
        elif one.protocol in (6, 17):
            values[0] = getattr(one, step.field)
        for (kind, (first, last)), inside in step.cells.items():
            if kind in values and first <= values[kind] <= last:
                yield from tried(inside, one)


def standing(steps: Sequence[Step]) -> Iterator[tuple[PolicyRule, bool]]:
    """Yield each rule where it stands, and whether that is in a cell."""
    for step in steps:
        if isinstance(step, Branch):
            yield from ((rule, True) for cell in step.cells.values() for rule, _ in standing(cell))
        else:
            yield step, False


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 100_000))
def test_every_packet_meets_the_rules_that_fit_it_in_their_order(seed: int) -> None:
    random = Random(seed)
    before = rules(random, random.choice([100, 300]))
    after = fold(before)
    for one in (packet(random) for _ in range(40)):
        fitting = [rule.origin for rule in before if fits(rule, one) is not False]
        assert [rule.origin for rule in tried(after, one) if fits(rule, one) is not False] == fitting


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 100_000))
def test_what_is_kept_of_the_last_list_changes_nothing(seed: int) -> None:
    random = Random(seed)
    before: Before = {}
    now = rules(random, random.choice([20, 100, 300]))
    for _ in range(4):
        assert fold(now, before=before) == fold(now)
        place, other = random.randrange(len(now)), rules(random, 1)[0]
        match random.randrange(4):
            case 0:
                now[place] = replace(now[place], action="drop")
            case 1:
                now[place] = replace(now[place], connections=ConnectionLimit(most=random.randrange(1, 9)))
            case 2:
                now[place] = other
            case _:
                now = now[: random.choice([20, place])] + [other] + now[place:]


def test_how_a_list_is_parted_is_kept_until_somebody_says_another_thing_of_the_field() -> None:
    now = hosts(100)
    before: Before = {}
    fold(now, before=before)
    parted = before["source"]
    now[50] = replace(now[50], action="drop", match=replace(now[50].match, protocols=(6,)))
    fold(now, before=before)
    assert before["source"] is parted
    now[50] = replace(now[50], match=replace(now[50].match, source=now[51].match.source))
    fold(now, before=before)
    assert before["source"] is not parted
    fold(now[:1], before=before)
    assert not before


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 100_000))
def test_cells_hold_few_copies_and_none_of_a_rule_that_counts_by_itself(seed: int) -> None:
    before = rules(Random(seed), 300)
    found = list(standing(fold(before)))
    assert len(found) <= 2 * len(before)
    copies = Counter(rule.origin for rule, _ in found)
    for rule, in_cell in found:
        if rule.connections is not None:
            assert not in_cell
            assert copies[rule.origin] == 1


def test_generated_rules_are_folded_by_more_than_one_field() -> None:
    """Else the properties above would say little."""
    fields = {
        step.field
        for seed in range(10)
        for step in fold(rules(Random(seed), 300))
        if isinstance(step, Branch)
    }
    assert {"source", "destination_port"} <= fields


def hosts(number: int) -> list[PolicyRule]:
    """Return a rule for each of so many hosts that follow each other."""
    first = BASES[4]
    ways = (AddressSet(((first + at, first + at),)) for at in range(number))
    return [PolicyRule(f"rule/{at}", "allow", Match(source=way)) for at, way in enumerate(ways)]


def test_a_packet_is_tried_by_a_handful_of_ten_thousand_rules() -> None:
    steps = fold(hosts(10_000))
    one = replace(packet(Random(1)), source=ip_address("10.0.9.9"))
    assert 1 <= len(list(tried(steps, one))) <= CELL
    assert list(tried(steps, replace(one, source=ip_address("10.99.0.1")))) == []


@pytest.mark.parametrize(
    ("shape", "folded"),
    [
        (hosts(RUN - 1), False),
        (hosts(RUN), True),
        ([replace(hosts(1)[0], origin=f"rule/{at}") for at in range(200)], False),
        ([PolicyRule(f"rule/{at}", "allow") for at in range(200)], False),
    ],
)
def test_only_what_a_field_parts_is_folded(shape: list[PolicyRule], *, folded: bool) -> None:
    assert any(isinstance(step, Branch) for step in fold(shape)) == folded


def test_rules_for_all_around_a_run_stay_before_and_behind_it() -> None:
    every = PolicyRule("rule/all", "drop")
    first, branch, last = fold([every, *hosts(100), every])
    assert first is last is every
    assert isinstance(branch, Branch)


def test_what_one_field_cannot_part_is_left_to_another() -> None:
    """Two networks, and a hundred ports in each."""
    by_port = [
        PolicyRule(f"rule/{net}-{port}", "allow", Match(source=AddressSet(((net << 8, (net << 8) + 255),)),
                   destination_ports=(PortRange(port, port),), protocols=(6,)))
        for net in range(2)
        for port in range(100)
    ]  # fmt: skip
    (branch,) = fold(by_port)
    assert isinstance(branch, Branch)
    inner = {type(step).__name__ for cell in branch.cells.values() for step in cell}
    assert branch.field == "destination_port" or inner == {"Branch"}


def test_one_rule_more_changes_its_cell_alone() -> None:
    """Of the table of two thousand rules, which no index takes, nothing moves but the rules of one cell."""
    there = [replace(rule, match=replace(rule.match, dscp=(46,))) for rule in hosts(2000)]
    more = replace(there[5], origin="rule/new", match=replace(there[5].match, protocols=(6,)))
    before, after = (
        compile_nft(Policy(zones=ZONES, rules=tuple(found)))
        for found in (there, [*there[:77], more, *there[77:]])
    )
    commands = transaction(Contents.of(before), after)
    assert len(commands) <= 8 * CELL
    chains = {name for name, chain in after.chains.items() if chain != before.chains.get(name)}
    assert all(name.startswith("pair/") and "/10.0.0." in name for name in chains)


@pytest.mark.parametrize("more", [{"alias": "office"}, {"lives": True}])
def test_addresses_that_may_change_by_themselves_are_not_folded(more: dict[str, Any]) -> None:
    """The border of a cell would be that of yesterday's list."""
    found = [
        replace(rule, match=replace(rule.match, source=replace(rule.match.source or AddressSet(), **more)))
        for rule in hosts(100)
    ]
    assert fold(found) == tuple(found)
