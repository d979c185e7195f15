# SPDX-License-Identifier: GPL-2.0-or-later
"""What a network card can be set to, and how it is set: the words that plans and the kernel's adapter share.

Offloads have the kernel's names here (``tx-tcp-segmentation``), as ``ethtool -k`` shows them. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Group = Literal["queues", "rings", "offloads"]
"""What a card is told in one message, in the order of the messages: queues may start the card anew."""
Settings = Mapping[str, bool | int]
"""Name of a setting in its group → its value."""
Ring = Literal["receive", "transmit"]
"""Packets that wait in the card's memory for the kernel, and those of the kernel for the card."""
Queue = Literal["receive", "transmit", "combined"]
"""What one processor serves at a time; most cards have pairs of both directions."""


@dataclass(frozen=True)
class Offload:
    """One piece of work that the card, or the kernel around it, may take over.

    ``on``: it is done now. ``asked``: it would be, where nothing else that is off were needed for it.
    ``fixed``: nobody can change it.
    """

    on: bool = False
    asked: bool = False
    fixed: bool = False


@dataclass(frozen=True)
class Amount:
    """A number that can be set: how many there are now, and at most."""

    now: int
    most: int


@dataclass(frozen=True)
class Card:
    """A card as it was found: ``number`` is the kernel's, another one once it was pulled out.

    What its driver does not let anybody set is not in ``rings`` and ``queues``.
    """

    device: str
    number: int = 0
    offloads: Mapping[str, Offload] = field(default_factory=dict)
    rings: Mapping[Ring, Amount] = field(default_factory=dict)
    queues: Mapping[Queue, Amount] = field(default_factory=dict)
