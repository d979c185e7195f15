# SPDX-License-Identifier: GPL-2.0-or-later
"""Who uses an alias: the rules and the translations that name it, each with its place."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from patronus.core.model import Configuration
from patronus.core.problem import Path
from patronus.firewall.model.match import AliasName
from patronus.firewall.model.nat import Nat, NatEntry
from patronus.firewall.model.rules import Rule, Rules


@dataclass(frozen=True)
class Use:
    """One place where an alias is named, in the rule or translation with the id ``item``."""

    alias: str
    path: Path
    item: str
    title: str

    @property
    def section(self) -> str:
        """Return the file that it stands in."""
        return str(self.path[0])

    @property
    def noun(self) -> str:
        """Return what people call such an item."""
        return "rule" if self.section == "firewall/rules" else "translation"


def alias_uses(config: Configuration) -> Iterator[Use]:
    """Yield each use of an alias, those of rules first, in the order of the files."""
    for position, rule in enumerate(config.get(Rules).rules):
        yield from _of_rule(rule, ("firewall/rules", "rules", position))
    for position, entry in enumerate(config.get(Nat).nat):
        yield from _of_translation(entry, ("firewall/nat", "nat", position))


def _of_rule(rule: Rule, path: Path) -> Iterator[Use]:
    origin = rule.from_.source if rule.from_ else None
    for keys, matches in (
        (("from", "source"), origin),
        (("source",), rule.source),
        (("destination",), rule.destination),
        (("source_port",), rule.source_port),
        (("destination_port",), rule.destination_port),
    ):
        yield from _named(matches, (*path, *keys), rule.id, rule.title)


def _of_translation(entry: NatEntry, path: Path) -> Iterator[Use]:
    for key in ("source", "destination"):
        yield from _named(getattr(entry, key, None), (*path, key), entry.id, entry.name or entry.id)


def _named(matches: Iterable[object] | None, path: Path, item: str, title: str) -> Iterator[Use]:
    for match in matches or ():
        if isinstance(match, AliasName):
            yield Use(match.id, path, item, title)
