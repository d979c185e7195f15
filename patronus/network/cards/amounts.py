# SPDX-License-Identifier: GPL-2.0-or-later
"""Rings and queues: as many as the file asks for, or as many as the card has. Pure."""

from __future__ import annotations

from patronus.core.card import Card, Settings
from patronus.core.problem import Path, Problem
from patronus.network.interfaces.model import Interface
from patronus.network.interfaces.roles import warning

Found = tuple[Settings, list[Problem]]
"""What to set, and what the card does not offer."""


def rings(path: Path, item: Interface, card: Card) -> Found:
    """Return the sizes of rings, the largest where the card has none as large."""
    found: dict[str, bool | int] = {}
    lacks: list[Problem] = []
    offered = {str(name): amount for name, amount in card.rings.items()}
    for name, size in (("receive", item.rings.receive), ("transmit", item.rings.transmit)):
        if size is None:
            continue
        here = (*path, "rings", name)
        if name not in offered:
            lacks.append(warning(here, f"{_named(item, card)} has no {name} ring that can be set"))
            continue
        found[name] = min(size, offered[name].most)
        if size > offered[name].most:
            text = f"{_named(item, card)} takes {offered[name].most} packets in its {name} ring, not {size}"
            lacks.append(warning(here, text, hint=f"{found[name]} are set"))
    return found, lacks


def queues(path: Path, item: Interface, card: Card) -> Found:
    """Return the number of queues: of pairs where the card has pairs, else of those of each direction."""
    if item.queues is None:
        return {}, []
    here = (*path, "queues")
    pairs = "combined" in card.queues
    offered = {str(name): one for name, one in card.queues.items() if name == "combined" or not pairs}
    if not offered:
        return {}, [warning(here, f"{_named(item, card)} has no queues that can be set")]
    most = max(amount.most for amount in offered.values())
    found = {name: min(item.queues, amount.most) for name, amount in offered.items()}
    if item.queues <= most:
        return found, []
    text = f"{_named(item, card)} has {most} queue{'s' if most > 1 else ''} at most, not {item.queues}"
    return found, [warning(here, text, hint=f"{most} {'are' if most > 1 else 'is'} set")]


def _named(item: Interface, card: Card) -> str:
    return f"{card.device}, the card of {item.id},"
