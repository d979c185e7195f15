# SPDX-License-Identifier: GPL-2.0-or-later
"""Problems of guards: zones that nobody declared, and a guard where it would stop what is wanted."""

from __future__ import annotations

from collections.abc import Iterator

from patronus.core.model import Configuration
from patronus.core.problem import Path, Problem
from patronus.firewall.check.known import Known, warning
from patronus.firewall.model import Protection
from patronus.firewall.resolve.uplinks import uplink_zones


def check_protection(config: Configuration, known: Known) -> Iterator[Problem]:
    """Yield the problems of all guards. Pure."""
    wanted = config.get(Protection)
    for name in Protection.model_fields:
        for position, zone in enumerate(getattr(wanted, name).zones or ()):
            path: Path = ("firewall/protection", name, "zones", position)
            yield from known.zone(zone, path, router=False)
    outside = uplink_zones(config)
    for position, zone in enumerate(wanted.bogons.zones or ()):
        if wanted.bogons.enabled and zone in known.zones and zone not in outside:
            message = f"no interface of {zone} leads out: hosts behind another router there would be dropped"
            path = ("firewall/protection", "bogons", "zones", position)
            yield warning(path, message, zone, "name their networks in `allow`, or leave the zone out")
