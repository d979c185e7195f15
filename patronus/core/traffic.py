# SPDX-License-Identifier: GPL-2.0-or-later
"""Queues as values: the words that the plan of the shapers and the kernel's adapter share.

A handle is a number of 32 bits, its upper half the queue's and its lower half a class inside it, as in tc(8):
0x00010002 is 1:2. ``device`` is the kernel's name of a link, never a role. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

ROOT = 0x70610000
"""Handle of the queues that are ours: people and the kernel number theirs from the two ends of the range."""
DEVICE = 0xFFFFFFFF
"""TC_H_ROOT: the parent of the queue that a device sends through."""
ARRIVING = 0xFFFFFFF2
"""TC_H_CLSACT and TC_H_MIN_INGRESS: where filters on what arrives hang."""
POSITION = 0x7061
"""Where our filter on what arrives stands among those of others: near the end."""


def written(handle: int) -> str:
    """Return a handle as tc(8) writes it."""
    return f"{handle >> 16:x}:{handle & 0xFFFF:x}" if handle & 0xFFFF else f"{handle >> 16:x}:"


@dataclass(frozen=True)
class Queue:
    """A queueing discipline. ``options`` are the kernel's attributes by name, those that we give."""

    kind: str
    handle: int
    parent: int = DEVICE
    options: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Framing:
    """What a link adds to each packet: bytes, the smallest frame in bytes, and cells of 53 bytes with ATM."""

    overhead: int = 0
    smallest: int = 0
    cells: bool = False
    ptm: bool = False


PLAIN = Framing()


@dataclass(frozen=True)
class Share:
    """A class of an HTB queue: what it is sure of, what it may have, and who is served first."""

    handle: int
    parent: int
    rate_bps: int
    ceiling_bps: int
    priority: int = 0
    framing: Framing = PLAIN


@dataclass(frozen=True)
class Sorter:
    """A filter: what ``program`` (classic BPF, 8 bytes an instruction) takes goes to a class or a device.

    ``position``: lower ones are asked first. ``handle`` is made from the content: another content is
    another filter, so that one that stands needs no reading back.
    """

    parent: int
    position: int
    handle: int
    program: bytes
    share: int | None = None
    device: str | None = None


@dataclass(frozen=True)
class Figures:
    """What a queue has counted since it was made. Delays are in microseconds, None where it knows none."""

    bytes: int = 0
    packets: int = 0
    dropped: int = 0
    marked: int = 0
    waiting_bytes: int = 0
    waiting_packets: int = 0
    delay_us: int | None = None
    peak_delay_us: int | None = None


NOTHING = Figures()


@dataclass(frozen=True)
class QueueSeen:
    """A queue as the kernel has it, with what it has counted, and CAKE's tins from the least urgent on."""

    queue: Queue
    figures: Figures = NOTHING
    tins: tuple[Figures, ...] = ()


@dataclass(frozen=True)
class DeviceSeen:
    """A link's queues, classes and filters, as they were at one moment.

    ``sorters``: (parent, position, handle) of each filter. ``ours``: an ``ifb`` that Patronus made.
    """

    index: int
    up: bool = False
    ours: bool = False
    queues: tuple[QueueSeen, ...] = ()
    shares: tuple[Share, ...] = ()
    sorters: frozenset[tuple[int, int, int]] = frozenset()

    def root(self) -> QueueSeen | None:
        """Return the queue that it sends through, None for one that the kernel chose by itself."""
        return next((one for one in self.queues if one.queue.parent == DEVICE and one.queue.handle), None)

    def has(self, kind: str) -> bool:
        """Return whether a queue of the kind stands on it."""
        return any(one.queue.kind == kind for one in self.queues)
