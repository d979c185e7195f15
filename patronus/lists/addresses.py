# SPDX-License-Identifier: GPL-2.0-or-later
"""Addresses as published lists write them, to numbers. Pure.

One to a line: an address, a prefix (bits behind it are ignored), or a range ``first-last``. What follows
behind a space, a comma or a semicolon is theirs, and ``#`` or ``;`` begins a comment.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from socket import AF_INET, AF_INET6, inet_pton

Interval = tuple[int, int]
"""First and last address as numbers, both included."""
WIDTH = {4: 32, 6: 128}
FAMILY = {4: AF_INET, 6: AF_INET6}
_FIRST_WORD = re.compile(r"[^\s,;#]+")


@dataclass
class Addresses:
    """The intervals of a list by family, in its order, and how many lines held none."""

    found: dict[int, list[Interval]] = field(default_factory=lambda: {4: [], 6: []})
    odd: int = 0
    first_odd: str = ""

    def __len__(self) -> int:
        return len(self.found[4]) + len(self.found[6])


def read_addresses(lines: Iterable[str]) -> Addresses:
    """Return what a list holds. A line that stands for every address there is counts as odd."""
    result = Addresses()
    for line in lines:
        word = _FIRST_WORD.match(line.strip())
        if word is None:
            continue  # empty, or a comment
        try:
            version, interval = parse_interval(word[0])
        except ValueError:
            result.odd += 1
            result.first_odd = result.first_odd or word[0][:64]
        else:
            result.found[version].append(interval)
    return result


def parse_interval(text: str) -> tuple[int, Interval]:
    """Return the family and the interval of an address, prefix or range. Raises ValueError."""
    first, dash, last = text.partition("-")
    if dash:
        (low_version, low), (version, high) = parse_address(first), parse_address(last)
        if low_version != version or low > high or high - low + 1 == 1 << WIDTH[version]:
            raise ValueError(text)
        return version, (low, high)
    address, slash, length = text.partition("/")
    version, start = parse_address(address)
    if not slash:
        return version, (start, start)
    if not (length.isascii() and length.isdigit()):
        raise ValueError(text)
    bits = WIDTH[version] - int(length)
    if not 0 <= bits < WIDTH[version]:
        raise ValueError(text)
    low_bits = (1 << bits) - 1
    return version, (start & ~low_bits, start | low_bits)


def parse_address(text: str) -> tuple[int, int]:
    """Return family and number; by the C library, since lists are long. Raises ValueError."""
    version = 6 if ":" in text else 4
    try:
        return version, int.from_bytes(inet_pton(FAMILY[version], text))
    except OSError:
        raise ValueError(text) from None
