# SPDX-License-Identifier: GPL-2.0-or-later
"""How the cards shall be set: as the file asks, as far as each offers it, and else as it was found. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from patronus.core.card import Card
from patronus.core.feature import Plan
from patronus.core.model import Configuration
from patronus.core.problem import Path, Problem
from patronus.network.cards.offloads import asked, changeable, parts
from patronus.network.interfaces.model import Interface, Interfaces
from patronus.network.interfaces.plan import InterfacesPlan
from patronus.network.interfaces.roles import warning

Group = Literal["offloads"]
"""What the kernel is told in one message."""
Settings = Mapping[str, bool | int]
"""Name of a setting → its value."""


@dataclass(frozen=True)
class Kept:
    """What a card had before we changed it: by this it is set back. ``number`` tells it from a later one."""

    number: int
    settings: Mapping[Group, Settings] = field(default_factory=dict)


@dataclass(frozen=True)
class Facts:
    """Device → what the card offers and has, and what it had before."""

    cards: Mapping[str, Card] = field(default_factory=dict)
    kept: Mapping[str, Kept] = field(default_factory=dict)


@dataclass(frozen=True)
class CardWanted:
    """A card as it shall be. ``asked``: by the file; ``former``: as it was, where the file asks no more.

    ``lacks``: what the file asks for in vain.
    """

    role: str
    device: str
    asked: Mapping[Group, Settings]
    former: Mapping[Group, Settings] = field(default_factory=dict)
    lacks: tuple[Problem, ...] = ()


@dataclass(frozen=True)
class CardsPlan(Plan):
    """The cards that play a role and are there."""

    cards: tuple[CardWanted, ...] = ()

    @property
    def warnings(self) -> list[Problem]:
        """Return what the cards cannot do of what the file asks for."""
        return [problem for card in self.cards for problem in card.lacks]


def plan(config: Configuration, links: InterfacesPlan, facts: Facts) -> CardsPlan:
    """Return the plan."""
    cards: list[CardWanted] = []
    for position, item in enumerate(config.get(Interfaces).interfaces):
        card = facts.cards.get(links.devices.get(item.id) or "") if item.kind == "nic" else None
        if card is not None:
            cards.append(_wanted(("network/interfaces", "interfaces", position), item, card, facts.kept))
    return CardsPlan((), tuple(cards))


def _wanted(path: Path, item: Interface, card: Card, kept: Mapping[str, Kept]) -> CardWanted:
    lacks: list[Problem] = []
    asked_for: dict[Group, Settings] = {"offloads": _offloads(path, item, card, lacks)}
    return CardWanted(item.id, card.device, asked_for, _former(asked_for, card, kept), tuple(lacks))


def _offloads(path: Path, item: Interface, card: Card, lacks: list[Problem]) -> Settings:
    """Return what to switch, and add to ``lacks`` what the card does not offer."""
    found: dict[str, bool] = {}
    for name, on in asked(item.offloads).items():
        switched = parts(name, on, card.offloads)
        if switched is None:
            text = f"{card.device}, the card of {item.id}, cannot have {name} {'on' if on else 'off'}"
            hint = f"it can switch {', '.join(changeable(card.offloads)) or 'nothing'}"
            lacks.append(warning((*path, "offloads", name), text, hint))
        found |= switched or {}
    return found


def _former(
    asked_for: Mapping[Group, Settings], card: Card, kept: Mapping[str, Kept]
) -> dict[Group, Settings]:
    """Return what the card had before in what the file says nothing of any more."""
    before = kept.get(card.device)
    if before is None or before.number != card.number:
        return {}
    return {
        group: {name: value for name, value in settings.items() if name not in asked_for.get(group, ())}
        for group, settings in before.settings.items()
    }


def differing(wanted: CardWanted, card: Card) -> Iterator[tuple[Group, Settings]]:
    """Yield what must be told to the card, group by group."""
    now = present(card)
    for group, asked_for in wanted.asked.items():
        whole = {**wanted.former.get(group, {}), **asked_for}
        found = {name: value for name, value in whole.items() if now[group].get(name, value) != value}
        if found:
            yield group, found


def present(card: Card) -> dict[Group, Settings]:
    """Return how a card is set: of offloads what was asked for, which may wait for another."""
    return {"offloads": {name: one.asked for name, one in card.offloads.items() if not one.fixed}}


def refused(wanted: CardWanted, card: Card) -> Iterator[tuple[str, bool | int, bool | int]]:
    """Yield name, wanted and found of what the card does not do though it was told."""
    done: dict[Group, Settings] = {"offloads": {name: one.on for name, one in card.offloads.items()}}
    for group, settings in wanted.asked.items():
        for name, value in settings.items():
            found = done[group].get(name, value)
            if found != value:
                yield name, value, found
