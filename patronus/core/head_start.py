# SPDX-License-Identifier: GPL-2.0-or-later
"""The head start: what the kernel needs for packets to pass, kept for the next boot as programs read it.

``rootfs/usr/lib/patronus/head-start`` reads the file before patronusd starts, and loads it where all that is
said at its top still holds. A line is a word and what belongs to it; an empty line ends the top. Pure.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

Word = Literal["make", "nft", "set", "vlan", "ip4", "ip6", "sysctl"]
WORDS: tuple[Word, ...] = ("make", "nft", "set", "vlan", "ip4", "ip6", "sysctl")
"""In the order in which they are loaded: links are made, the rules stand, links come up, routes lead there.

``make`` and ``set`` are for ip(8), ``vlan`` for bridge(8), ``ip4`` and ``ip6`` for ip(8) in one family,
``nft`` is JSON for nft(8), ``sysctl`` a name below /proc/sys and a value.
"""
FORMAT = 1
"""Of the file, and of what its lines make: a new version of Patronus may load what the one before has kept.

To be raised where the lines are said in another way, and where a daemon would no longer find, or take away,
what an older one had made of links, routes and rules.
"""


@dataclass(frozen=True)
class Line:
    """One line for the program that the word stands for."""

    word: Word
    text: str


@dataclass(frozen=True)
class HeadStart:
    """What one feature's plan needs; ``for_s``: seconds until it would be another plan, None: never.

    Not ``whole``: something of the plan cannot be said in such lines, and nothing is kept at all.
    """

    lines: tuple[Line, ...] = ()
    for_s: float | None = None
    whole: bool = True


NOTHING = HeadStart()


@dataclass(frozen=True)
class Card:
    """A network card as the next boot must find it; ``place``: its device below /sys, ``-`` for none."""

    name: str
    mac: str
    place: str


@dataclass(frozen=True)
class System:
    """One that may be started: its version, and dm-verity's hash of its root, ``-`` where it has none."""

    version: str
    root: str


@dataclass(frozen=True)
class Occasion:
    """What must hold at the next boot.

    ``generation`` is the confirmed one, with the digests of its ``files`` as they lie in its folder; one of
    the ``systems`` runs. ``now_s`` is the wall clock.
    """

    now_s: float
    cards: tuple[Card, ...] = ()
    systems: tuple[System, ...] = ()
    generation: int = 0
    files: Mapping[str, str] = field(default_factory=dict)


def render(occasion: Occasion, parts: Iterable[HeadStart]) -> bytes:
    """Return the file: its own digest, what must hold, and what is loaded then."""
    known = tuple(parts)
    lines = [line for part in known for line in part.lines]
    ends = [part.for_s for part in known if part.for_s is not None]
    top = [
        f"format {FORMAT}",
        f"generation {occasion.generation}",
        *(f"system {system.version} {system.root}" for system in occasion.systems),
        *([f"between {int(occasion.now_s)} {int(occasion.now_s + min(ends))}"] if ends else []),
        *(f"card {card.name} {card.mac} {card.place}" for card in occasion.cards),
        *(f"file {digest}  {name}" for name, digest in sorted(occasion.files.items())),
    ]
    loaded = [f"{word} {line.text}" for word in WORDS for line in lines if line.word == word]
    body = "".join(f"{line}\n" for line in (*top, "", *loaded)).encode(errors="surrogateescape")
    return f"sha256 {hashlib.sha256(body).hexdigest()}\n".encode() + body
