# SPDX-License-Identifier: GPL-2.0-or-later
"""Settings of network cards that belong to no other link, or that contradict each other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from patronus.core.problem import Path, Problem
from patronus.network.interfaces.card_model import Offloads, Rings
from patronus.network.interfaces.model import Interface, standing_on

_OF_CARDS: Mapping[str, object] = {
    "offloads": Offloads.unsaid(),
    "rings": Rings.unsaid(),
    "queues": None,
}
"""Settings of cards alone, and what stands where nothing is said."""
_NEEDS: Mapping[str, tuple[str, ...]] = {
    "tso": ("tx", "sg"),
    "gso": ("sg",),
    "rx_gro_hw": ("rx", "gro"),
    "rx_udp_gro_forwarding": ("gro",),
}
"""What the kernel switches off by itself where another is off (netdev_fix_features)."""


def check_card(path: Path, item: Interface, roles: Mapping[str, Interface]) -> Iterator[Problem]:
    """Yield what is wrong with the settings of the card; ``path`` is where the interface stands."""
    yield from _check_place(path, item, roles)
    offloads = item.offloads
    if offloads.lro:
        text = "packets that a card has joined for good cannot be sent on, and a router sends on"
        yield Problem(
            (*path, "offloads", "lro"), text, offloads.lro, "false", "gro joins them and can cut again"
        )
    for name, needed in _NEEDS.items():
        for other in needed:
            if getattr(offloads, name) and getattr(offloads, other) is False:
                word = name.replace("_", "-")
                text = f"{word} needs {other}, which is off here"
                hint = f"{other}: true, or {word}: false"
                yield Problem((*path, "offloads", word), text, "true", hint=hint)


def _check_place(path: Path, item: Interface, roles: Mapping[str, Interface]) -> Iterator[Problem]:
    """Refuse settings of cards where no card is."""
    if item.kind == "nic":
        return
    below = [one.id for one in standing_on(item, roles)[-1:]] or list(item.members)
    hint = f"set it at {', '.join(below)}" if below else "leave it out"
    for name, unsaid in _OF_CARDS.items():
        if getattr(item, name) != unsaid:
            text = f"{name} belong to a network card, and {item.id} is a {item.kind}"
            yield Problem((*path, name), text, hint=hint)
