# SPDX-License-Identifier: GPL-2.0-or-later
"""What a network card can be set to, and how it is set: the words that plans and the kernel's adapter share.

Offloads have the kernel's names here (``tx-tcp-segmentation``), as ``ethtool -k`` shows them. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


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
class Card:
    """A card as it was found: ``number`` is the kernel's, another one once it was pulled out."""

    device: str
    number: int = 0
    offloads: Mapping[str, Offload] = field(default_factory=dict)
