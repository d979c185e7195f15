# SPDX-License-Identifier: GPL-2.0-or-later
"""Who uses an alias or a zone: what names it, each with its place."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from patronus.core.model import Configuration
from patronus.core.problem import Path
from patronus.firewall.model.expectations import Expectations
from patronus.firewall.model.match import AliasName
from patronus.firewall.model.nat import Nat, NatEntry
from patronus.firewall.model.protection import Protection
from patronus.firewall.model.rules import Rule, Rules
from patronus.firewall.model.zones import Zones
from patronus.network.interfaces.model import Interfaces

NOUNS = {
    "firewall/rules": "rule",
    "firewall/nat": "translation",
    "firewall/zones": "zone",
    "firewall/protection": "guard",
    "firewall/tests": "expectation",
    "network/interfaces": "interface",
    "patronus": "page of this router",
}
"""Section → what people call an item of it."""


@dataclass(frozen=True)
class Use:
    """One place where something is ``named``, in the item with this id."""

    named: str
    path: Path
    item: str
    title: str

    @property
    def section(self) -> str:
        """Return the file that it stands in."""
        return str(self.path[0])

    @property
    def who(self) -> str:
        """Return what names it, for people."""
        return f"{NOUNS[self.section]} {self.title}".rstrip()

    @property
    def key(self) -> str:
        """Return where it stands in the item."""
        return ".".join(map(str, self.path[3:] or self.path[1:]))


def places(uses: Iterable[Use], name: str) -> list[tuple[Path, str]]:
    """Return where something of this name is named, and by whom."""
    return [(use.path, use.who) for use in uses if use.named == name]


def alias_uses(config: Configuration) -> Iterator[Use]:
    """Yield each use of an alias, those of rules first, in the order of the files."""
    for position, rule in enumerate(config.get(Rules).rules):
        origin = rule.from_.source if rule.from_ else None
        for keys, matches in (
            (("from", "source"), origin),
            (("source",), rule.source),
            (("destination",), rule.destination),
            (("source_port",), rule.source_port),
            (("destination_port",), rule.destination_port),
        ):
            yield from _aliases(matches, ("firewall/rules", "rules", position, *keys), rule)
    for position, entry in enumerate(config.get(Nat).nat):
        for key in ("source", "destination"):
            matches = getattr(entry, key, None)
            yield from _aliases(matches, ("firewall/nat", "nat", position, key), entry)


def _aliases(matches: Iterable[object] | None, path: Path, item: Rule | NatEntry) -> Iterator[Use]:
    for match in matches or ():
        if isinstance(match, AliasName):
            yield Use(match.id, path, item.id, item.name or item.id)


def zone_uses(config: Configuration) -> Iterator[Use]:
    """Yield each use of a zone: by interfaces first, then by zones, rules, translations, and what else."""
    for position, interface in enumerate(config.get(Interfaces).interfaces):
        path: Path = ("network/interfaces", "interfaces", position, "zone")
        yield from _zones([interface.zone], path, interface.id)
    for position, zone in enumerate(config.get(Zones).zones):
        for other in zone.to:
            if other != zone.id:
                yield Use(other, ("firewall/zones", "zones", position, "to", other), zone.id, zone.id)
    for position, rule in enumerate(config.get(Rules).rules):
        path = ("firewall/rules", "rules", position)
        yield from _zones([rule.from_.zone if rule.from_ else None], (*path, "from"), rule.id, rule.title)
        yield from _zones([rule.to], (*path, "to"), rule.id, rule.title)
    for position, entry in enumerate(config.get(Nat).nat):
        for attribute, key in (("in_", "in"), ("out", "out"), ("zone", "zone")):
            path = ("firewall/nat", "nat", position, key)
            yield from _zones([getattr(entry, attribute, None)], path, entry.id, entry.name)
    yield from _zones_elsewhere(config)


def _zones_elsewhere(config: Configuration) -> Iterator[Use]:
    protection = config.get(Protection)
    for name in Protection.model_fields:
        zones = getattr(protection, name).zones or ()
        yield from _zones(zones, ("firewall/protection", name, "zones"), name)
    for position, test in enumerate(config.get(Expectations).tests):
        path: Path = ("firewall/tests", "tests", position)
        yield from _zones([test.from_], (*path, "from"), test.id, test.name)
        yield from _zones([test.to], (*path, "to"), test.id, test.name)
    web = getattr(config.sections.get("patronus"), "web", None)  # its model belongs to a higher floor
    if web is not None and "zones" in web.model_fields_set:
        yield from _zones(web.zones, ("patronus", "web", "zones"), "web", "")


def _zones(named: Iterable[str | None], path: Path, item: str, title: str | None = None) -> Iterator[Use]:
    for zone in named:
        if zone is not None:
            yield Use(zone, path, item, item if title is None else title)
