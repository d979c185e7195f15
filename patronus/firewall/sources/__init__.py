# SPDX-License-Identifier: GPL-2.0-or-later
"""Where the addresses of aliases come from that do not stand in the file.

What is here is pure; ``service`` finds them. It never asks anybody: lists are brought in by a process of
their own, and read where that leaves them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from patronus.core.model import Configuration
from patronus.firewall.addresses import AddressSet
from patronus.firewall.model.alias import Alias
from patronus.firewall.model.rules import Rules
from patronus.lists.wanted import DAY_S, Content, Wanted

CONTENT: Content = "addresses"


class Sources(Protocol):
    """What was found for aliases that live."""

    def addresses(self, alias: Alias) -> AddressSet:
        """Return what the alias holds now; the same object as long as that has not changed."""

    def fault(self, alias: Alias) -> str | None:
        """Return why it holds nothing, or not what it should; None where all is well."""


class _Nothing:
    """Nothing was looked for: what the files alone say."""

    def addresses(self, alias: Alias) -> AddressSet:
        """Return nothing."""
        return AddressSet(alias=alias.id, lives=True)

    def fault(self, alias: Alias) -> str | None:  # noqa: ARG002
        """Return None."""
        return None


NOTHING_FOUND: Sources = _Nothing()


@dataclass(frozen=True)
class Held:
    """What an alias that lives was found to hold, and why not what it should."""

    alias: Alias
    addresses: AddressSet
    fault: str | None

    @staticmethod
    def of(alias: Alias, sources: Sources) -> Held:
        """Return what the alias holds now."""
        return Held(alias, sources.addresses(alias), sources.fault(alias))


def held(config: Configuration, sources: Sources) -> tuple[Held, ...]:
    """Return what the living aliases of a configuration hold now, in the order of the file."""
    return tuple(Held.of(alias, sources) for alias in config.get(Rules).aliases if alias.lives)


def wanted_lists(config: Configuration) -> Iterator[Wanted]:
    """Yield the lists that aliases name by a URL."""
    for alias in config.get(Rules).aliases:
        source = alias.list_
        if source is not None and source.url is not None:
            yield Wanted(source.url, CONTENT, source.refresh or DAY_S, source.ca, (f"alias {alias.id}",))
