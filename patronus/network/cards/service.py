# SPDX-License-Identifier: GPL-2.0-or-later
"""The cards inside patronusd: looks at them, sets them, keeps how they were; none of it refuses a change."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from patronus.core.card import Card, Group, Settings
from patronus.core.errors import KernelError, LinkGone
from patronus.core.feature import Difference, Earlier, Feature, Step
from patronus.core.model import Configuration
from patronus.core.problem import Problem
from patronus.core.verb import Caller, Nothing, Verb
from patronus.kernel.ethtool import Ethtool
from patronus.kernel.host import Host
from patronus.network.cards.plan import (
    CardsPlan,
    Facts,
    Kept,
    differing,
    plan,
    present,
    refused,
    words,
)
from patronus.network.cards.verbs import CardList, card_info
from patronus.network.interfaces.plan import InterfacesPlan

log = logging.getLogger(__name__)


class CardsFeature(Feature[CardsPlan, Facts]):
    """Sets the cards as their roles ask for it."""

    name = "cards"

    def __init__(self, host: Host) -> None:
        self._host = host
        self._ethtool = Ethtool()
        self._path = host.places.run / "cards.json"
        self._plan = CardsPlan()
        self._refusals: dict[tuple[str, Group], str] = {}
        self._rounded: dict[tuple[int, Group], tuple[Settings, Settings]] = {}

    def facts(self) -> Facts:
        """Read what the cards offer and have; one that cannot be looked at stays as it is."""
        found = {}
        for nic in self._host.netlink.inventory():
            card = self._read(nic.name)
            if card is not None:
                found[nic.name] = card
        return Facts(found, self._kept())

    def _read(self, device: str) -> Card | None:
        try:
            return self._ethtool.read(device)
        except LinkGone:
            return None
        except KernelError as error:
            log.warning("%s", error)
            return None

    def plan(self, config: Configuration, facts: Facts, earlier: Earlier) -> CardsPlan:
        """Return how the cards shall be set."""
        return plan(config, earlier.find(InterfacesPlan) or InterfacesPlan(), facts)

    def rehearse(self, plan: CardsPlan) -> Iterable[Problem]:
        """Yield what the cards do not offer, as warnings."""
        return plan.warnings

    def steps(self, plan: CardsPlan, running: CardsPlan | None) -> Iterator[Step]:  # noqa: ARG002
        """Yield what the cards must be told, each group of settings by itself."""
        for problem in plan.warnings:
            if problem not in self._plan.warnings:
                log.warning("%s", problem.message)
        self._plan = plan
        for wanted in plan.cards:
            if (card := self._read(wanted.device)) is not None:
                for group, settings in differing(wanted, card):
                    if not self._settled(card, group, settings):
                        yield self._step(card, group, settings)

    def _settled(self, card: Card, group: Group, settings: Settings) -> bool:
        """Return whether the driver was told this before, and has made of it what it has now.

        Some round sizes: to tell them again would start the card anew at each change.
        """
        now = present(card)[group]
        made = {name: now[name] for name in settings}
        return self._rounded.get((card.number, group)) == (dict(settings), made)

    def _step(self, card: Card, group: Group, settings: Settings) -> Step:
        now = present(card)[group]
        before = {name: now[name] for name in settings}

        def do() -> None:
            self._keep(card, group, before)
            told = self._try(card.device, group, settings)
            if told and (after := self._read(card.device)) is not None:
                made = {name: present(after)[group].get(name, value) for name, value in settings.items()}
                self._rounded[card.number, group] = (dict(settings), made)

        def undo() -> None:
            self._try(card.device, group, before)

        return Step(f"{card.device}: {words(group, settings)}", do, undo)

    def _try(self, device: str, group: Group, settings: Settings) -> bool:
        """Tell a card, and return whether it has taken it.

        What its driver refuses is kept for the doctor, and keeps nothing else from being done.
        """
        tell: dict[Group, Callable[[str, Any], None]] = {
            "queues": self._ethtool.set_queues,
            "rings": self._ethtool.set_rings,
            "offloads": self._ethtool.set_offloads,
        }
        self._refusals.pop((device, group), None)
        try:
            tell[group](device, settings)
        except LinkGone as error:
            log.warning("%s; it is done when that is back", error)
        except KernelError as error:
            self._refusals[device, group] = str(error)
            log.warning("%s", error)
        else:
            return True
        return False

    def _kept(self) -> dict[str, Kept]:
        """Return what the cards had before; a file of an earlier boot is none, since it lies in memory."""
        try:
            told = json.loads(self._path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            log.warning("cannot read %s: %s", self._path, error)
            return {}
        return {device: Kept(one["number"], one["settings"]) for device, one in told.items()}

    def _keep(self, card: Card, group: Group, before: Settings) -> None:
        """Write down what a card had before its first change; without it nothing could be set back."""
        kept = self._kept()
        known = kept.get(card.device)
        if known is None or known.number != card.number:
            known = Kept(card.number)
        settings = {**known.settings, group: {**before, **known.settings.get(group, {})}}
        kept[card.device] = Kept(card.number, settings)
        told = {device: {"number": one.number, "settings": one.settings} for device, one in kept.items()}
        try:
            fresh = self._path.with_suffix(".new")
            fresh.write_text(json.dumps(told), encoding="utf-8")
            fresh.replace(self._path)
        except OSError as error:
            log.warning("%s cannot be set back later: %s", card.device, error)

    def observe(self, plan: CardsPlan) -> Iterator[Difference]:
        """Read the cards back; one that does not do as it was told refuses no change."""
        for wanted in plan.cards:
            if (card := self._read(wanted.device)) is not None:
                for group, asked, found in refused(wanted, card):
                    text = self._refusals.get((wanted.device, group), words(group, found))
                    what = f"{wanted.device}: {group}"
                    yield Difference(what, words(group, asked), text, refuses=False)

    def verbs(self) -> Iterable[Verb[Any, Any]]:
        """Return the verb on cards."""
        return (Verb("cards.List", Nothing, CardList, self.list, route="GET /cards"),)

    def list(self, _: Caller, __: Nothing) -> CardList:
        """Say what the network cards offer and how they are set."""
        playing = {wanted.device: wanted for wanted in self._plan.cards}
        cards = self.facts().cards.values()
        return CardList(cards=[card_info(card, playing.get(card.device)) for card in cards])


def create(host: Host) -> CardsFeature:
    """Make the feature; called once by the daemon."""
    return CardsFeature(host)
