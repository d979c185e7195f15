# SPDX-License-Identifier: GPL-2.0-or-later
"""Long lists of rules to branches: what a packet is says which few of them are tried, and none of the others.

A run of rules that all name one field (the source, say) becomes a branch: the field's values are halved, and
halved again, until few rules meet each part. Such a part, a cell, holds the rules that may fit a packet
in it, in their order; values that no rule names have no cell. So every packet meets the rules that may fit it
as before, the same ones in the same order, and each rule stays what it is: its counter, limit, log and id.
A rule on both sides of a border stands in both cells. One that would stand in too many of them ends the run
and is tried by every packet that comes by. A rule that comes or goes moves no border, but where a cell
becomes too full.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from operator import attrgetter
from typing import Any, Literal

from patronus.core.values import PortRange
from patronus.firewall.addresses import AddressSet, Interval, Version
from patronus.firewall.policy import PolicyRule

RUN = 48
"""Rules from which on a run is folded: fewer are tried sooner than a branch is."""
CELL = 12
"""Rules of a cell beside those that fit all of it; more are halved again if that parts them."""
SPARE = 2
"""For so many rules in cells there may be one copy."""
MOST = 10
"""Where all but one in so many rules can be folded by a field, no other one is looked at."""
Field = Literal["source", "destination", "destination_port", "source_port"]
FIELDS: tuple[Field, ...] = ("source", "destination", "destination_port", "source_port")
"""What is asked for first where several would do."""
Kind = Version | Literal[0]
"""The family of an address; 0 for a port."""
WIDTH: Mapping[Kind, int] = {4: 32, 6: 128, 0: 16}
ADDRESSES = ("source", "destination")
VALUES: Mapping[Field, Callable[[PolicyRule], Any]] = {
    "source": attrgetter("match.source"),
    "destination": attrgetter("match.destination"),
    "destination_port": attrgetter("match.destination_ports"),
    "source_port": attrgetter("match.source_ports"),
}
"""What a rule says of each field."""
_COUNTING = attrgetter("connections")
ANY = AddressSet(((0, (1 << 32) - 1),), ((0, (1 << 128) - 1),))
Entry = tuple[int, int, int]
"""First and last value that a rule fits, and the rule's place in the list."""
Cells = dict[tuple[Kind, Interval], Sequence[int]]


@dataclass(frozen=True, slots=True)
class Parted:
    """How a field parts a list, and what that hangs on: what the rules say of it, and what they count.

    ``narrow`` are the places of the rules that can be folded by the field.
    """

    said: tuple[Any, ...]
    counting: tuple[Any, ...]
    cells: Cells
    narrow: Collection[int]


Before = dict[Field, Parted]
"""What was found for a list the last time."""


@dataclass(frozen=True, slots=True)
class Branch:
    """A packet is tried by the steps of the cell that its field lies in, then goes on behind the branch."""

    field: Field
    cells: Mapping[tuple[Kind, Interval], tuple[Step, ...]]


Step = PolicyRule | Branch


def fold(
    rules: Sequence[PolicyRule], fields: Sequence[Field] = FIELDS, before: Before | None = None
) -> tuple[Step, ...]:
    """Return the steps that a packet goes through instead of the rules. Pure but for ``before``."""
    before = {} if before is None else before
    last = before.copy()
    before.clear()
    if len(rules) < RUN:
        return tuple(rules)
    narrow: dict[Field, Collection[int]] = {}
    for field in fields:
        parted = before[field] = _parted(rules, field, last.get(field))
        narrow[field] = parted.narrow
        if len(narrow[field]) == len(rules):
            return (_branch(rules, field, fields, parted.cells),)
        if len(rules) - len(narrow[field]) <= len(rules) // MOST:
            narrow = {field: narrow[field]}
            break
    steps: list[Step] = []
    for start, end, found in _runs(len(rules), narrow):
        run = rules[start:end]
        steps += [_branch(run, found[0], fields, None)] if found and len(run) >= RUN else run
    return tuple(steps)


def _parted(rules: Sequence[PolicyRule], field: Field, last: Parted | None) -> Parted:
    """Return how the field parts the rules: as the last time, where nobody says anything else of it."""
    said, counting = tuple(map(VALUES[field], rules)), tuple(map(_COUNTING, rules))
    if last is not None and last.said == said and last.counting == counting:
        return last
    cells = _cells(rules, field)
    return Parted(said, counting, cells, _narrow(rules, field, cells))


def _branch(
    rules: Sequence[PolicyRule], field: Field, fields: Sequence[Field], cells: Cells | None
) -> Branch:
    """Return the branch of a run; what one field cannot part is left to the others."""
    others = [other for other in fields if other != field]
    found = _cells(rules, field) if cells is None else cells
    return Branch(field, {cell: fold([rules[at] for at in at_all], others) for cell, at_all in found.items()})


def _narrow(rules: Sequence[PolicyRule], field: Field, cells: Cells) -> Collection[int]:
    """Return the places of the rules to be folded by a field, those in the most cells left out.

    None are where the field does not part the rules.
    """
    named = [place for place, rule in enumerate(rules) if _named(rule, field)]
    if len(named) < RUN or max(map(len, cells.values()), default=0) * 2 > len(rules):
        return frozenset()
    inside = range(named[0], named[-1] + 1)
    held = Counter(chain.from_iterable(cells.values()))
    allowed = sum(held[place] > 0 for place in inside) * (SPARE + 1) // SPARE
    kept = [place for place in inside if _can_be_in_cells(rules[place], field)]
    total = sum(map(held.__getitem__, kept))
    if total > allowed:
        kept.sort(key=held.__getitem__)
    while total > allowed:
        total -= held[kept.pop()]
    return frozenset(kept) if len(kept) < len(rules) else range(len(rules))


def _runs(
    length: int, narrow: Mapping[Field, Collection[int]]
) -> Iterator[tuple[int, int, tuple[Field, ...]]]:
    """Yield the list in parts, each with the fields by which all of it can be folded, if any."""
    start, common = 0, tuple[Field, ...]()
    for place in range(length):
        here = tuple(field for field in narrow if place in narrow[field])
        still = tuple(field for field in common if field in here)
        if place > start and not still and (common or here):
            yield start, place, common
            start = place
        common = still if place > start else here
    yield start, length, common


def _can_be_in_cells(rule: PolicyRule, field: Field) -> bool:
    """Return whether the rule may stand in cells, and twice: not where it counts connections by itself."""
    if rule.connections is not None and rule.connections.per is None:
        return False
    return field in ADDRESSES or VALUES[field](rule) is not None


def _named(rule: PolicyRule, field: Field) -> bool:
    """Return whether the rule says which values of the field it fits; an alias's may change by themselves."""
    value = VALUES[field](rule)
    if isinstance(value, AddressSet):
        return value.alias is None and not value.lives
    return value is not None


def _cells(rules: Sequence[PolicyRule], field: Field) -> Cells:
    """Return the cells of a field, each with the places of the rules that may fit a value in it.

    A rule for any address is in all cells, one for any port in none: not every packet has a port.
    """
    values = map(VALUES[field], rules)
    entries = _of_addresses(values) if field in ADDRESSES else _of_ports(values)
    return {
        (kind, cell): places
        for kind, found in entries.items()
        for cell, places in _halved(sorted(found), 0, WIDTH[kind])
    }


def _of_addresses(values: Iterable[AddressSet | None]) -> dict[Kind, list[Entry]]:
    four: list[Entry] = []
    six: list[Entry] = []
    for place, value in enumerate(values):
        addresses = ANY if value is None or value.alias is not None or value.lives else value
        for first, last in addresses.ipv4:
            four.append((first, last, place))
        for first, last in addresses.ipv6:
            six.append((first, last, place))
    return {4: four, 6: six}


def _of_ports(values: Iterable[Sequence[PortRange] | None]) -> dict[Kind, list[Entry]]:
    found = enumerate(values)
    return {0: [(port.first, port.last, place) for place, value in found for port in value or ()]}


def _halved(
    entries: list[Entry], base: int, width: int, through: Sequence[int] = ()
) -> Iterator[tuple[Interval, Sequence[int]]]:
    """Yield the cells between ``base`` and the last value of as many bits; entries are sorted.

    ``through`` are the places of rules that take all of these values.
    """
    end = base + (1 << width) - 1
    parted = [entry for entry in entries if entry[0] > base or entry[1] < end]
    if len(parted) < len(entries):
        whole = (entry[2] for entry in entries if entry[0] <= base and entry[1] >= end)
        through = sorted({*through, *whole})
    if len(parted) <= CELL:
        if parted or through:
            yield (base, end), sorted({*through, *(entry[2] for entry in parted)})
        return
    inner, span = _smallest(parted, base, width)
    if span < width:
        yield from _halved(parted, inner, span, through)
        for gap in ((base, inner - 1), (inner + (1 << span), end)):
            if through and gap[0] <= gap[1]:
                yield gap, through
        return
    middle = base + (1 << width - 1)
    border = bisect_left(parted, (middle,))
    left = parted[:border]
    right = [entry for entry in left if entry[1] >= middle] + parted[border:]
    yield from _halved(left, base, width - 1, through)
    yield from _halved(right, middle, width - 1, through)


def _smallest(entries: Sequence[Entry], base: int, width: int) -> tuple[int, int]:
    """Return the smallest prefix, its first value and bits, with all that entries take of the one given."""
    first = max(entries[0][0], base)
    if (first ^ entries[-1][0]) >> width - 1:
        return base, width
    span = (first ^ max(entry[1] for entry in entries)).bit_length()
    return (first >> span << span, span) if span < width else (base, width)
