# SPDX-License-Identifier: GPL-2.0-or-later
"""What the section alone cannot show: interfaces that do not exist, hosts of the other family. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from patronus.core.model import Configuration
from patronus.core.problem import Path, Problem
from patronus.network.interfaces.check_vrf import not_in_vrf
from patronus.network.interfaces.model import Interfaces
from patronus.network.mappings.model import Mappings

SECTION_PATH = "network/mappings"


def check(config: Configuration) -> Iterator[Problem]:
    """Yield every problem of the section."""
    for problem in _problems(config):
        yield replace(problem, location=config.locate(problem.path))


def _problems(config: Configuration) -> Iterator[Problem]:
    model = config.get(Mappings)
    interfaces = config.get(Interfaces).interfaces
    zones = {item.id: item.zone for item in interfaces}
    yield from not_in_vrf((SECTION_PATH, "outside"), model.outside, interfaces, "no ports are mapped")
    if model.outside is not None:
        yield from _interface((SECTION_PATH, "outside"), model.outside, zones)
    elif model.inside:
        text = "hosts may ask, but no uplink gives its ports"
        yield Problem((SECTION_PATH, "inside"), text, hint="name it: outside: wan")
    for position, role in enumerate(model.inside):
        path: Path = (SECTION_PATH, "inside", position)
        yield from _interface(path, role, zones)
        yield from not_in_vrf(path, role, interfaces, "no ports are mapped")
        if role == model.outside:
            yield Problem(path, f"{role} is the uplink: anyone outside could ask", role)
        elif zones.get(role) is not None and zones.get(role) == zones.get(model.outside or ""):
            yield Problem(path, f"{role} is in the zone of the uplink: anyone outside could ask", role)
    for position, item in enumerate(model.allow):
        for place, prefix in enumerate(item.hosts):
            if prefix.version == 6:
                at = (SECTION_PATH, "allow", position, "hosts", place)
                yield Problem(at, f"{prefix} is IPv6: ports are mapped for IPv4 alone", str(prefix))


def _interface(path: Path, role: str, zones: dict[str, str | None]) -> Iterator[Problem]:
    if role not in zones:
        yield Problem(path, f"there is no interface {role}", role, ", ".join(sorted(zones)))
    elif zones[role] is None:
        yield Problem(path, f"{role} is in no zone, so nothing passes it", role)
