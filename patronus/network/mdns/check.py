# SPDX-License-Identifier: GPL-2.0-or-later
"""What the section alone cannot show: interfaces that do not exist, or lead outside. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from patronus.core.model import Configuration
from patronus.core.problem import Path, Problem
from patronus.network.interfaces.check_vrf import not_in_vrf
from patronus.network.interfaces.model import Interfaces
from patronus.network.mdns.model import Mdns

SECTION_PATH = "network/mdns"
WAN = "wan"


def check(config: Configuration) -> Iterator[Problem]:
    """Yield every problem of the section."""
    for problem in _problems(config):
        yield replace(problem, location=config.locate(problem.path))


def _problems(config: Configuration) -> Iterator[Problem]:
    between = config.get(Mdns).between
    zones = {item.id: item.zone for item in config.get(Interfaces).interfaces}
    for position, role in enumerate(between):
        path: Path = (SECTION_PATH, "between", position)
        found = config.get(Interfaces).interfaces
        yield from not_in_vrf(path, role, found, "nothing is repeated")
        if role not in zones:
            yield Problem(path, f"there is no interface {role}", role, ", ".join(sorted(zones)))
        elif zones[role] is None:
            yield Problem(path, f"{role} is in no zone, so nothing passes it", role)
        elif zones[role] == WAN:
            yield Problem(path, f"{role} leads outside: everybody there would see what hosts say", role)
    if len(set(between)) == 1:
        text = "one interface has nothing to be repeated to"
        yield Problem((SECTION_PATH, "between"), text, hint="name at least two")
