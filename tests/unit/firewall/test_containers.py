# SPDX-License-Identifier: GPL-2.0-or-later
"""What goes to the kernel as a set or map is what is made of the kernel's bytes, whatever their order."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patronus.firewall.addresses import Interval, Version, merged
from patronus.firewall.table.containers import container
from patronus.firewall.table.ruleset import Container, Dispatch, Hosts, Intervals, Keyed, Meter, Values, Ways
from patronus.firewall.table.sets import grown, jumps, made
from patronus.kernel.nfnetlink import attribute, attributes, text
from patronus.kernel.nft_parts import Element, StandingSet, chain_of, elements_of, set_of
from patronus.kernel.nft_sets import container as set_encoded
from patronus.kernel.nft_sets import element_lists

NAME = "some/4"
CHAINS = st.sampled_from(["pair/wan/lan", "pair/lan/wan/0/4", "reject"])
PORT = st.integers(0, 65535)


def numbers(version: Version) -> st.SearchStrategy[int]:
    return st.integers(0, (1 << (32 if version == 4 else 128)) - 1)


def intervals(values: st.SearchStrategy[int]) -> st.SearchStrategy[list[Interval]]:
    pairs = st.tuples(values, values).map(lambda pair: (min(pair), max(pair)))
    return st.lists(pairs, max_size=6).map(lambda found: list(merged(found)))


def touching(found: list[Interval]) -> list[Interval]:
    """Part every interval that can be parted in two that touch: maps have such, each leads elsewhere."""
    return [half for first, last in found for half in _halves(first, last)]


def _halves(first: int, last: int) -> Iterator[Interval]:
    if first == last:
        yield first, last
    else:
        middle = (first + last) // 2
        yield from ((first, middle), (middle + 1, last))


def told(wanted: Container) -> StandingSet:
    """Return a set or map as the kernel tells it, its elements in another order than they went to it."""
    ((_, what),) = made(NAME, wanted).items()
    ((kind, fields),) = what.items()
    encoded = attribute(2, text(NAME)) + set_encoded(
        {name: value for name, value in fields.items() if name != "name"}, is_map=kind == "map"
    )
    found = set_of(attributes(encoded, 0, len(encoded)))
    assert found is not None
    lists: list[Any] = [
        command["add"]["element"]["elem"]
        for command in (*grown({}, {NAME: wanted}), *jumps({}, {NAME: wanted}, "add"))
    ]
    elements = [
        element for one in lists for part in element_lists(one) for element in elements_of({3: part[4:]})
    ]
    Random(1).shuffle(elements)
    return found._replace(elements=tuple(elements))


@given(intervals(numbers(4)), intervals(numbers(6)))
def test_addresses_come_back(four: list[Interval], six: list[Interval]) -> None:
    for wanted in (Intervals(4, tuple(four)), Intervals(6, tuple(six))):
        assert container(told(wanted)) == wanted


@given(st.lists(numbers(4), unique=True, max_size=6), st.lists(numbers(6), unique=True, max_size=6))
def test_single_addresses_come_back(four: list[int], six: list[int]) -> None:
    for wanted in (Hosts(4, 1024, tuple(sorted(four))), Hosts(6, 8, tuple(sorted(six)))):
        assert container(told(wanted)) == wanted


@given(
    intervals(numbers(4)), intervals(numbers(6)), intervals(PORT), st.lists(CHAINS, min_size=12, max_size=12)
)
def test_ways_come_back(
    four: list[Interval], six: list[Interval], ports: list[Interval], chains: list[str]
) -> None:
    kinds: tuple[tuple[Any, list[Interval]], ...] = ((4, four), (6, six), (0, ports))
    for kind, found in kinds:
        wanted = Ways(kind, dict(zip(touching(found), chains, strict=False)))
        assert container(told(wanted)) == wanted


KEYS: list[tuple[tuple[str, ...], tuple[st.SearchStrategy[int], ...]]] = [
    (("ipv4_addr",), (numbers(4),)),
    (("ipv6_addr",), (numbers(6),)),
    (("ipv4_addr", "inet_proto", "inet_service"), (numbers(4), st.integers(0, 255), PORT)),
    (("ipv6_addr", "ipv6_addr", "inet_proto"), (numbers(6), numbers(6), st.integers(0, 255))),
]


@pytest.mark.parametrize(("kinds", "values"), KEYS)
@given(data=st.data())
def test_keys_of_counters_come_back(
    kinds: tuple[str, ...], values: tuple[st.SearchStrategy[int], ...], data: st.DataObject
) -> None:
    keys = data.draw(st.lists(st.tuples(*values), unique=True, max_size=6))
    wanted = Keyed(kinds, 1024, {key: f"rule/r-{at}" for at, key in enumerate(keys)})
    assert container(told(wanted)) == wanted


@given(st.dictionaries(st.tuples(numbers(4), st.sampled_from([6, 17])), st.tuples(PORT, PORT), max_size=6))
def test_keys_with_ranges_come_back(found: dict[tuple[int, int], Interval]) -> None:
    keys: dict[Values, str] = {
        (*key, min(ports) if len(set(ports)) == 1 else (min(ports), max(ports))): f"rule/{at}"
        for at, (key, ports) in enumerate(found.items())
    }
    wanted = Keyed(("ipv4_addr", "inet_proto", "inet_service"), 0, keys)
    assert container(told(wanted)) == wanted


@pytest.mark.parametrize(
    "wanted",
    [
        Dispatch(1, {("eth0",): "pair/wan/lan", ("fifteen-letters",): "other"}),
        Dispatch(2, {("eth0", "a-much-longer-1"): "pair/wan/lan", ("b", "c"): "other"}),
        Meter(4),
        Meter(6, timeout_s=0, size=7),
    ],
)
def test_names_and_what_the_kernel_fills_come_back(wanted: Container) -> None:
    assert container(told(wanted)) == wanted


def test_a_set_of_one_rule_is_none_of_the_table() -> None:
    assert set_of({2: b"__set0\0", 3: (1).to_bytes(4, "big"), 4: (7).to_bytes(4, "big")}) is None


def test_a_stranger_s_set_and_chain_are_told_and_break_nothing() -> None:
    """Somebody with root's powers put them into our table: they are a difference, not a failure."""
    strange = set_of({2: b"odd\0", 3: bytes(4), 4: (19).to_bytes(4, "big")})
    assert strange is not None
    assert strange.kinds == ("type 19",)
    assert container(strange) == Hosts(6, 0, ())
    by_mark = set_of({2: b"map\0", 3: (0x40).to_bytes(4, "big"), 4: (19).to_bytes(4, "big")})
    assert by_mark is not None
    told = by_mark._replace(elements=(Element(b"\0\0\0\7", None, "a counter", False),))
    assert container(told) == Keyed(("type 19",), 0, {(7,): "a counter"})
    hook = attribute(1, (9).to_bytes(4, "big")) + attribute(2, (-5).to_bytes(4, "big", signed=True))
    found = chain_of({3: b"odd\0", 4: hook, 5: (7).to_bytes(4, "big"), 7: b"route\0"})
    assert found.hook == ("route", "hook 9", -5, "7")
