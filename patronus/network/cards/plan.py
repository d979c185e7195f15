# SPDX-License-Identifier: GPL-2.0-or-later
"""How the cards shall be set: as the file asks, as far as each offers it, and else as it was found. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from patronus.core.card import Card, Group, Settings
from patronus.core.feature import Plan
from patronus.core.model import Configuration
from patronus.core.problem import Path, Problem
from patronus.network.cards.amounts import Found, queues, rings
from patronus.network.cards.offloads import asked, changeable, parts
from patronus.network.interfaces.model import Interface, Interfaces
from patronus.network.interfaces.plan import InterfacesPlan
from patronus.network.interfaces.roles import warning


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
    found: Mapping[Group, Found] = {
        "queues": queues(path, item, card),
        "rings": rings(path, item, card),
        "offloads": _offloads(path, item, card),
    }
    asked_for = {group: settings for group, (settings, _) in found.items()}
    lacks = tuple(problem for _, problems in found.values() for problem in problems)
    return CardWanted(item.id, card.device, asked_for, _former(asked_for, card, kept), lacks)


def _offloads(path: Path, item: Interface, card: Card) -> Found:
    """Return what to switch, and what the card does not offer."""
    found: dict[str, bool | int] = {}
    lacks: list[Problem] = []
    for name, on in asked(item.offloads).items():
        switched = parts(name, on, card.offloads)
        if switched is None:
            text = f"{card.device}, the card of {item.id}, cannot have {name} {'on' if on else 'off'}"
            hint = f"it can switch {', '.join(changeable(card.offloads)) or 'nothing'}"
            lacks.append(warning((*path, "offloads", name), text, hint))
        found |= switched or {}
    return found, lacks


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
    return {
        "queues": {name: amount.now for name, amount in card.queues.items()},
        "rings": {name: amount.now for name, amount in card.rings.items()},
        "offloads": {name: one.asked for name, one in card.offloads.items() if not one.fixed},
    }


def refused(wanted: CardWanted, card: Card) -> Iterator[tuple[Group, Settings, Settings]]:
    """Yield, wanted and found, what the card does not do though it was told."""
    done = {**present(card), "offloads": {name: one.on for name, one in card.offloads.items()}}
    for group, settings in wanted.asked.items():
        found = {name: done[group].get(name, value) for name, value in settings.items()}
        if other := {name: value for name, value in settings.items() if found[name] != value}:
            yield group, other, {name: found[name] for name in other}


def words(group: Group, settings: Settings) -> str:
    """Return settings in words; names of offloads say for themselves what they are."""
    said = (f"{name} {_word(value)}" for name, value in settings.items())
    return f"{'' if group == 'offloads' else f'{group} '}{', '.join(said)}"


def _word(value: bool | int) -> str:
    return str(value) if not isinstance(value, bool) else "on" if value else "off"
