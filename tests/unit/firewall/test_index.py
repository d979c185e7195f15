# SPDX-License-Identifier: GPL-2.0-or-later
"""An indexed list decides as the list does: generated rules that overlap, packets, what is worth an index."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from patronus.core.values import Mark, PortRange
from patronus.firewall.addresses import WIDTH, AddressSet, Interval, Version, address
from patronus.firewall.compile.match import alias_sets, helpers_of, limits_of, meters_of
from patronus.firewall.compile.nft import compile_nft
from patronus.firewall.judge.verdict import Packet, fits
from patronus.firewall.model.limits import ConnectionLimit
from patronus.firewall.model.rules import RuleAction
from patronus.firewall.optimise import fold, index
from patronus.firewall.optimise.index import Index, Placed, indexed, placed
from patronus.firewall.optimise.shape import MOST_KEYS, Key, Shape, keys_of
from patronus.firewall.optimise.taken import Ports, close
from patronus.firewall.policy import Match, Policy, PolicyRule
from patronus.firewall.table.commands import Contents, transaction
from patronus.firewall.table.ruleset import Keyed

BASES: dict[Version, int] = {4: int(IPv4Address("10.0.0.0")), 6: int(IPv6Address("fd00::")) + (5 << 64)}
ZONES = {"wan": ("wan",), "lan": ("lan",)}


def prefix(random: Random, version: Version) -> Interval:
    """Return a prefix among 32 addresses."""
    bits = random.choice([0, 0, 0, 2, 3])
    first = BASES[version] + (random.randrange(32) >> bits << bits)
    return first, first + (1 << bits) - 1


def addresses(random: Random) -> AddressSet | None:
    """Return a prefix of one family or of both, or any."""
    if random.random() < 0.1:
        return None
    ipv4, ipv6 = (prefix(random, 4),), (prefix(random, 6),)
    return random.choice([AddressSet(ipv4), AddressSet(ipv4), AddressSet((), ipv6), AddressSet(ipv4, ipv6)])


def ports(random: Random) -> tuple[PortRange, ...] | None:
    """Return one or two ports or ranges of twenty, or any."""
    first = random.randrange(12)
    found = PortRange(first, first + random.choice([0, 0, 2])), PortRange(first + 5, first + 5)
    return random.choice([found[:1], found[:1], found, None])


def rules(random: Random, number: int) -> list[PolicyRule]:
    """Return rules of few shapes, which overlap, some that have no keys among them."""
    by_destination = random.random() < 0.3
    found = []
    for at in range(number):
        odd = random.random() < 0.1
        match = Match(
            source=addresses(random),
            destination=addresses(random) if by_destination or odd else None,
            protocols=random.choice([(6,), (17,), (6, 17)]),
            source_ports=ports(random) if random.random() < 0.05 else None,
            destination_ports=ports(random),
            mark=Mark(1) if random.random() < 0.03 else None,
        )
        actions: list[RuleAction] = ["allow", "drop", "reject", "count"]
        action = random.choice(actions if odd else actions[:2])
        found.append(PolicyRule(f"rule/{at}", action, match))
    return found


def packet(random: Random) -> Packet:
    version: Version = random.choice([4, 4, 6])
    source, destination = (address(version, BASES[version] + random.randrange(32)) for _ in "12")
    ends = random.randrange(18), random.randrange(18)
    return Packet("wan", source, destination, random.choice([6, 17, 1]), None, *ends)


def at_once(rules: Sequence[PolicyRule]) -> tuple[tuple[Index, ...], Sequence[PolicyRule]]:
    return indexed(rules, placed(rules, list(map(keys_of, rules))))


def decided(rules: Sequence[PolicyRule], one: Packet) -> Iterator[str]:
    """Yield the rules that a packet fits up to the one that decides."""
    for rule in rules:
        if fits(rule, one) is not False:
            yield rule.origin
            if rule.decides and fits(rule, one):
                return


def decided_by_indexes(indexes: Sequence[Index], left: Sequence[PolicyRule], one: Packet) -> Iterator[str]:
    for each in indexes:
        found = [rule for key, rule in each.rules.items() if has(each.shape, key, one)]
        assert len(found) <= 1, "the kernel takes no two keys that overlap"
        if found:
            yield found[0].origin
            return
    yield from decided(left, one)


def has(shape: Shape, key: Key, one: Packet) -> bool:
    """Return whether a packet has the key."""
    if shape.version and shape.version != one.version:
        return False
    values = iter(key)
    for bits, end in ((shape.source, one.source), (shape.destination, one.destination)):
        if bits is not None:
            shift = WIDTH[one.version] - bits
            first = next(values)
            assert isinstance(first, int)
            if int(end) >> shift != first >> shift:
                return False
    if shape.protocol and next(values) != one.protocol:
        return False
    for there, port in ((shape.source_port, one.source_port), (shape.destination_port, one.destination_port)):
        value = next(values) if there else port
        first, last = (value, value) if isinstance(value, int) else value
        if not first <= port <= last:
            return False
    return True


@settings(max_examples=150, deadline=None)
@given(seed=st.integers(0, 1_000_000))
def test_every_packet_is_counted_and_decided_by_the_same_rules(seed: int) -> None:
    random = Random(seed)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fold, "RUN", 2)
        patch.setattr(index, "WORTH", 1000)
        before = rules(random, random.choice([10, 40, 120]))
        indexes, left = at_once(before)
    for one in (packet(random) for _ in range(60)):
        assert list(decided_by_indexes(indexes, left, one)) == list(decided(before, one))


def scattered(random: Random, number: int) -> list[PolicyRule]:
    """Return rules most of which share no packet with another one, and prefixes that hold some of them."""
    found = []
    for rule in rules(random, number):
        shift = random.randrange(8) << 5
        source = rule.match.source and AddressSet(
            tuple((first + shift, last + shift) for first, last in rule.match.source.ipv4),
            tuple((first + (shift << 64), last + (shift << 64)) for first, last in rule.match.source.ipv6),
        )
        found.append(replace(rule, match=replace(rule.match, source=source)))
    return found


@settings(max_examples=150, deadline=None)
@given(seed=st.integers(0, 1_000_000))
def test_who_is_alone_finds_the_place_that_holding_it_against_all_others_finds(seed: int) -> None:
    random = Random(seed)
    there = random.choice([rules, scattered])(random, random.choice([10, 40, 300]))
    keys = list(map(keys_of, there))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fold, "RUN", random.choice([2, 15]))
        patch.setattr(index, "WORTH", random.choice([2, 1000]))
        patch.setattr(index, "MOST_RANGES", random.choice([5, 4096]))
        found = placed(there, keys)
        patch.setattr(index, "close", lambda *_: range(len(there)))
        every = placed(there, keys)
    assert [(shape, dict(held)) for shape, held in found.places.items()] == list(every.places.items())
    assert list(found.left) == list(every.left)


def test_of_scattered_rules_some_are_alone_and_some_are_close() -> None:
    """Else the property above would say little."""
    met, placeable = 0, 0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fold, "RUN", 15)
        for seed in range(10):
            held = index._by_shape(list(map(keys_of, scattered(Random(seed), 300))))
            order = index._order({shape: len(own.keys) for shape, own in held.items()})
            met += len(close(order, held))
            placeable += len({at for shape in order for at in held[shape].numbers})
    assert placeable / 10 < met < placeable / 2


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 1_000_000))
def test_what_is_kept_of_the_last_list_changes_nothing(seed: int) -> None:
    random = Random(seed)
    now, last = rules(random, 60), None
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fold, "RUN", 2)
        patch.setattr(index, "WORTH", 1000)
        for _ in range(5):
            last = placed(now, list(map(keys_of, now)), last)
            assert indexed(now, last) == at_once(now)
            at, other = random.randrange(len(now)), rules(random, 1)[0]
            now = random.choice(
                [
                    [*now[:at], replace(now[at], action="reject"), *now[at + 1 :]],
                    [*now[:at], replace(now[at], connections=ConnectionLimit(most=3)), *now[at + 1 :]],
                    [*now[:at], other, *now[at:]],
                    [*now[:at], *now[at + 1 :]],
                ]
            )


def test_places_are_kept_until_somebody_says_another_thing_of_a_packet() -> None:
    there = hosts(100)
    first: Placed = placed(there, list(map(keys_of, there)))
    there[7] = replace(there[7], action="drop")
    assert placed(there, list(map(keys_of, there)), first) is first
    assert indexed(there, first)[0][0].rules[BASES[4] + 7, 6, 80] is there[7]
    there[7] = replace(there[7], action="count")
    assert list(placed(there, list(map(keys_of, there)), first).left) == [7]


def test_of_two_rules_with_one_key_the_first_decides() -> None:
    there = hosts(100)
    both = replace(there[7].match, protocols=(6, 17))
    later = replace(there[7], origin="rule/later", action="drop", match=both)
    (found,), left = at_once([*there, later])
    assert found.rules[BASES[4] + 7, 6, 80] is there[7]
    assert found.rules[BASES[4] + 7, 17, 80] is later
    assert left == []


def test_what_has_keys_needs_nothing_beside_it() -> None:
    """So ``compile_rule`` does not ask."""
    with_keys = [rule for seed in range(20) for rule in rules(Random(seed), 120) if keys_of(rule)]
    assert len(with_keys) > 1000
    for rule in with_keys:
        sides = [*alias_sets(rule.match.source), *alias_sets(rule.match.destination)]
        assert [*limits_of(rule), *meters_of(rule), *helpers_of(rule), *sides] == []
        assert rule.log is None


def test_generated_rules_do_find_places() -> None:
    """Else the property above would say little."""
    found: list[Index] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fold, "RUN", 2)
        patch.setattr(index, "WORTH", 1000)
        for seed in range(20):
            before = rules(Random(seed), 120)
            indexes, left = at_once(before)
            found += indexes
            assert 0 < len(left) < 120
    assert {one.shape.ranged for one in found} == {True, False}
    assert {one.shape.version for one in found} >= {4, 6}
    assert {one.shape.source for one in found} >= {32, 30, 128}


def hosts(number: int, action: Any = "allow") -> list[PolicyRule]:
    """Return a rule for a port of each of so many hosts that follow each other."""
    return [
        PolicyRule(f"rule/{at}", action, Match(
            source=AddressSet(((BASES[4] + at, BASES[4] + at),)), protocols=(6,),
            destination_ports=(PortRange(80, 80),),
        ), frozenset({"wan"}), frozenset({"lan"}))
        for at in range(number)
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("more", "keys"),
    [
        ({}, 1),
        ({"limit": None, "log": None}, 1),
        ({"action": "reject"}, 1),
        ({"action": "reject", "reject_with": "tcp-reset"}, 0),
        ({"action": "count"}, 0),
        ({"connections": ConnectionLimit(most=3)}, 0),
        ({"set_dscp": 46}, 0),
        ({"helper": "ftp"}, 0),
    ],
)
def test_what_does_more_than_decide_stays_a_rule(more: dict[str, Any], keys: int) -> None:
    assert len(keys_of(replace(hosts(1)[0], **more))) == keys


@pytest.mark.parametrize(
    ("more", "keys"),
    [
        ({"protocols": (6, 17)}, 2),
        ({"protocols": None}, 0),
        ({"interfaces": frozenset({"eth0"})}, 0),
        ({"mark": Mark(1)}, 0),
        ({"source": None}, 1),
        ({"source": AddressSet(((1, 1), (3, 3), (8, 15)))}, 3),
        ({"source": AddressSet(((1, 2),))}, 0),
        ({"source": AddressSet(((0, (1 << 32) - 1),))}, 0),
        ({"source": AddressSet(((1, 1),), alias="office")}, 0),
        ({"source": AddressSet(((1, 1),), lives=True)}, 0),
        ({"source": AddressSet(tuple((2 * at, 2 * at) for at in range(MOST_KEYS + 1)))}, 0),
        ({"destination_ports": (PortRange(1, 9), PortRange(20, 20))}, 2),
        ({"destination_ports": (PortRange(1, 9), PortRange(9, 20))}, 0),
    ],
)
def test_only_prefixes_protocols_and_ports_make_keys(more: dict[str, Any], keys: int) -> None:
    rule = hosts(1)[0]
    assert len(keys_of(replace(rule, match=replace(rule.match, **more)))) == keys


def test_few_rules_and_lists_of_which_few_find_a_place_stay_as_they_are() -> None:
    few, odd = hosts(fold.RUN - 1), [PolicyRule("rule/odd", "count")] * (2 * fold.RUN)
    for found in (few, [*hosts(fold.RUN), *odd]):
        assert at_once(found) == ((), found)
    enough = [*hosts(fold.RUN), *odd[: fold.RUN]]
    indexes, left = at_once(enough)
    assert [len(one.rules) for one in indexes] == [fold.RUN]
    assert len(left) == fold.RUN


def test_one_rule_more_is_two_commands() -> None:
    there = hosts(2000)
    more = replace(there[5], origin="rule/new", match=replace(there[5].match, protocols=(17,)))
    before, after = (
        compile_nft(Policy(zones=ZONES, rules=tuple(found)))
        for found in (there, [*there[:77], more, *there[77:]])
    )
    _, *commands = transaction(Contents.of(before), after)
    assert [next(iter(one["add"])) for one in commands] == ["counter", "element"]
    assert transaction(Contents.of(after), after) == []


def test_each_verdict_has_a_map_that_leads_to_the_counters_of_its_rules() -> None:
    made = hosts(100, "drop")
    made[7] = replace(made[7], action="reject")
    table = compile_nft(Policy(zones=ZONES, rules=tuple(made)))
    maps = {name: one.counters for name, one in table.sets.items() if isinstance(one, Keyed)}
    assert {name.rpartition("/")[2]: len(found) for name, found in maps.items()} == {"drop": 99, "reject": 1}
    for found in maps.values():
        for key, counter in found.items():
            assert counter == f"rule/{key[0] - BASES[4]}"  # type: ignore[operator]
            assert counter in table.counters


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 8)), max_size=12), st.integers(0, 50))
def test_united_ports_are_those_of_all_ranges(ranges: list[tuple[int, int]], port: int) -> None:
    found = Ports()
    for first, more in ranges:
        found.add(first, first + more)
    held = {one for first, more in ranges for one in range(first, first + more + 1)}
    assert found.meets(port, port) == (port in held)
    assert found.meets(port, port + 3) == any(one in held for one in range(port, port + 4))
