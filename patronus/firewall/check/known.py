# SPDX-License-Identifier: GPL-2.0-or-later
"""The names that rules may use, and the problem of using another."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches

from patronus.core.model import Configuration
from patronus.core.problem import Path, Problem, Severity
from patronus.firewall.addresses import VERSIONS, AddressSet, Version
from patronus.firewall.model import SELF, Alias, AliasName, Rules, Zones
from patronus.firewall.model.match import AddressMatch, PortMatch
from patronus.firewall.resolve.names import Names
from patronus.network.interfaces.model import Interfaces, vrfs_of
from patronus.network.interfaces.plan import InterfacesPlan


@dataclass(frozen=True)
class Known:
    """What the configuration declares: zones, roles with their zone, aliases; ``vrfs``: role → its VRF."""

    zones: tuple[str, ...]
    roles: Mapping[str, str | None]
    aliases: Mapping[str, Alias]
    names: Names
    vrfs: Mapping[str, str] = field(default_factory=dict)

    @staticmethod
    def of(config: Configuration) -> Known:
        """Return the names of a configuration."""
        rules = config.get(Rules)
        return Known(
            zones=tuple(zone.id for zone in config.get(Zones).zones),
            roles={item.id: item.zone for item in config.get(Interfaces).interfaces},
            aliases={alias.id: alias for alias in rules.aliases},
            names=Names(rules, InterfacesPlan()),
            vrfs=vrfs_of(config.get(Interfaces).interfaces),
        )

    def zone(self, zone: str | None, path: Path, *, router: bool) -> Iterator[Problem]:
        """Yield the problem of a zone that is not declared, or of the router where it cannot stand."""
        if zone is None or zone in self.zones or (router and zone == SELF):
            return
        if zone == SELF:
            hint = "leave the rule out: what the router itself sends is open"
            yield Problem(path, "nothing filters what comes from the router itself", zone, hint=hint)
        else:
            yield unknown("zone", zone, self.zones, path)

    def addresses(self, matches: Iterable[AddressMatch] | None, path: Path) -> Iterator[Problem]:
        """Return the problems of the aliases among addresses."""
        return self._references(matches, path, "addresses") if matches else iter(())

    def ports(self, matches: Iterable[PortMatch] | None, path: Path) -> Iterator[Problem]:
        """Return the problems of the aliases among ports."""
        return self._references(matches, path, "ports") if matches else iter(())

    def _references(self, matches: Iterable[object], path: Path, kind: str) -> Iterator[Problem]:
        for match in matches:
            if not isinstance(match, AliasName):
                continue
            alias = self.aliases.get(match.id)
            if alias is None:
                right = [name for name, item in self.aliases.items() if item.holds == kind]
                yield unknown("alias", match.id, right, path)
            elif alias.holds != kind:
                yield Problem(
                    path, f"the alias {match.id} holds {alias.holds}", str(match), f"an alias with {kind}"
                )
            elif not alias.lives and not getattr(alias, kind):
                yield warning(path, f"the alias {match.id} is empty, so nothing fits", str(match))


def unknown(kind: str, name: str, known: Collection[str], path: Path) -> Problem:
    """Return the problem of a name that nothing has, hinting at the nearest."""
    close = get_close_matches(name, known, 1)
    allowed = ", ".join(known) or f"no {kind} is declared"
    hint = f"did you mean {close[0]}?" if close else None
    return Problem(path, f"there is no {kind} {name}", name, allowed, hint)


def warning(path: Path, message: str, value: object = None, hint: str | None = None) -> Problem:
    """Return a finding that lets the change pass."""
    return Problem(path, message, value, hint=hint, severity=Severity.WARNING)


def versions(side: AddressSet | None) -> frozenset[Version]:
    """Return the families that a side can be of: both where nothing is said, or nothing is known for good."""
    if side is None or side.lives or not side.versions:
        return frozenset(VERSIONS)
    return frozenset(side.versions)


def same_family(*sides: AddressSet | None) -> bool:
    """Return whether some family has addresses in each side; empty sides are another matter."""
    return bool(frozenset(VERSIONS).intersection(*map(versions, sides)))
