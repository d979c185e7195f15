# SPDX-License-Identifier: GPL-2.0-or-later
"""What can be asked about network cards: results of the verb. Pure."""

from __future__ import annotations

from pydantic import Field

from patronus.core.card import Card
from patronus.core.verb import Result
from patronus.network.cards.offloads import PARTS, changeable, is_on
from patronus.network.cards.plan import CardWanted


class OffloadInfo(Result):
    """One piece of work that the card, or the kernel around it, may take over."""

    name: str = Field(description="as ethtool and the file of the interfaces call it")
    on: bool
    changeable: bool


class AmountInfo(Result):
    """A number that can be set."""

    name: str
    now: int
    most: int


class CardInfo(Result):
    """What a network card offers, and how it is set."""

    device: str
    interface: str | None = Field(description="role that it plays; null: none")
    offloads: list[OffloadInfo] = Field(description="those that are on, or can be switched")
    rings: list[AmountInfo] = Field(
        description="packets in ``receive`` and ``transmit``, where it can be set"
    )
    queues: list[AmountInfo] = Field(description="``combined`` (pairs), or one number for each direction")
    warnings: list[str] = Field(description="what the file asks for in vain")


class CardList(Result):
    """Network cards in the order of the kernel."""

    cards: list[CardInfo]


def card_info(card: Card, wanted: CardWanted | None) -> CardInfo:
    """Return a card; ``wanted`` None: it plays no role."""
    can = set(changeable(card.offloads))
    found = [OffloadInfo(name=name, on=is_on(name, card.offloads), changeable=name in can) for name in PARTS]
    return CardInfo(
        device=card.device,
        interface=wanted.role if wanted else None,
        offloads=[one for one in found if one.on or one.changeable],
        rings=[AmountInfo(name=name, now=one.now, most=one.most) for name, one in card.rings.items()],
        queues=[AmountInfo(name=name, now=one.now, most=one.most) for name, one in card.queues.items()],
        warnings=[problem.message for problem in wanted.lacks] if wanted else [],
    )
