# SPDX-License-Identifier: GPL-2.0-or-later
"""From the rules of a chain as they stand to the rules that are wanted, touching as few as can be.

A rule that stays keeps its handle and its place between the others that stay: they are a longest sequence
that both chains have in common. Rules are told apart by their comments, equal ones by their number. Pure.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class ChainDiff:
    """``gone`` are handles; ``new`` are positions in the wanted chain, each with the handle it goes before.

    A position that goes before None is appended. ``handles`` are those of the wanted chain, None for a rule
    that is yet to get one.
    """

    gone: tuple[int, ...]
    new: tuple[tuple[int, int | None], ...]
    handles: tuple[int | None, ...]


def chain_diff(there: Sequence[str], handles: Sequence[int], wanted: Sequence[str]) -> ChainDiff:
    """Return the way from the comments ``there``, with their handles, to those that are wanted."""
    head, tail = _same_ends(there, wanted)
    kept: list[int | None] = [*handles[:head], *([None] * (len(wanted) - head - tail))]
    kept += handles[len(there) - tail :]
    for left, right in _common(there[head : len(there) - tail], wanted[head : len(wanted) - tail]):
        kept[head + right] = handles[head + left]
    staying = set(kept)
    return ChainDiff(
        gone=tuple(handle for handle in handles[head : len(there) - tail] if handle not in staying),
        new=tuple(_new(kept, head, len(wanted) - tail)),
        handles=tuple(kept),
    )


def _same_ends(there: Sequence[str], wanted: Sequence[str]) -> tuple[int, int]:
    """Return how many rules are the same at the beginning and, of the rest, at the end."""
    short = min(len(there), len(wanted))
    head = next((at for at in range(short) if there[at] != wanted[at]), short)
    rest = short - head
    tail = next((at for at in range(rest) if there[-1 - at] != wanted[-1 - at]), rest)
    return head, tail


def _common(there: Sequence[str], wanted: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Yield the positions of a longest common sequence; rules are unique once they are numbered."""
    places = {key: at for at, key in enumerate(_numbered(there))}
    pairs = [(places[key], at) for at, key in enumerate(_numbered(wanted)) if key in places]
    ends: list[int] = []
    chains: list[tuple[int, int, int]] = []
    last: list[int] = []
    for left, right in pairs:
        length = bisect_left(ends, left)
        chains.append((left, right, last[length - 1] if length else -1))
        ends[length : length + 1] = [left]
        last[length : length + 1] = [len(chains) - 1]
    at = last[-1] if last else -1
    while at >= 0:
        left, right, at = chains[at]
        yield left, right


def _numbered(comments: Sequence[str]) -> Iterator[tuple[str, int]]:
    seen: dict[str, int] = {}
    for comment in comments:
        seen[comment] = seen.get(comment, 0) + 1
        yield comment, seen[comment]


def _new(kept: Sequence[int | None], start: int, end: int) -> list[tuple[int, int | None]]:
    """Return the positions without a handle, in order, each with the next handle behind it."""
    before = kept[end] if end < len(kept) else None
    found = []
    for position in range(end - 1, start - 1, -1):
        if kept[position] is None:
            found.append((position, before))
        else:
            before = kept[position]
    return found[::-1]


def filled(handles: Sequence[int | None], fresh: Sequence[int]) -> tuple[int, ...]:
    """Return the handles with those that the kernel gave, in order, in the gaps. Raises ValueError."""
    given = iter(fresh)
    found = tuple(next(given, 0) if handle is None else handle for handle in handles)
    if 0 in found or next(given, None) is not None:
        raise ValueError("the kernel gave another number of handles than rules were new")
    return found
